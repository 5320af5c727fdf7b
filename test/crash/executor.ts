// Does the lines of a workload to a tree, one after the other, as one program would.
import { PosixError } from '../../src/base/errno.ts';
import { readerOf } from '../../src/base/iov.ts';
import type { Inode } from '../../src/fs/tree/inode.ts';
import type { Tree } from '../../src/fs/tree/tree.ts';

/** A sync that has come back: what it covered at least. */
export interface Acknowledged {
  /** Index of the line. */
  index: number;
  /** The tree's count of changes when it was asked for. */
  operation: number;
}

/** As in model.ts, which this does not share. */
function bytesOf(seed: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = seed; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** When the change of this number happened, for the tree's clock and for the model. */
export const timeOf = (change: number): { s: number; ns: number } => ({
  s: 1_700_000_000 + change,
  ns: (change * 1_000_003) % 1_000_000_000,
});

export class Executor {
  private readonly tree: Tree;
  private readonly acknowledge: (acknowledged: Acknowledged) => void;
  /** Syncs that were begun and not waited for. */
  private readonly underWay: Promise<void>[] = [];

  constructor(tree: Tree, acknowledge: (acknowledged: Acknowledged) => void) {
    this.tree = tree;
    this.acknowledge = acknowledge;
  }

  /** Throws where an operation does not end as the line says. Resolves when all syncs have come back. */
  async run(lines: readonly string[], pause: (index: number) => Promise<void> | undefined): Promise<void> {
    for (const [index, line] of lines.entries()) {
      const [expected, ...words] = line.split(' ');
      const errno = await this.step(words, index);
      if (errno !== Number(expected)) throw new Error(`line ${index}, ${line}: errno ${errno}`);
      await pause(index);
    }
    await Promise.all(this.underWay);
  }

  private async step(words: readonly string[], index: number): Promise<number> {
    try {
      await this.perform(words, index);
      return 0;
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      return error.errno;
    }
  }

  private find(path: string): Inode {
    const names = path === '.' || path === '' ? [] : path.split('/');
    return names.reduce((dir, name) => {
      const found = this.tree.lookup(dir, name);
      if (!found) throw new PosixError('ENOENT');
      return found;
    }, this.tree.root);
  }

  private place(path: string): [dir: Inode, name: string] {
    const slash = path.lastIndexOf('/');
    return [this.find(path.slice(0, Math.max(slash, 0))), path.slice(slash + 1)];
  }

  private async sync(index: number, inode?: Inode): Promise<void> {
    const { operations } = this.tree.counters;
    await this.tree.sync(inode);
    this.acknowledge({ index, operation: operations });
  }

  private perform(words: readonly string[], index: number): void | Promise<void> {
    const { tree } = this;
    const [verb, path = '', other = ''] = words;
    const number = (at: number): number => Number(words[at]);
    const root = { uid: 0, gid: 0 };
    switch (verb) {
      case 'mknod':
        tree.mknod(...this.place(path), { mode: number(2), rdev: number(3), ...root });
        return;
      case 'mkdir':
        tree.mkdir(...this.place(path), { mode: number(2), ...root });
        return;
      case 'symlink':
        tree.symlink(...this.place(path), other, root);
        return;
      case 'link':
        return tree.link(this.find(path), ...this.place(other));
      case 'unlink':
        return tree.unlink(...this.place(path));
      case 'rmdir':
        return tree.rmdir(...this.place(path));
      case 'rename':
        return tree.rename(...this.place(path), ...this.place(other), number(3), root);
      case 'write': {
        const bytes = bytesOf(number(4), number(3));
        return tree.write(this.find(path), number(2), bytes.length, readerOf(bytes));
      }
      case 'truncate':
        return tree.setattr(this.find(path), { size: number(2) });
      case 'chmod': {
        const inode = this.find(path);
        return tree.setattr(inode, { mode: (inode.mode & 0o170000) | number(2) });
      }
      case 'chown':
        return tree.setattr(this.find(path), { uid: number(2), gid: number(3) });
      case 'times':
        return tree.setattr(this.find(path), {
          atime: { s: number(2), ns: number(3) },
          mtime: { s: number(4), ns: number(5) },
        });
      case 'setxattr':
        return tree.setxattr(this.find(path), other, bytesOf(number(4), number(3)), 0);
      case 'removexattr':
        return tree.removexattr(this.find(path), other);
      case 'hold':
        return tree.hold(this.find(path));
      case 'fsync':
        return this.sync(index, this.find(path));
      case 'begin-fsync':
        this.underWay.push(this.sync(index, this.find(path)));
        return;
      case 'sync':
        return this.sync(index);
      default:
        throw new Error(`no such operation: ${words.join(' ')}`);
    }
  }
}
