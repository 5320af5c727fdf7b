// What the person does to files from the page: put in, save, name, remove; one at a time, with its outcome in words.
import { signal } from '@preact/signals';
import type { FileRow, Taken, Task, UploadEntry, UploadResult } from '../lab/messages.ts';
import { ask, type Question } from './ask.tsx';
import { type FilesModel, isFolder, ROOT_INO } from './files-model.ts';
import { counted, formatBytes, formatCount, showName, textOf } from './format.ts';
import type { Lab } from './lab-client.ts';
import { chooseFile, LARGE, offer } from './save.ts';
import { type Outcome, TaskDesk } from './task-desk.ts';

/** Where the tree is in the guest. */
export const MOUNT_POINT = '/mnt/lab';

/** A directory as the target of something. */
export interface Target {
  ino: number;
  /** As the guest has it, as text. */
  path: string;
}

/** Path of a row in the guest, as text. */
export function guestPath({ parent, folder, name }: Pick<FileRow, 'parent' | 'folder' | 'name'>): string {
  if (parent === 0) return MOUNT_POINT;
  return `${MOUNT_POINT}${folder === '/' ? '' : showName(folder)}/${showName(name)}`;
}

/** Where something goes that is put at a row: into the directory, or beside the file. */
export function targetOf(row: FileRow | undefined): Target {
  if (row === undefined) return { ino: ROOT_INO, path: MOUNT_POINT };
  if (isFolder(row)) return { ino: row.ino, path: guestPath(row) };
  return { ino: row.parent, path: `${MOUNT_POINT}${row.folder === '/' ? '' : showName(row.folder)}` };
}

/** Why a text cannot be a name; undefined where it can. */
export function nameProblem(text: string): string | undefined {
  if (text === '') return 'A name is needed.';
  if (text === '.' || text === '..') return 'This name has a meaning of its own.';
  if (text.includes('/') || text.includes('\0')) return 'A name has no slash.';
  return new TextEncoder().encode(text).length > 255 ? 'A name has at most 255 bytes.' : undefined;
}

/** What became of an upload, in words. */
export function uploadOutcome(result: UploadResult, count: number, into: string): Outcome {
  const { files, bytes, placed, left, leftCount, stopped } = result;
  const what = files === 0 ? 'No file' : `${counted(files, 'file', 'files')} (${formatBytes(bytes)})`;
  const put = `${what} put into ${into}`;
  const details = left.map(({ path, reason }) => `${path}: ${reason}`);
  if (leftCount > left.length) details.push(`and ${formatCount(leftCount - left.length)} more`);
  if (stopped === undefined && leftCount === 0) return { kind: 'info', text: `${put}.`, details };
  if (stopped === undefined) return { kind: 'warning', text: `${put}, ${formatCount(leftCount)} left out.`, details };
  if (files === count) return { kind: 'warning', text: `${put}. ${stopped}`, details };
  details.push(...placed.map((path) => `${path}: there, whole`));
  if (files > placed.length) details.push(`and ${formatCount(files - placed.length)} more`);
  const whole = files === 0 ? '' : ', whole';
  const text = `${stopped} ${put}${whole}; ${formatCount(count - files)} did not come.`;
  return { kind: 'warning', text, details };
}

export class FileActions extends TaskDesk {
  /** While folders that were dropped are looked through. */
  readonly looking = signal(false);
  private readonly files: FilesModel;

  constructor(lab: Lab, files: FilesModel) {
    super(lab);
    this.files = files;
  }

  override get busy(): boolean {
    return super.busy || this.looking.value;
  }

  async upload(found: Promise<UploadEntry[]>, target: Target): Promise<void> {
    if (this.busy) return;
    const entries = await this.lookThrough(found);
    if (entries === undefined || entries.length === 0) return;
    const taken = await this.whatIfTaken(entries, target);
    if (taken === undefined) return;
    const count = entries.filter(({ file }) => file !== undefined).length;
    const title = `${counted(count, 'file', 'files')} to ${target.path}`;
    const done = await this.run({ do: 'upload', into: target.ino, entries, taken }, title);
    if (done) this.outcome.value = uploadOutcome(done.result, count, target.path);
    await this.files.expand(target.ino, true);
  }

  private async lookThrough(found: Promise<UploadEntry[]>): Promise<UploadEntry[] | undefined> {
    this.looking.value = true;
    this.outcome.value = undefined;
    try {
      return await found;
    } catch (error) {
      this.failed('The files could not be read', error);
      return undefined;
    } finally {
      this.looking.value = false;
    }
  }

