// The check of names: that they make one tree, whose root everything is below.
import { COOKIE_END, FIRST_COOKIE } from './directory.ts';
import { INO_END, ROOT_INO } from './inode-table.ts';
import { isDirectory, type Mending } from './mending.ts';
import { NAME_MAX, S_IFDIR } from './mode.ts';
import type { StoredLink } from './records.ts';

/** Afterwards every name is in a directory, and every directory below the root. What is without a name is kept. */
export function mendNames(mending: Mending): void {
  mendRoot(mending);
  const inos = [...mending.names.keys()].filter((ino) => ino !== ROOT_INO);
  // Directories first: of two that have the same name, the one that has others below it keeps it.
  for (const directories of [true, false]) {
    for (const ino of inos) {
      if (isDirectory(mending.inodes.get(ino)) !== directories) continue;
      for (const link of mending.namesOf(ino)) mendName(mending, link);
      mendParents(mending, ino);
    }
  }
  mendLoops(mending);
  mendNameless(mending);
}

function mendRoot(mending: Mending): void {
  if (!mending.inodes.has(ROOT_INO)) {
    mending.make(ROOT_INO, S_IFDIR | 0o755);
    mending.say(
      'no-root',
      ROOT_INO,
      'the root directory is lost',
      'a new one takes its place, with the names of the old',
    );
    return;
  }
  const links = mending.namesOf(ROOT_INO);
  if (links.length === 0) return;
  mending.say('parents', ROOT_INO, 'the root directory has a name', 'the name goes');
  mending.names.set(ROOT_INO, []);
  mending.renamed.add(ROOT_INO);
}

/** Whether a name could be given to a file. */
export const isName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && name.length <= NAME_MAX && !/[/\0]/.test(name);

function mendName(mending: Mending, link: StoredLink): void {
  const { ino, parent } = link;
  if (!mending.inodes.has(parent) && parent > 0 && parent < INO_END) {
    const text = `the directory that it is in, inode ${parent}, is lost`;
    mending.say('name-dangling', ino, text, `a new directory takes its place, /lost+found/#${parent}`, link);
    mending.make(parent, S_IFDIR | 0o700);
  }
  if (!isDirectory(mending.inodes.get(parent))) {
    mending.say('name-in-file', ino, `it has a name in inode ${parent}, which is no directory`, 'the name goes', link);
    mending.cut(link);
    return;
  }
  if (!isName(link.name)) {
    mending.say('name-bad', ino, 'its name cannot be one', `it is named #${ino}`, link);
    mending.cut(link);
    mending.link(ino, parent, `#${ino}`);
    return;
  }
  const there = mending.inDirectory(parent);
  if (there.has(link.name)) {
    const other = there.get(link.name)?.ino;
    mending.say('name-twice', ino, `inode ${other} has the same name`, 'the name stays with that one', link);
    mending.cut(link);
    return;
  }
  there.set(link.name, link);
}

/** A directory has one name. */
function mendParents(mending: Mending, ino: number): void {
  if (!isDirectory(mending.inodes.get(ino))) return;
  const [, ...more] = mending.namesOf(ino);
  for (const link of more) {
    mending.say(
      'parents',
      ino,
      `it is a directory, and has a further name in inode ${link.parent}`,
      'that one goes',
      link,
    );
    mending.cut(link);
  }
}

/** Directories that do not lead to the root lead around: one of each circle loses its name. */
function mendLoops(mending: Mending): void {
  const sound = new Set<number>([ROOT_INO]);
  for (const inode of mending.inodes.values()) {
    if (!isDirectory(inode)) continue;
    const way = new Set<number>();
    let at: number | undefined = inode.ino;
    while (at !== undefined && !sound.has(at) && !way.has(at)) {
      way.add(at);
      at = mending.namesOf(at)[0]?.parent;
    }
    if (at !== undefined && way.has(at)) {
      const [link] = mending.namesOf(at);
      const text = `it is in itself, by way of inode ${link?.parent}`;
      mending.say('loop', at, text, `it is cut off there and kept as /lost+found/#${at}`);
      if (link) mending.cut(link);
    }
    for (const ino of way) sound.add(ino);
  }
}

/** What was unlinked while it was open has no name by right, unless there is something in it. */
function mendNameless(mending: Mending): void {
  for (const inode of [...mending.inodes.values()]) {
    const { ino } = inode;
    if (ino === ROOT_INO || mending.namesOf(ino).length > 0) continue;
    const isEmpty = (mending.children.get(ino)?.size ?? 0) === 0;
    if (inode.nlink === 0 && isEmpty && !mending.renamed.has(ino)) continue;
    if (!mending.renamed.has(ino)) mending.say('no-name', ino, 'it has no name', `it is kept as /lost+found/#${ino}`);
    mending.keep(ino);
  }
}

/** The place of each name in the listing of its directory is its own. */
export function mendCookies(mending: Mending): void {
  for (const inode of mending.inodes.values()) if (isDirectory(inode)) mendListing(mending, inode.ino);
}

function mendListing(mending: Mending, ino: number): void {
  const links = [...(mending.children.get(ino)?.values() ?? [])];
  const taken = new Set<number>();
  const homeless: StoredLink[] = [];
  let highest = FIRST_COOKIE - 1;
  for (const link of links) {
    const { cookie } = link;
    if (cookie >= FIRST_COOKIE && cookie < COOKIE_END && !taken.has(cookie)) {
      taken.add(cookie);
      highest = Math.max(highest, cookie);
      continue;
    }
    homeless.push(link);
    if (mending.given.has(link)) continue;
    mending.say('cookie', link.ino, `its place in the listing of inode ${ino} cannot be`, 'it gets another', link);
  }
  let next = mending.nextCookies.get(ino) ?? 0;
  if (next <= highest || next > COOKIE_END) {
    if (!mending.renamed.has(ino)) {
      mending.say('cookie', ino, `its next name would get the place ${next} of its listing`, `it gets ${highest + 1}`);
    }
    next = highest + 1;
  }
  if (next + homeless.length > COOKIE_END) {
    // There are not that many places left behind the last one: all are given anew, in the same order.
    const order = links.sort(
      (a, b) => Number(homeless.includes(a)) - Number(homeless.includes(b)) || a.cookie - b.cookie,
    );
    next = FIRST_COOKIE;
    for (const link of order) link.cookie = next++;
  } else for (const link of homeless) link.cookie = next++;
  mending.nextCookies.set(ino, next);
}

/** The counts of names. */
export function mendCounts(mending: Mending): void {
  const subdirectories = new Map<number, number>();
  for (const inode of mending.inodes.values()) {
    const [link] = isDirectory(inode) ? mending.namesOf(inode.ino) : [];
    if (link) subdirectories.set(link.parent, (subdirectories.get(link.parent) ?? 0) + 1);
  }
  for (const inode of mending.inodes.values()) {
    const { ino, nlink } = inode;
    const names = mending.namesOf(ino).length;
    const removed = names === 0 && ino !== ROOT_INO;
    const expected = !isDirectory(inode) ? names : removed ? 0 : 2 + (subdirectories.get(ino) ?? 0);
    if (nlink === expected) continue;
    if (!mending.renamed.has(ino)) {
      mending.say('nlink', ino, `its count of names is ${nlink}, and should be ${expected}`, 'it is set right');
    }
    inode.nlink = expected;
  }
}
