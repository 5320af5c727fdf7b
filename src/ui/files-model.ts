// The tree as the Files pane shows it: the rows in sight, asked for again when the tree has changed.
import { effect, signal } from '@preact/signals';
import type { FileList, FileRow } from '../lab/messages.ts';
import { type Lab, type LabStage, TaskError } from './lab-client.ts';

/** Rows asked for beyond those in sight, so that scrolling finds them there. */
const MARGIN = 120;

export const ROOT_INO = 1;

const WITH_TREE: readonly LabStage[] = [
  'booting',
  'mounted',
  'ready',
  'rebooting',
  'powered-off',
  'stopped',
  'viewing',
];

/** What tells one name from all others. */
export const nameKey = ({ parent, cookie }: Pick<FileRow, 'parent' | 'cookie'>): string => `${parent}-${cookie}`;

export const isFolder = ({ mode }: FileRow): boolean => (mode & 0o170000) === 0o040000;
export const isFile = ({ mode }: FileRow): boolean => (mode & 0o170000) === 0o100000;

export class FilesModel {
  /** Undefined while there is no tree to be seen. */
  readonly list = signal<FileList | undefined>(undefined);
  /** Why there is none, for people. */
  readonly problem = signal('');
  /** Which row keys and buttons act on, from 0. */
  readonly cursor = signal(0);
  private readonly lab: Lab;
  private readonly expanded = new Set<number>([ROOT_INO]);
  /** The name that the cursor is on, once its row was seen. */
  private chosen: { parent: number; cookie: number } | undefined = { parent: 0, cookie: 0 };
  private wanted = { from: 0, count: 2 * MARGIN };
  private watching = false;
  private loading = false;
  private again = false;
  /** Whoever waits for the list to be as it is now. */
  private waiting: (() => void)[] = [];

  constructor(lab: Lab) {
    this.lab = lab;
    let operations = 0;
    effect(() => {
      const hasTree = WITH_TREE.includes(lab.stage.value);
      const { operations: now } = lab.counters.value;
      if (!hasTree) this.list.value = undefined;
      else if (this.list.peek() === undefined || now !== operations) this.refresh();
      operations = now;
    });
  }

  /** Whether somebody looks: nothing is asked for otherwise. */
  watch(watching: boolean): void {
    this.watching = watching;
    if (watching) this.refresh();
  }

  rowAt(index: number): FileRow | undefined {
    const list = this.list.value;
    return list?.rows[index - list.from];
  }

  /** The row that the cursor is on. */
  get current(): FileRow | undefined {
    return this.rowAt(this.cursor.value);
  }

  /** The rows that are to be in the document. */
  look(first: number, last: number): void {
    const { from, count } = this.wanted;
    if (first >= from && last <= from + count) return;
    this.wanted = { from: Math.max(0, first - MARGIN), count: last - first + 2 * MARGIN };
    this.refresh();
  }

  moveTo(index: number): void {
    const total = this.list.value?.total ?? 0;
    this.cursor.value = Math.max(0, Math.min(total - 1, index));
    const row = this.current;
    this.chosen = row && { parent: row.parent, cookie: row.cookie };
  }

  /** Puts the cursor on a name that is to be listed by now. */
  async choose(name: { parent: number; cookie: number }): Promise<void> {
    this.chosen = name;
    await this.refreshed();
  }

  /** Lists the names of a directory, or does so no more. */
  async expand(ino: number, expanded: boolean): Promise<void> {
    if (expanded) this.expanded.add(ino);
    else this.expanded.delete(ino);
    await this.refreshed();
  }

  /** Resolves when the list shows the tree as it is now. */
  refreshed(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.refresh();
    });
  }

  private refresh(): void {
    if (this.loading) this.again = true;
    else void this.load();
  }

  private async load(): Promise<void> {
    this.loading = true;
    do {
      this.again = false;
      const { waiting } = this;
      this.waiting = [];
      if ((this.watching || waiting.length > 0) && WITH_TREE.includes(this.lab.stage.peek())) await this.ask();
      for (const resolve of waiting) resolve();
    } while (this.again);
    this.loading = false;
  }

  private async ask(): Promise<void> {
    const { chosen } = this;
    try {
      const list = await this.lab.task({
        do: 'list-files',
        expanded: [...this.expanded],
        ...this.wanted,
        find: chosen,
      });
      this.take(list, chosen);
    } catch (error) {
      if (!(error instanceof TaskError)) throw error;
      this.list.value = undefined;
      this.problem.value = error.message;
    }
  }

  private take(list: FileList, chosen: { parent: number; cookie: number } | undefined): void {
    this.list.value = list;
    this.problem.value = '';
    // The person may have gone on meanwhile.
    if (chosen !== this.chosen) return;
    if (list.found !== undefined) this.cursor.value = list.found;
    // It is gone, or its row comes with this list: whatever is in its place now.
    else this.moveTo(this.cursor.peek());
  }
}
