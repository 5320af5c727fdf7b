// 5.18 on an IndexedDB in memory: no sync is answered early, and a store that does it is found out.
import { IDBDatabase, IDBFactory, IDBKeyRange, IDBObjectStore } from 'fake-indexeddb';
import { expect, test, vi } from 'vitest';
import { judgeSyncs, type StoreKind } from './durability.ts';
import type { IndexedDbClasses } from './transactions.ts';

vi.stubGlobal('IDBKeyRange', IDBKeyRange);

const classes = { IDBDatabase, IDBObjectStore } as unknown as IndexedDbClasses;
const judge = (kind: StoreKind, seed: number) => judgeSyncs(kind, { classes, factory: new IDBFactory() }, seed);

test.each([1, 2, 3])(
  '5.18 a sync is answered after a strict transaction with all of it is complete: seed %i',
  async (seed) => {
    const { answered, faults } = await judge('ours', seed);
    expect(faults).toEqual([]);
    expect(answered.length).toBeGreaterThan(40);
    expect(new Set(answered)).toEqual(new Set(['FSYNC', 'FSYNCDIR', 'SYNCFS', 'DESTROY']));
  },
);

test.each([
  ['answers at once', /before complete/],
  ['answers before complete', /before complete/],
  ['opens relaxed', /strict/],
] as const)('5.18 a store that %s is found out', async (kind, fault) => {
  const { answered, faults } = await judge(kind, 1);
  expect(faults.join('\n')).toMatch(fault);
  // Of each kind of request.
  for (const what of new Set(answered)) expect(faults.join('\n')).toContain(what);
});
