// The named trees of this browser, and what the person does with them; one thing at a time, its outcome in words.
import { signal } from '@preact/signals';
import type { Checked, Finding, Imported, NamedTree, Task, TaskName, TaskResult } from '../lab/messages.ts';
import { ask } from './ask.tsx';
import { counted, formatBytes, formatCount, showName } from './format.ts';
import { type Lab, TaskError } from './lab-client.ts';
import { optionsQuery } from './options.ts';
import { chooseFile, offer } from './save.ts';
import { type Outcome, TaskDesk } from './task-desk.ts';
import type { Work } from './work.tsx';

/** What a check found in a tree. */
export interface Findings extends Checked {
  tree: string;
}

/** Why a text cannot be the name of a new tree; undefined where it can. */
export function treeNameProblem(text: string, trees: readonly NamedTree[]): string | undefined {
  if (!/^[\w.-]{1,64}$/.test(text)) return '1 to 64 letters, digits, dots, dashes.';
  return trees.some(({ name }) => name === text) ? 'There is a tree of this name.' : undefined;
}

/** A name for a tree, of what a file is called: without endings, and what a tree cannot be called. */
export function treeNameOf(file: string): string {
  const stem = file.replace(/\.(tar|tgz|tar\.gz)$/i, '');
  return (
    stem
      .replace(/[^\w.-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 64) || 'imported'
  );
}

/** `NAME-2026-11-21.tar` */
export function archiveName(tree: string, now: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${tree}-${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}.tar`;
}

/** A finding as one line: where it is, what is wrong, and what a repair does. */
export function findingText({ path, ino, text, repair }: Finding): string {
  const where = path === undefined ? (ino === undefined ? '' : `inode ${ino}: `) : `${showName(path)} (inode ${ino}): `;
  return `${where}${text} Repair: ${repair}`;
}

/** What became of an import, in words. */
export function importOutcome(tree: string, { entries, bytes, left, leftCount }: Imported): Outcome {
  const details = left.map(({ path, reason }) => `${path === '' ? 'The archive' : showName(path)}: ${reason}`);
  if (leftCount > left.length) details.push(`and ${formatCount(leftCount - left.length)} more`);
  const put = `${counted(entries, 'entry', 'entries')} (${formatBytes(bytes)}) put into the tree ${tree}`;
  if (leftCount === 0) return { kind: 'info', text: `${put}.`, details };
  return { kind: 'warning', text: `${put}; ${formatCount(leftCount)} left out, all or in part.`, details };
}

export class TreesModel extends TaskDesk {
  readonly trees = signal<readonly NamedTree[]>([]);
  /** Name of the one that the buttons act on. */
  readonly chosen = signal('');
  /** Of the last check, until something else is done. */
  readonly findings = signal<Findings | undefined>(undefined);

  constructor(lab: Lab) {
    super(lab);
    this.chosen.value = lab.options.tree;
  }

  get current(): NamedTree | undefined {
    return this.trees.value.find(({ name }) => name === this.chosen.value);
  }

  /** Looks again which trees there are. */
  async refresh(): Promise<void> {
    try {
      const trees = await this.lab.task({ do: 'list-trees' });
      this.trees.value = trees;
      if (this.current === undefined) this.chosen.value = trees.find(({ open }) => open)?.name ?? trees[0]?.name ?? '';
    } catch (error) {
      // The worker was ended meanwhile: the next one is asked.
      if (error instanceof TaskError && error.code === 'cancelled') return;
      this.failed('The trees could not be listed', error);
    }
  }

  protected override async run<Name extends TaskName>(
    task: Task<Name>,
    title: string,
    unit: Work['unit'] = 'bytes',
  ): Promise<{ result: TaskResult<Name> } | undefined> {
    this.findings.value = undefined;
    try {
      return await super.run(task, title, unit);
    } finally {
      await this.refresh();
    }
  }

  /** As run(), for what cannot be done to a tree that is open: the guest is ended for it, and started again. */
  private async runClosed<Name extends TaskName>(
    tree: string,
    task: Task<Name>,
    title: string,
    unit: Work['unit'] = 'bytes',
  ): Promise<{ result: TaskResult<Name> } | undefined> {
    const isOurs = tree === this.lab.options.tree;
    if (!isOurs) return this.run(task, title, unit);
    return this.lab.withoutTree(() => this.run(task, title, unit));
  }

  private told(text: string): void {
    this.outcome.value ??= { kind: 'info', text, details: [] };
  }

  open({ name }: NamedTree): void {
    const { options } = this.lab;
    if (name === options.tree) void this.lab.start();
    else location.search = optionsQuery({ ...options, tree: name }, location.search);
  }

  async create(): Promise<void> {
    const answer = await ask({
      title: 'New tree',
      field: { label: 'Name', value: '', problem: (text) => treeNameProblem(text, this.trees.value) },
      option: { label: 'With the example: a few files to try things on', on: true },
      choices: [{ id: 'create', label: 'Create', kind: 'primary' }],
    });
    if (answer === undefined) return;
    const { text: name, on: example } = answer;
    if (!(await this.run({ do: 'create-tree', name, example }, `Creating ${name}`))) return;
    this.chosen.value = name;
    this.told(`The tree ${name} was made.`);
  }

  async copy({ name }: NamedTree): Promise<void> {
    const answer = await ask({
      title: `Copy ${name}`,
      field: {
        label: 'Name of the copy',
        value: `${name}-copy`.slice(-64),
        problem: (text) => treeNameProblem(text, this.trees.value),
      },
      choices: [{ id: 'copy', label: 'Copy', kind: 'primary' }],
    });
    if (answer === undefined) return;
    const to = answer.text;
    if (!(await this.run({ do: 'copy-tree', from: name, to }, `Copying ${name} to ${to}`, 'count'))) return;
    this.chosen.value = to;
    this.told(`The tree ${name} was copied to ${to}.`);
  }

  async rename({ name, open }: NamedTree): Promise<void> {
    const answer = await ask({
      title: `Rename ${name}`,
      field: { label: 'New name', value: name, problem: (text) => treeNameProblem(text, this.trees.value) },
      choices: [{ id: 'rename', label: 'Rename', kind: 'primary' }],
    });
    if (answer === undefined) return;
    const to = answer.text;
    if (!(await this.run({ do: 'rename-tree', from: name, to }, `Renaming ${name}`))) return;
    if (open) {
      this.lab.renamed(to);
      const { options } = this.lab;
      history.replaceState(null, '', `${location.pathname}${optionsQuery(options, location.search)}${location.hash}`);
    }
    this.chosen.value = to;
    this.told(`The tree ${name} is called ${to} now.`);
  }

  async remove({ name }: NamedTree): Promise<void> {
    const answer = await ask({
      title: `Delete the tree ${name}?`,
      body: 'All files in it are gone then, for good.',
      choices: [{ id: 'delete', label: `Delete ${name}`, kind: 'danger' }],
    });
    if (answer === undefined) return;
    if (await this.run({ do: 'delete-tree', name }, `Deleting ${name}`)) this.told(`The tree ${name} was deleted.`);
  }

  async reset({ name, open }: NamedTree): Promise<void> {
    const answer = await ask({
      title: `Reset the tree ${name} to the example?`,
      body: `All files in it are gone then, and the example’s are there.${open ? ' The guest is restarted.' : ''}`,
      choices: [{ id: 'reset', label: `Reset ${name}`, kind: 'danger' }],
    });
    if (answer === undefined) return;
    const done = await this.runClosed(name, { do: 'reset-tree', name }, `Resetting ${name}`);
    if (done) this.told(`The tree ${name} is the example again.`);
  }

  async exportTree({ name }: NamedTree): Promise<void> {
    const file = archiveName(name, new Date());
    const chosen = await chooseFile(file);
    if (chosen === undefined) return;
    const done = await this.run({ do: 'export-tree', name, ino: undefined, to: chosen.handle }, `Exporting ${name}`);
    if (done === undefined) return;
    const { content, bytes } = done.result;
    if (content) offer(content, file);
    this.told(`The tree ${name} was exported (${formatBytes(bytes)}).`);
  }

  async importTree(from: File): Promise<void> {
    const answer = await ask({
      title: `Import ${from.name}`,
      field: {
        label: 'Name of the tree',
        value: treeNameOf(from.name),
        problem: (text) => treeNameProblem(text, []),
      },
      choices: [{ id: 'import', label: 'Import', kind: 'primary' }],
    });
    if (answer === undefined) return;
    const name = answer.text;
    const there = this.trees.value.find((tree) => tree.name === name);
    if (there && !(await this.mayReplace(there))) return;
    const replace = there !== undefined;
    const task: Task<'import-tree'> = { do: 'import-tree', name, from, replace };
    const title = `Importing ${from.name}`;
    const done = replace ? await this.runClosed(name, task, title) : await this.run(task, title);
    if (done === undefined) return;
    this.chosen.value = name;
    this.outcome.value = importOutcome(name, done.result);
  }

  private async mayReplace({ name, open }: NamedTree): Promise<boolean> {
    const answer = await ask({
      title: `Replace the tree ${name}?`,
      body: `There is a tree of this name: all files in it are gone then.${open ? ' The guest is restarted.' : ''}`,
      choices: [{ id: 'replace', label: `Replace ${name}`, kind: 'danger' }],
    });
    return answer !== undefined;
  }

  async check({ name }: NamedTree): Promise<void> {
    const done = await this.run({ do: 'check-tree', name }, `Checking ${name}`, 'count');
    if (done === undefined) return;
    if (done.result.count === 0) this.told(`The tree ${name} is clean: the check found nothing.`);
    else this.findings.value = { ...done.result, tree: name };
  }

  /** Only what the person has seen the findings of. */
  async repair({ tree }: Findings): Promise<void> {
    const done = await this.runClosed(tree, { do: 'repair-tree', name: tree }, `Repairing ${tree}`, 'count');
    if (done === undefined) return;
    const { findings, count } = done.result;
    this.outcome.value = {
      kind: 'info',
      text: `${counted(count, 'thing', 'things')} in the tree ${tree} ${count === 1 ? 'was' : 'were'} repaired.`,
      details: findings.map(findingText),
    };
  }
}
