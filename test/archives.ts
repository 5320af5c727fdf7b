// Archives for tests: of a tree, made by hand entry by entry, and what becomes of them in a new tree.
import { stringToBytes } from '../src/base/iov.ts';
import { archiveTree } from '../src/fs/archive/archive-writer.ts';
import { BLOCK, encodeHeader, type Header, roundUp } from '../src/fs/archive/header.ts';
import { type ImportReport, importArchive } from '../src/fs/archive/import-archive.ts';
import { encodePax, type PaxRecord } from '../src/fs/archive/pax.ts';
import { Tree } from '../src/fs/tree/tree.ts';
import type { TreeOptions } from '../src/fs/tree/tree-options.ts';
import { MemoryStore } from './memory-store.ts';

export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export async function archiveOf(tree: Tree): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  for await (const piece of archiveTree(tree)) pieces.push(piece);
  return concat(pieces);
}

/** The bytes in pieces of one size, as many as are asked for. */
export function streamOf(bytes: Uint8Array, size = 64 * 1024): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at >= bytes.length) controller.close();
        else controller.enqueue(bytes.slice(at, at + size));
        at += size;
      },
    },
    { highWaterMark: 0 },
  );
}

export const newTree = (options: TreeOptions = {}): Promise<Tree> =>
  Tree.open(new MemoryStore(), { commitInterval: 0, ...options });

/** A new tree with what is in the archive. */
export async function treeOf(
  bytes: Uint8Array,
  options: TreeOptions & { pieceSize?: number } = {},
): Promise<{ tree: Tree; report: ImportReport }> {
  const tree = await newTree(options);
  const report = await importArchive(tree, streamOf(bytes, options.pieceSize));
  return { tree, report };
}

/** An entry by hand: the fields of its header, what is in it, and records before it. */
export interface MadeEntry extends Partial<{ [Key in keyof Header]: NonNullable<Header[Key]> }> {
  content?: Uint8Array;
  records?: readonly PaxRecord[];
  /** Changes to the header's bytes before its checksum is made anew. */
  patch?: (block: Uint8Array) => void;
}

function checksummed(block: Uint8Array): Uint8Array {
  block.fill(32, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(stringToBytes(`${sum.toString(8).padStart(6, '0')}\0 `), 148);
  return block;
}

const filled = (content: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(roundUp(content.length));
  bytes.set(content);
  return bytes;
};

export function entryBytes({ content = new Uint8Array(0), records, patch, ...fields }: MadeEntry): Uint8Array {
  const header = encodeHeader({
    name: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: 0,
    typeflag: '0',
    linkname: '',
    devmajor: 0,
    devminor: 0,
    ...fields,
  });
  patch?.(header);
  const before = records
    ? [entryBytes({ name: 'PaxHeaders/x', typeflag: 'x', content: stringToBytes(encodePax(records)) })]
    : [];
  return concat([...before, checksummed(header), filled(content)]);
}

export const END = new Uint8Array(2 * BLOCK);

export const archive = (...entries: MadeEntry[]): Uint8Array<ArrayBuffer> => concat([...entries.map(entryBytes), END]);

/** What is in a tree, by path: of a file its content as text, of a symbolic link "-> target", of others their type. */
export async function listing(tree: Tree): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const visit = async (dir: ReturnType<typeof tree.inode> & {}, path: string): Promise<void> => {
    for (const { name, inode } of tree.readdir(dir, 0)) {
      const at = `${path}${name}`;
      const type = inode.mode & 0o170000;
      if (type === 0o040000) {
        found[at] = 'directory';
        await visit(inode, `${at}/`);
      } else if (type === 0o120000) found[at] = `-> ${inode.target}`;
      else if (type === 0o100000) {
        const pieces = [...(await tree.read(inode, 0, inode.size))];
        found[at] = Buffer.concat(pieces).toString('latin1');
      } else found[at] = type.toString(8);
    }
  };
  await visit(tree.root, '');
  return found;
}
