// A tree as a list of rows, of which the page asks for those in sight: names below the directories that are expanded.
import type { Directory, Dirent } from '../fs/tree/directory.ts';
import type { Inode } from '../fs/tree/inode.ts';
import type { Tree } from '../fs/tree/tree.ts';
import type { FileRow } from './messages.ts';

interface Order {
  dirents: Dirent[];
  nextCookie: number;
}

/** What a directory takes in the list: its own names, and those of expanded directories in it. */
interface Span {
  order: readonly Dirent[];
  /** Expanded directories in it, in its order. */
  inner: { at: number; dir: Inode }[];
  /** Rows of all of that. */
  rows: number;
}

const byName = (a: Dirent, b: Dirent): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

/** Index of a name in an order, or of the first one behind it. */
function placeOf(order: readonly Dirent[], name: string): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((order[middle] as Dirent).name < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function merge(one: readonly Dirent[], other: readonly Dirent[]): Dirent[] {
  const merged: Dirent[] = [];
  let at = 0;
  for (const dirent of one) {
    while (at < other.length && byName(other[at] as Dirent, dirent) < 0) merged.push(other[at++] as Dirent);
    merged.push(dirent);
  }
  for (; at < other.length; at++) merged.push(other[at] as Dirent);
  return merged;
}

/** What the page may ask of a list. Ascending by bytes, as `LC_ALL=C ls` has it. */
export class FileRows {
  private readonly orders = new WeakMap<Directory, Order>();

  /** A directory's names in order. Names that came since the last time are sorted in. */
  private order(directory: Directory): readonly Dirent[] {
    const { nextCookie, size } = directory;
    const known = this.orders.get(directory);
    // Every new name raises the cookie, so that one with both as before has the names of before.
    if (known && known.nextCookie === nextCookie && known.dirents.length === size) return known.dirents;
    const kept = known?.dirents.filter((dirent) => dirent.parent !== undefined) ?? [];
    const added = [...directory.after(known ? known.nextCookie - 1 : 0)].sort(byName);
    const dirents = kept.length === 0 ? added : added.length === 0 ? kept : merge(kept, added);
    this.orders.set(directory, { dirents, nextCookie });
    return dirents;
  }

  /**
   * `count` rows from `from` on of the list in which the names of the directories `expanded` (inode numbers) are
   * listed, as far as the directories that they are in are; and where the row of a name is, undefined for nowhere.
   */
  list(
    tree: Tree,
    { expanded, from, count, find }: ListOptions,
    nodeid: (inode: Inode) => number | undefined,
  ): { total: number; rows: FileRow[]; found: number | undefined } {
    const spans = this.spans(tree, expanded);
    const total = 1 + (spans.get(tree.root)?.rows ?? 0);
    const rows: FileRow[] = [];
    const to = Math.min(total, from + count);
    if (from <= 0 && to > 0) rows.push(rootRow(tree.root, spans.has(tree.root), nodeid));

    /** Adds those of a directory's rows that are asked for; its first one is row `start`. */
    const add = (dir: Inode, start: number, level: number): void => {
      const { order, inner } = spans.get(dir) as Span;
      const folder = tree.path(dir) ?? '';
      const above =
        dir === tree.root ? ROOT : { parent: (dir.parent as Inode).ino, cookie: (dir.link as Dirent).cookie };
      const push = (index: number, span: Span | undefined): void => {
        const { cookie, name, inode } = order[index] as Dirent;
        rows.push({
          ...{ parent: dir.ino, cookie, name, folder, above, level, position: index + 1, of: order.length },
          ...attributes(inode, nodeid(inode)),
          entries: inode.directory?.size ?? 0,
          expanded: span !== undefined,
        });
      };
      let row = start;
      let next = 0;
      for (let at = 0; at < order.length && row < to; ) {
        const following = inner[next];
        const plain = (following?.at ?? order.length) - at;
        // Names of which nothing is expanded are passed all at once.
        if (plain > 0) {
          for (let i = Math.max(0, from - row); i < plain && row + i < to; i++) push(at + i, undefined);
          row += plain;
          at += plain;
          continue;
        }
        const { dir: child } = following as { dir: Inode };
        const span = spans.get(child) as Span;
        if (row >= from) push(at, span);
        row++;
        if (row + span.rows > from) add(child, row, level + 1);
        row += span.rows;
        at++;
        next++;
      }
    };
    if (spans.has(tree.root)) add(tree.root, 1, 2);
    return { total, rows, found: find && this.find(tree, spans, find) };
  }

  /** Of the root and every expanded directory that can be seen. */
  private spans(tree: Tree, expanded: readonly number[]): Map<Inode, Span> {
    const open = new Set<Inode>();
    for (const ino of expanded) {
      const inode = tree.inode(ino);
      if (inode?.directory && inode.parent) open.add(inode);
    }
    const children = new Map<Inode, Inode[]>();
    for (const inode of open) {
      if (inode === tree.root) continue;
      const siblings = children.get(inode.parent as Inode);
      if (siblings) siblings.push(inode);
      else children.set(inode.parent as Inode, [inode]);
    }
    const spans = new Map<Inode, Span>();
    const measure = (dir: Inode): Span => {
      const order = this.order(dir.directory as Directory);
      const inner = (children.get(dir) ?? [])
        .map((child) => ({ at: placeOf(order, (child.link as Dirent).name), dir: child }))
        .sort((a, b) => a.at - b.at);
      const span: Span = { order, inner, rows: order.length };
      for (const { dir: child } of inner) span.rows += measure(child).rows;
      spans.set(dir, span);
      return span;
    };
    if (open.has(tree.root)) measure(tree.root);
    return spans;
  }

  private find(tree: Tree, spans: ReadonlyMap<Inode, Span>, { parent, cookie }: Name): number | undefined {
    if (parent === 0) return 0;
    let dir = tree.inode(parent);
    let dirent = dir && direntOf(dir, cookie);
    let row = 0;
    while (dir && dirent) {
      const span = spans.get(dir);
      if (!span) return undefined;
      const at = placeOf(span.order, dirent.name);
      row += 1 + at;
      for (const { at: before, dir: child } of span.inner) {
        if (before >= at) break;
        row += (spans.get(child) as Span).rows;
      }
      if (dir === tree.root) return row;
      dirent = dir.link;
      dir = dir.parent;
    }
    return undefined;
  }
}

/** The row of the root. */
const ROOT: Name = { parent: 0, cookie: 0 };

interface Name {
  parent: number;
  cookie: number;
}

export interface ListOptions {
  expanded: readonly number[];
  from: number;
  count: number;
  find: Name | undefined;
}

/** The entry with a cookie; undefined where there is none any more, or no directory. */
export function direntOf(dir: Inode, cookie: number): Dirent | undefined {
  const next = dir.directory?.after(cookie - 1).next();
  return next?.value?.cookie === cookie ? next.value : undefined;
}

function attributes(inode: Inode, nodeid: number | undefined) {
  const { ino, mode, uid, gid, size, blocks, nlink, rdev, mtime, mtimensec, target } = inode;
  return { ino, nodeid, mode, uid, gid, size, blocks, nlink, rdev, mtime, mtimensec, target };
}

function rootRow(root: Inode, expanded: boolean, nodeid: (inode: Inode) => number | undefined): FileRow {
  return {
    ...{ ...ROOT, name: '', folder: '', above: undefined, level: 1, position: 1, of: 1 },
    ...attributes(root, nodeid(root)),
    entries: (root.directory as Directory).size,
    expanded,
  };
}
