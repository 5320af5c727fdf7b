// A POSIX file tree: metadata in memory, file content in chunks, every change committed to a store in groups.
import { PosixError } from '../../base/errno.ts';
import { restoreAttributes, type Saved, type SetAttr, setAttributes } from './attributes.ts';
import { ChunkCache } from './chunk.ts';
import { ChunkLoader } from './chunk-loader.ts';
import { type Clock, hostClock, type Time } from './clock.ts';
import { copyRange } from './copy-range.ts';
import { Directory, type Dirent } from './directory.ts';
import { allocatedBytes, FileData, type Source } from './file-data.ts';
import { seek } from './holes.ts';
import type { Inode } from './inode.ts';
import { followMode, isAclName, setAcl } from './inode-acl.ts';
import { InodeTable, ROOT_INO } from './inode-table.ts';
import { loadInodes } from './load.ts';
import { LockTable } from './locks.ts';
import { encodeMetadata } from './metadata.ts';
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  FILE_SIZE_MAX,
  NAME_MAX,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
  SEEK_DATA,
  SEEK_HOLE,
} from './mode.ts';
import { type Made, Namespace, type Owner } from './namespace.ts';
import { Paths } from './paths.ts';
import { checkAllocate, checkPinned, checkSetattr, checkWrite, SETTABLE_FLAGS } from './protect.ts';
import { Room } from './room.ts';
import { checkSchema, SCHEMA, type Store, type Superblock, type TreeImage } from './store.ts';
import { BLOCK, CHUNK_SIZE, newSuperblock, type StatFs, type TreeCounters, type TreeOptions } from './tree-options.ts';
import { WriteBehind } from './write-behind.ts';
import type { CommitSource } from './write-behind-options.ts';
import { getxattr, removexattr, setxattr } from './xattr.ts';

const CACHE_LIMIT = 256 * 2 ** 20;
/** As measured in Chromium (docs/adr/0016-commits-and-reading-ahead.md): who waits for room waits for a whole commit. */
const DIRTY_LIMIT = 16 * 2 ** 20;
const EAGER_BYTES = 8 * 2 ** 20;
const INTERVAL_MS = 200;

export { CHUNK_SIZE, type SetAttr, type StatFs, type TreeCounters, type TreeOptions };

export class Tree {
  readonly root: Inode;
  readonly chunkSize: number;
  /** Advisory locks, of all sessions on this tree; never stored. */
  readonly locks = new LockTable();
  protected readonly store: Store;
  protected readonly room: Room;
  private readonly superblock: Superblock;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly table: InodeTable;
  private readonly cache: ChunkCache;
  protected readonly behind: WriteBehind;
  protected readonly data: FileData;
  private readonly paths = new Paths();
  private readonly namespace: Namespace;

