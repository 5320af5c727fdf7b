import { describe, expect, test } from 'vitest';
import { RecordFlag } from '../lab/record.ts';
import { LogStore } from './log-store.ts';
import { RowTexts } from './row-texts.ts';
import { batch, record } from './test-records.ts';

describe('RowTexts', () => {
  test('a row is right, an error, or wrong where a rule was broken', () => {
    const store = new LogStore();
    store.append(
      batch(1, [
        record({ seq: 1 }),
        record({ seq: 2, error: -2 }),
        record({ seq: 3, opcode: 2, error: undefined, nlookup: -1, flags: RecordFlag.VIOLATION }),
        record({ seq: 4, error: -5, flags: RecordFlag.BUG }),
      ]),
    );
    const texts = new RowTexts(store);
    const rows = [0, 1, 2, 3].map((position) => texts.get(position));
    expect(rows.map(({ seq, op, state }) => [seq, op, state])).toEqual([
      [1, 'GETATTR', 'ok'],
      [2, 'GETATTR', 'error'],
      [3, 'FORGET', 'wrong'],
      [4, 'GETATTR', 'wrong'],
    ]);
  });
});
