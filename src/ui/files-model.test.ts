import { signal } from '@preact/signals';
import { beforeEach, expect, test } from 'vitest';
import type { FileList, FileRow, Task } from '../lab/messages.ts';
import { FilesModel } from './files-model.ts';
import { type Lab, type LabStage, TaskError } from './lab-client.ts';

type Asked = Task<'list-files'>;

/** A lab whose tree is a list of names in the root; each task is answered when the test says so. */
class FakeLab {
  readonly stage = signal<LabStage>('ready');
  readonly counters = signal({ operations: 1 });
  names: string[] = [];
  asked: Asked[] = [];
  private waiting: (() => void)[] = [];
  failure: TaskError | undefined;

  task(task: Asked): Promise<FileList> {
    this.asked.push(task);
    return new Promise((resolve, reject) => {
      this.waiting.push(() => (this.failure ? reject(this.failure) : resolve(this.list(task))));
    });
  }

  private list({ from, count, find }: Asked): FileList {
    const all = ['', ...this.names];
    const row = (name: string, index: number) =>
      ({ parent: index === 0 ? 0 : 1, cookie: index === 0 ? 0 : Number(name), name, mode: 0o100644 }) as FileRow;
    const rows = all.map(row);
    const found = rows.findIndex(({ parent, cookie }) => parent === find?.parent && cookie === find.cookie);
    return {
      ...{ total: all.length, from, rows: rows.slice(from, from + count), found: found < 0 ? undefined : found },
      ...{ inodes: all.length, orphans: 0, readOnly: false },
    };
  }

  /** Answers what was asked, until nothing more is. */
  async answer(): Promise<void> {
    while (this.waiting.length > 0) {
      for (const answer of this.waiting.splice(0)) answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

let lab: FakeLab;
let files: FilesModel;

beforeEach(async () => {
  lab = new FakeLab();
  lab.names = Array.from({ length: 1000 }, (_, i) => `${i + 10}`);
  files = new FilesModel(lab as unknown as Lab);
  files.watch(true);
  await lab.answer();
  lab.asked = [];
});

test('asks again when the tree has changed, once for all that changes meanwhile, and for nothing unseen', async () => {
  lab.counters.value = { operations: 2 };
  lab.counters.value = { operations: 3 };
  lab.counters.value = { operations: 4 };
  await lab.answer();
  expect(lab.asked).toHaveLength(2);
  // Counters that change with the tree as it was.
  lab.counters.value = { operations: 4 };
  expect(lab.asked).toHaveLength(2);
  files.watch(false);
  lab.counters.value = { operations: 5 };
  await lab.answer();
  expect(lab.asked).toHaveLength(2);
});

test('asks for the rows in sight and some more, and again when those are left', async () => {
  files.look(10, 50);
  expect(lab.asked).toHaveLength(0);
  files.look(500, 540);
  await lab.answer();
  expect(lab.asked[0]).toMatchObject({ from: 380, count: 280 });
  expect(files.rowAt(500)?.name).toBe('509');
  expect(files.rowAt(0)).toBeUndefined();
});

test('the cursor stays on its name when others come before it, and in its place when that goes', async () => {
  files.moveTo(5);
  expect(files.current?.name).toBe('14');
  lab.names.splice(0, 2);
  lab.counters.value = { operations: 2 };
  await lab.answer();
  expect([files.cursor.value, files.current?.name]).toEqual([3, '14']);
  lab.names.splice(2, 1);
  lab.counters.value = { operations: 3 };
  await lab.answer();
  expect([files.cursor.value, files.current?.name]).toEqual([3, '15']);
  lab.names = ['10'];
  lab.counters.value = { operations: 4 };
  await lab.answer();
  expect([files.cursor.value, files.current?.name]).toEqual([1, '10']);
});

test('a cursor that is moved to rows not at hand has its name when they come', async () => {
  files.moveTo(2000);
  expect([files.cursor.value, files.current]).toEqual([1000, undefined]);
  files.look(980, 1001);
  await lab.answer();
  expect(files.current?.name).toBe('1009');
  lab.names.unshift('1');
  lab.counters.value = { operations: 2 };
  await lab.answer();
  expect([files.cursor.value, files.current?.name]).toEqual([1001, '1009']);
});

test('whoever waits has the list as it is by then, also while another is under way', async () => {
  lab.counters.value = { operations: 2 };
  lab.names.push('5000');
  const chosen = files.choose({ parent: 1, cookie: 5000 });
  await lab.answer();
  await chosen;
  expect(files.cursor.value).toBe(1001);
});

test('without a tree there is no list, and a refusal is told', async () => {
  lab.stage.value = 'loading';
  expect(files.list.value).toBeUndefined();
  lab.failure = new TaskError('refused', 'No tree is open.');
  lab.stage.value = 'ready';
  await lab.answer();
  expect([files.list.value, files.problem.value]).toEqual([undefined, 'No tree is open.']);
});