  /**
   * Opens the tree in a store, or makes one where there is none; what was unlinked and still held when it was last
   * open is removed. Rejects with StoreError; the store is closed then.
   */
  static async open(store: Store, options: TreeOptions = {}): Promise<Tree> {
    const image = await store.open();
    try {
      checkSchema(image.superblock);
      return new Tree(store, image, options);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  protected constructor(store: Store, image: TreeImage, options: TreeOptions) {
    const inodes = loadInodes(image);
    this.store = store;
    this.clock = options.clock ?? hostClock;
    this.superblock = { ...(image.superblock ?? newSuperblock(options)), schema: SCHEMA };
    delete this.superblock.partial;
    this.chunkSize = this.superblock.chunkSize;
    this.room = new Room(options.limit ?? Number.POSITIVE_INFINITY);
    this.random = options.random ?? Math.random;
    const { generation, nextIno } = this.superblock;
    this.table = new InodeTable(inodes, { generation, nextIno, reuse: options.reuseInodeNumbers ?? false });
    const cacheLimit = options.cacheLimit ?? CACHE_LIMIT;
    const dirtyLimit = Math.min(options.dirtyLimit ?? DIRTY_LIMIT, cacheLimit / 2);
    this.cache = new ChunkCache(cacheLimit);
    const source: CommitSource = {
      prepare: () => loader.prepare(),
      metadata: (pages, extras, subset) => {
        this.superblock.commit++;
        this.superblock.operation = this.behind.operation;
        return encodeMetadata(this.table, this.superblock, pages, extras, subset);
      },
    };
    this.behind = new WriteBehind(store, this.cache, source, {
      interval: options.commitInterval ?? INTERVAL_MS,
      eagerBytes: Math.min(options.eagerBytes ?? EAGER_BYTES, dirtyLimit / 2),
      dirtyLimit,
      metadataLimit: options.dirtyLimit ?? DIRTY_LIMIT,
      chunkSize: this.chunkSize,
      room: this.room,
      onFailure: options.onCommitFailure ?? (() => {}),
    });
    this.behind.operation = this.superblock.operation;
    const loader = new ChunkLoader(store, this.cache, this.behind, this.chunkSize, options.readAhead ?? true);
    this.data = new FileData(loader, this.cache, this.behind, this.room, this.chunkSize, (inode, stamp) =>
      this.modified(inode, stamp),
    );
    this.namespace = new Namespace(this.table, this.behind, this.data, this.room, this.paths, this.clock);
    this.root = this.table.get(ROOT_INO) ?? this.makeRoot();
    if (image.superblock) this.settle();
  }

  private makeRoot(): Inode {
    const root = this.table.makeRoot(S_IFDIR | 0o755);
    const now = this.clock();
    root.atime = root.mtime = root.ctime = root.btime = now.s;
    root.atimensec = root.mtimensec = root.ctimensec = root.btimensec = now.ns;
    root.nlink = 2;
    root.parent = root;
    root.directory = new Directory();
    this.behind.inode(root);
    return root;
  }

  /** What is done once with a tree that was stored: counts, orphans, and generations that were told and lost. */
  protected settle(): void {
    this.table.leap(this.random);
    // With the next commit, also where nothing else changes: the next session leaps from here, not to here.
    this.behind.inode(this.root);
    for (const inode of [...this.table.values()]) {
      this.room.used += allocatedBytes(inode, this.chunkSize);
      if (inode.nlink === 0) this.namespace.reap(inode);
    }
  }

  now(): Time {
    return this.clock();
  }

  /** The inode of a number: linked, or unlinked and held. */
  inode(ino: number): Inode | undefined {
    return this.table.get(ino);
  }

  /** All inodes, for checks and counts. */
  inodes(): IterableIterator<Inode> {
    return this.table.values();
  }

  /** One more reason to keep the inode when its last name goes. */
  hold(inode: Inode): void {
    inode.holds++;
  }

  /** One reason less; with the last one an inode without names is gone. */
  drop(inode: Inode): void {
    inode.holds--;
    if (inode.holds === 0 && inode.nlink === 0 && this.table.get(inode.ino) === inode) this.namespace.reap(inode);
  }

  /** What has this name; "." and ".." are understood. ENOTDIR, ENAMETOOLONG, ENOENT in a removed directory. */
  lookup(dir: Inode, name: string): Inode | undefined {
    return this.namespace.lookup(dir, name);
  }

  /** One of the inode's paths, '/' for the root, undefined for what has no name. */
  path(inode: Inode): string | undefined {
    return this.paths.of(inode);
  }

  /** A file of any type but a directory or a symbolic link. EEXIST, EINVAL, ENAMETOOLONG, ENOENT, ENOTDIR, ENOSPC. */
  mknod(dir: Inode, name: string, made: Made): Inode {
    return this.namespace.mknod(dir, name, made);
  }

  /** As mknod. The new directory inherits a set-group-ID bit. */
  mkdir(dir: Inode, name: string, made: Made): Inode {
    return this.namespace.mkdir(dir, name, made);
  }

  /** As mknod, and ENAMETOOLONG for a target of PATH_MAX bytes, ENOENT for an empty one. */
  symlink(dir: Inode, name: string, target: string, owner: Owner & Pick<Made, 'xattrs'>): Inode {
    return this.namespace.symlink(dir, name, target, owner);
  }

  /**
   * A regular file without a name. It goes when the last hold of it does, unless link() has given it a name, which can
   * be done once: after its last name was removed it is an orphan as any other. As mknod.
   */
  tmpfile(dir: Inode, made: Made): Inode {
    return this.namespace.tmpfile(dir, made);
  }

  /** One more name of an inode. EEXIST, EPERM for a directory, EMLINK, ENOENT for an orphan, and as mknod. */
  link(inode: Inode, dir: Inode, name: string): void {
    this.namespace.link(inode, dir, name);
  }

  /** ENOENT, EISDIR. */
  unlink(dir: Inode, name: string): void {
    this.namespace.unlink(dir, name);
  }

  /** ENOENT, ENOTDIR, ENOTEMPTY. */
  rmdir(dir: Inode, name: string): void {
    this.namespace.rmdir(dir, name);
  }

  /** rename(2) with its flags; `owner` is whose whiteout it is. ENOENT, EEXIST, EINVAL, EISDIR, ENOTDIR, ENOTEMPTY. */
  rename(dir: Inode, name: string, newdir: Inode, newname: string, flags: number, owner: Owner): void {
    this.namespace.rename(dir, name, newdir, newname, flags, owner);
  }

  /** Entries with cookies above the given one, in cookie order; "." and ".." (cookies 1 and 2) are not in it. ENOTDIR. */
  readdir(dir: Inode, cookie: number): Iterable<Dirent> {
    return this.namespace.names(dir).after(cookie);
  }

  /** The highest cookie that an entry of the directory has had. ENOTDIR. */
  lastCookie(dir: Inode): number {
    return this.namespace.names(dir).nextCookie - 1;
  }

  /**
   * Changes attributes. The change time is stamped unless it is given; a size stamps the modification time too. EFBIG,
   * EPERM for what is immutable or append only.
   */
  setattr(inode: Inode, change: SetAttr): void {
    checkSetattr(inode, change);
    const now = this.clock();
    if (change.size !== undefined) this.data.truncate(this.file(inode), change.size);
    setAttributes(inode, change, now);
    if (change.mode !== undefined && followMode(inode, change.mode)) this.behind.extra(inode.ino);
    this.changed(inode);
  }

  /** Gives an inode attributes that were kept elsewhere, as they were, whatever protects it. */
  restore(inode: Inode, saved: Saved): void {
    restoreAttributes(inode, saved);
    this.changed(inode);
  }

  /** Takes rights away that a change of content or owner ends: mode bits, and an xattr. No flag protects them. */
  strip(inode: Inode, mode: number, xattr: string): void {
    if (mode !== inode.mode) {
      setAttributes(inode, { mode }, this.clock());
      this.changed(inode);
    }
    if (inode.xattrs?.has(xattr)) {
      removexattr(inode, xattr);
      this.xattrsChanged(inode);
    }
  }

  /** Sets FS_*_FL. EOPNOTSUPP for those that are not kept. Whether the caller may is not asked here. */
  setFlags(inode: Inode, flags: number): void {
    if (flags & ~SETTABLE_FLAGS) throw new PosixError('EOPNOTSUPP');
    const now = this.clock();
    inode.flags = flags;
    inode.ctime = now.s;
    inode.ctimensec = now.ns;
    this.changed(inode);
  }

  private changed(inode: Inode): void {
    this.behind.operation++;
    this.behind.inode(inode);
  }

  /** The inode, if it has content. EISDIR, EINVAL. */
  private file(inode: Inode): Inode {
    const type = inode.mode & S_IFMT;
    if (type !== S_IFREG) throw new PosixError(type === S_IFDIR ? 'EISDIR' : 'EINVAL', 'no regular file');
    return inode;
  }

  /** ENODATA. */
  getxattr(inode: Inode, name: string): Uint8Array {
    return getxattr(inode, name);
  }

  /** Flags 1 XATTR_CREATE, 2 XATTR_REPLACE. E2BIG, ERANGE, ENODATA, EEXIST, ENOSPC, EPERM. The value belongs to the tree then. */
  setxattr(inode: Inode, name: string, value: Uint8Array, flags: number): void {
    checkPinned(inode);
    if (value.length > (inode.xattrs?.get(name)?.length ?? -1)) this.room.claimName();
    // As in Linux, an ACL is set or replaced whatever the flags say.
    if (isAclName(name)) setAcl(inode, name, value);
    else setxattr(inode, name, value, flags);
    this.xattrsChanged(inode);
  }

  /** ENODATA, EPERM. */
  removexattr(inode: Inode, name: string): void {
    checkPinned(inode);
    // As in Linux, an ACL that is not there has been taken away.
    if (isAclName(name) && !inode.xattrs?.has(name)) return;
    removexattr(inode, name);
    this.xattrsChanged(inode);
  }

  listxattr(inode: Inode): string[] {
    return [...(inode.xattrs?.keys() ?? [])];
  }

  private xattrsChanged(inode: Inode): void {
    const now = this.clock();
    inode.ctime = now.s;
    inode.ctimensec = now.ns;
    this.behind.extra(inode.ino);
    this.changed(inode);
  }

  /**
   * Bytes from `offset` on, at most `size`, none behind the end: pieces of chunks in place, valid until the next await
   * or change. A promise where a chunk has to be loaded. EISDIR, EINVAL, EIO.
   */
  read(inode: Inode, offset: number, size: number): Uint8Array[] | Promise<Uint8Array[]> {
    return this.data.read(this.file(inode), offset, size);
  }

  /**
   * Writes `length` bytes of the source, which is read before this returns. A promise where a chunk has to be loaded
   * or too much is unsaved. `stamp`: whether it sets the times of the change; not where the writer sets them itself.
   * EISDIR, EINVAL, EFBIG, ENOSPC, EIO, EPERM.
   */
  write(inode: Inode, offset: number, length: number, source: Source, stamp = true): void | Promise<void> {
    checkWrite(inode, offset);
    const later = this.data.write(this.file(inode), offset, length, source, stamp);
    if (later) return this.keep(inode, later);
  }

  /** Keeps the inode until the promise is settled. */
  private async keep<T>(inode: Inode, later: Promise<T>): Promise<T> {
    this.hold(inode);
    try {
      return await later;
    } finally {
      this.drop(inode);
    }
  }

  private modified(inode: Inode, stamp: boolean): void {
    if (stamp) {
      const now = this.clock();
      inode.mtime = inode.ctime = now.s;
      inode.mtimensec = inode.ctimensec = now.ns;
    }
    this.changed(inode);
  }

  /**
   * fallocate(2): 0 and FALLOC_FL_KEEP_SIZE (nothing is reserved: a chunk comes with its first byte), PUNCH_HOLE with
   * KEEP_SIZE, ZERO_RANGE. EOPNOTSUPP for others, EINVAL, EFBIG, EISDIR, EIO, EPERM, ENOSPC where there would be no room.
   */
  fallocate(inode: Inode, mode: number, offset: number, length: number): void | Promise<void> {
    const { data } = this;
    this.file(inode);
    checkAllocate(inode, (mode & ~FALLOC_FL_KEEP_SIZE) !== 0);
    if ((mode & FALLOC_FL_PUNCH_HOLE) === 0 && length > 0) {
      const { bavail, bsize } = this.statfs();
      if (data.missing(inode, offset, offset + length) > bavail * bsize && offset + length <= FILE_SIZE_MAX) {
        throw new PosixError('ENOSPC');
      }
    }
    const later = data.fallocate(inode, mode, offset, length);
    if (later) return this.keep(inode, later);
  }

  /**
   * copy_file_range(2) within the tree: gives how many bytes were copied, 0 at the end of the source. A promise where a
   * chunk has to be loaded or too much is unsaved. EISDIR, EINVAL also for an overlap, EFBIG, EIO, ENOSPC, EPERM.
   */
  copyRange(source: Inode, from: number, target: Inode, to: number, length: number): number | Promise<number> {
    checkWrite(this.file(target), to);
    const copied = copyRange(this.data, this.file(source), from, target, to, length);
    return typeof copied === 'number' ? copied : this.keep(source, this.keep(target, copied));
  }

  /** Where data (3) or a hole (4) begins at or behind `offset`, blocks of zeros that are in memory being holes too. ENXIO, EINVAL. */
  seek(inode: Inode, offset: number, whence: number): number {
    if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw new PosixError('EINVAL');
    return seek(this.file(inode), offset, whence, this.data.chunkSize);
  }

  /**
   * Bytes of content that may still be written, as far as one knows: the least of what the store thinks that it has room
   * for, of the limit that was set, and of what the last refusal has taught.
   */
  get available(): number {
    return this.room.available(this.store.usage().available - this.behind.contentBytes);
  }

  /**
   * What has to be waited for before names or xattrs are added, because too many are unsaved; undefined where one need
   * not. Rejects with PosixError ENOSPC or EIO. Only who can wait asks: nothing else enforces it.
   */
  pressure(): Promise<void> | undefined {
    return this.behind.metadataPressure();
  }

  statfs(): StatFs {
    const used = Math.ceil(this.room.used / BLOCK);
    const free = Math.floor(this.available / BLOCK);
    const files = 2 ** 31 - 1;
    return {
      bsize: BLOCK,
      blocks: used + free,
      bfree: free,
      bavail: free,
      files,
      ffree: files - this.table.size,
      namelen: NAME_MAX,
    };
  }

  /**
   * Resolves when everything that has changed up to now is stored for good. One commit carries the whole tree, so the
   * inode does not matter. Rejects with PosixError ENOSPC or EIO; nothing is lost then, and the next sync tries again,
   * unless much was refused for want of room: then only once something was removed, or after a while.
   */
  sync(_inode?: Inode): Promise<void> {
    return this.behind.sync();
  }

  /**
   * Gives every inode but the root a new generation, from a new random base, in one commit: file handles of before are
   * ESTALE from then on, and in every copy of the tree that does so. Resolves when it is stored for good. Throws EBUSY
   * while a session knows an inode or has it open: a guest would take it for another file. Rejects as sync().
   */
  renewGenerations(): Promise<void> {
    for (const inode of this.table.values()) if (inode.holds > 0) throw new PosixError('EBUSY', `inode ${inode.ino}`);
    this.table.renew(this.random);
    this.behind.operation++;
    for (const inode of this.table.values()) this.behind.inode(inode);
    return this.sync();
  }

  /** Bytes that are not stored yet; metadata is estimated. */
  get dirtyBytes(): number {
    return this.behind.dirtyBytes;
  }

  get counters(): TreeCounters {
    return {
      inodes: this.table.size,
      bytesStored: this.room.used,
      full: this.room.full,
      learnedLimit: this.room.learned === Number.POSITIVE_INFINITY ? undefined : this.room.learned,
      commits: this.behind.commits,
      failedCommits: this.behind.failures,
      operations: this.behind.operation,
      chunkHits: this.cache.hits,
      chunkMisses: this.cache.misses,
      aheadFetched: this.cache.fetchedAhead,
      aheadUsed: this.cache.usedAhead,
      cachedBytes: this.cache.bytes,
    };
  }

  /** Commits what is dirty and closes the store, which is closed too where the commit fails. */
  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      this.behind.stop();
      await this.store.close();
    }
  }
}