  private async whatIfTaken(entries: readonly UploadEntry[], { ino, path }: Target): Promise<Taken | undefined> {
    const paths = entries.map(({ path, file }) => ({ path, isFolder: file === undefined }));
    let taken: { names: string[]; count: number };
    try {
      taken = await this.lab.task({ do: 'find-taken', into: ino, paths });
    } catch (error) {
      this.failed('Nothing was put into the tree', error);
      return undefined;
    }
    if (taken.count === 0) return 'skip';
    const answer = await ask(takenQuestion(taken, path));
    return answer?.choice as Taken | undefined;
  }

  /** Saves a file as it is, a folder as a tar archive. */
  async download(row: FileRow): Promise<void> {
    if (this.busy) return;
    if (isFolder(row)) return this.downloadFolder(row);
    const name = textOf(row.name) ?? showName(row.name);
    // Asked before anything is awaited: browsers open the dialog for a click only.
    const chosen = row.size >= LARGE ? await chooseFile(name) : { handle: undefined };
    if (chosen === undefined) return;
    const done = await this.run({ do: 'download', ino: row.ino, to: chosen.handle }, `Saving ${name}`);
    if (done === undefined) return;
    if (done.result.content) offer(done.result.content, name);
    this.outcome.value = { kind: 'info', text: `${name} (${formatBytes(row.size)}) was saved.`, details: [] };
  }

  private async downloadFolder(row: FileRow): Promise<void> {
    const tree = this.lab.treeName.value;
    const name = row.parent === 0 ? tree : (textOf(row.name) ?? showName(row.name));
    const chosen = await chooseFile(`${name}.tar`);
    if (chosen === undefined) return;
    const task: Task<'export-tree'> = { do: 'export-tree', name: tree, ino: row.ino, to: chosen.handle };
    const done = await this.run(task, `Saving ${name}.tar`);
    if (done === undefined) return;
    const { content, bytes } = done.result;
    if (content) offer(content, `${name}.tar`);
    const text = `${guestPath(row)} was saved as ${name}.tar (${formatBytes(bytes)}).`;
    this.outcome.value = { kind: 'info', text, details: [] };
  }

  async makeFolder(target: Target): Promise<void> {
    const answer = await ask({
      title: `New folder in ${target.path}`,
      field: { label: 'Name', value: '', problem: nameProblem },
      choices: [{ id: 'make', label: 'Make folder', kind: 'primary' }],
    });
    if (answer === undefined) return;
    const made = await this.run({ do: 'make-folder', parent: target.ino, name: answer.text }, 'New folder');
    if (made === undefined) return;
    await this.files.expand(target.ino, true);
    await this.files.choose({ parent: target.ino, cookie: made.result.cookie });
  }

  async rename({ parent, cookie, name }: FileRow): Promise<void> {
    const answer = await ask({
      title: `Rename ${showName(name)}`,
      field: { label: 'New name', value: textOf(name) ?? '', problem: nameProblem },
      choices: [{ id: 'rename', label: 'Rename', kind: 'primary' }],
    });
    if (answer === undefined) return;
    const renamed = await this.run(
      { do: 'rename-file', parent, cookie, name: answer.text },
      `Rename ${showName(name)}`,
    );
    if (renamed) await this.files.choose({ parent, cookie: renamed.result.cookie });
  }

  async remove(row: FileRow): Promise<void> {
    const answer = await ask(removeQuestion(row));
    if (answer === undefined) return;
    const { parent, cookie, name } = row;
    await this.run({ do: 'remove-file', parent, cookie }, `Deleting ${showName(name)}`, 'count');
    await this.files.refreshed();
  }
}

function takenQuestion({ names, count }: { names: readonly string[]; count: number }, path: string): Question {
  const shown = names.slice(0, 5).join(', ');
  return {
    title: count === 1 ? `${names[0]} is there already` : `${formatCount(count)} names are taken in ${path}`,
    body: count === 1 ? `In ${path}.` : `${shown}${count > 5 ? ` and ${formatCount(count - 5)} more` : ''}.`,
    choices: [
      { id: 'keep-both', label: 'Keep both', kind: 'primary' },
      { id: 'replace', label: 'Replace', kind: 'danger' },
      { id: 'skip', label: count === 1 ? 'Skip it' : 'Skip them' },
    ],
  };
}

function removeQuestion(row: FileRow): Question {
  const inside = isFolder(row) && row.entries > 0;
  return {
    title: `Delete ${showName(row.name)}?`,
    body: inside
      ? `The folder ${guestPath(row)} and everything in it are gone then.`
      : `${guestPath(row)} is gone then.`,
    choices: [{ id: 'delete', label: 'Delete', kind: 'danger' }],
  };
}
