// A stored tree while it is checked: each thing that is wrong is noted and put right, so that nothing is found twice.
import type { Time } from './clock.ts';
import { FIRST_COOKIE } from './directory.ts';
import type { Finding } from './findings.ts';
import { Inode } from './inode.ts';
import { GENERATION_END, INO_END, ROOT_INO } from './inode-table.ts';
import { S_IFDIR, S_IFMT } from './mode.ts';
import type { StoredLink } from './records.ts';
import type { Salvaged } from './salvage.ts';
import type { Superblock } from './store.ts';

const DEPTH_MAX = 4096;
const LOST_AND_FOUND = 'lost+found';

export const isDirectory = (inode: Inode | undefined): boolean =>
  inode !== undefined && (inode.mode & S_IFMT) === S_IFDIR;

export class Mending {
  readonly findings: Finding[] = [];
  readonly superblock: Superblock;
  readonly inodes: Map<number, Inode>;
  /** Names by inode number, the first one first. */
  readonly names: Map<number, StoredLink[]>;
  readonly nextCookies: Map<number, number>;
  readonly incomplete: Set<number>;
  /** Inodes whose names, or names in them, were changed here: their counts follow, and are no findings of their own. */
  readonly renamed = new Set<number>();
  /** Likewise those whose content, or size, was. */
  readonly refilled = new Set<number>();
  /** What is in a directory: by its number and the name. Filled while names are checked. */
  readonly children = new Map<number, Map<string, StoredLink>>();
  /** Names that were given here: they have no cookies yet. */
  readonly given = new Set<StoredLink>();
  private readonly now: Time;
  private lostAndFound: number | undefined;
  private nextIno = ROOT_INO + 1;

  /** `now`: the times of what has to be made. */
  constructor(salvaged: Salvaged, superblock: Superblock, findings: Finding[], now: Time) {
    this.inodes = salvaged.inodes;
    this.names = salvaged.names;
    this.nextCookies = salvaged.nextCookies;
    this.incomplete = salvaged.incomplete;
    this.superblock = superblock;
    // Only now is known where what was found while reading lies.
    for (const finding of findings) {
      const path = finding.ino === undefined ? undefined : this.path(finding.ino);
      this.findings.push(path === undefined ? finding : { ...finding, path });
    }
    this.now = now;
    for (const ino of this.inodes.keys()) if (ino >= this.nextIno) this.nextIno = ino + 1;
    this.nextIno = Math.max(this.nextIno, superblock.nextIno ?? 0);
  }

  /** Notes what is wrong with an inode. Of a `name` of it, the path has that at its end. */
  say(code: Finding['code'], ino: number, text: string, repair: string, link?: StoredLink): void {
    const path = link ? this.pathOfLink(link) : this.path(ino);
    this.findings.push({ code, ino, text, repair, ...(path === undefined ? {} : { path }) });
  }

  namesOf(ino: number): StoredLink[] {
    return this.names.get(ino) ?? [];
  }

  /** A path of an inode, as far as its directories are known. */
  private path(ino: number): string | undefined {
    if (ino === ROOT_INO) return '/';
    const [link] = this.namesOf(ino);
    return link && this.pathOfLink(link);
  }

  private pathOfLink(link: StoredLink): string | undefined {
    let path = '';
    let at: StoredLink | undefined = link;
    for (let depth = 0; at && depth < DEPTH_MAX; depth++) {
      path = `/${at.name}${path}`;
      if (at.parent === ROOT_INO) return path;
      at = this.names.get(at.parent)?.[0];
    }
    return undefined;
  }

  /** A new generation: no handle of before has it. */
  private generation(): number {
    this.superblock.generation = (this.superblock.generation % (GENERATION_END - 1)) + 1;
    return this.superblock.generation;
  }

  renew(inode: Inode): void {
    inode.generation = this.generation();
  }

  /** An inode that is missing, or new. It has no name yet. */
  make(ino: number, mode: number): Inode {
    const inode = new Inode(ino, ino === ROOT_INO ? 0 : this.generation(), mode);
    inode.atime = inode.mtime = inode.ctime = inode.btime = this.now.s;
    inode.atimensec = inode.mtimensec = inode.ctimensec = inode.btimensec = this.now.ns;
    this.inodes.set(ino, inode);
    this.names.set(ino, []);
    if (isDirectory(inode)) this.nextCookies.set(ino, FIRST_COOKIE);
    this.renamed.add(ino);
    if (ino >= this.nextIno) this.nextIno = ino + 1;
    return inode;
  }

  /** The superblock of the tree as it is now. */
  superblockNow(): Superblock {
    return { ...this.superblock, nextIno: Math.min(this.nextIno, INO_END) };
  }

  private freeIno(): number {
    if (this.nextIno < INO_END) return this.nextIno;
    let ino = ROOT_INO + 1;
    while (this.inodes.has(ino)) ino++;
    return ino;
  }

  inDirectory(ino: number): Map<string, StoredLink> {
    const there = this.children.get(ino) ?? new Map<string, StoredLink>();
    this.children.set(ino, there);
    return there;
  }

  /** Gives an inode a name that is free. */
  link(ino: number, parent: number, wanted: string): StoredLink {
    const there = this.inDirectory(parent);
    let name = wanted;
    for (let i = 1; there.has(name); i++) name = `${wanted}.${i}`;
    const link = { ino, parent, cookie: 0, name };
    this.given.add(link);
    there.set(name, link);
    this.namesOf(ino).push(link);
    this.renamed.add(ino);
    this.renamed.add(parent);
    return link;
  }

  /** Takes a name away. */
  cut(link: StoredLink): void {
    const there = this.children.get(link.parent);
    if (there?.get(link.name) === link) there.delete(link.name);
    this.names.set(
      link.ino,
      this.namesOf(link.ino).filter((other) => other !== link),
    );
    this.renamed.add(link.ino);
    this.renamed.add(link.parent);
  }

  /** Keeps what has no name. */
  keep(ino: number): void {
    this.link(ino, this.folder(), `#${ino}`);
  }

  /** The number of /lost+found, which is made where it is missing. */
  private folder(): number {
    if (this.lostAndFound !== undefined) return this.lostAndFound;
    const there = this.inDirectory(ROOT_INO).get(LOST_AND_FOUND)?.ino;
    if (there !== undefined && isDirectory(this.inodes.get(there))) this.lostAndFound = there;
    else {
      const { ino } = this.make(this.freeIno(), S_IFDIR | 0o700);
      this.link(ino, ROOT_INO, LOST_AND_FOUND);
      this.lostAndFound = ino;
    }
    return this.lostAndFound;
  }
}
