// What page and worker say to each other: the only thing the page sees of the worker, besides the pure modules
// record.ts and describe.ts.

import type { Finding, FindingCode } from '../fs/tree/findings.ts';
import type { FileTasks } from './file-messages.ts';
import type { RecordHeader } from './record.ts';

export type * from './file-messages.ts';
export type { Finding, FindingCode, RecordHeader };

/** Cache policies as virtiofsd names them. */
export type CacheMode = 'never' | 'metadata' | 'auto' | 'always';
/** Servers whose answers can be given in place of ours. */
export type Like = 'virtiofsd';
/** What a nodeid table keeps of an inode, as virtiofsd's --inode-file-handles. */
export type HandleMode = 'never' | 'prefer' | 'mandatory';
/** Mistakes about inodes that servers have made. */
export type Wrong = 'ids-without-pin' | 'constant-generation' | 'both';

/** The guest image's files, whole, as the page downloaded and checked them. */
export interface GuestAssets {
  kernel: ArrayBuffer;
  initrd: ArrayBuffer;
  bios: ArrayBuffer;
  vgabios: ArrayBuffer;
  /** v86's own WebAssembly. */
  wasm: ArrayBuffer;
}

export interface LabOptions {
  /** MiB. */
  memory: number;
  /** The virtio-fs tag, at most 36 bytes of UTF-8. */
  tag: string;
  cache: CacheMode;
  writeback: boolean;
  /** Whether the server keeps the locks, in place of the guest's kernel. */
  locks: boolean;
  /** Whose answers the server gives; undefined: its own. */
  like: Like | undefined;
  /** A nodeid table between guest and tree; undefined: none, nodeids are the inodes' numbers. */
  handles: HandleMode | undefined;
  /** Which of its handles cannot be made: once:N, from:N or first:N, with :ERRNO behind it. */
  failHandles: string | undefined;
  /** A mistake to show what it does. */
  wrong: Wrong | undefined;
  /** Whether inode numbers are given out again, the lowest free one first. */
  reuse: boolean;
  /** File content that is kept in memory, MiB; half of it at most unsaved. */
  chunkCache: number;
  /** What all files together may take, MiB; undefined: what the browser gives. */
  limit: number | undefined;
  /** Name of the tree: its database, and the Web Lock of whoever writes it. */
  tree: string;
  /** Whether v86's own 9p (tag host9p) is there too, to measure against. */
  p9?: boolean;
}

/** A tree by its name. */
export interface NamedTree {
  name: string;
  /** Whether this worker has it open. */
  open: boolean;
  /** Whether some tab has it open to write, this one included. */
  locked: boolean;
}

/** The tasks of the worker: what each is given, and what it ends with. */
export interface Tasks extends FileTasks {
  /** Stores everything that has changed up to now for good. */
  sync: { given: object; result: undefined };
  /** All trees, by name. */
  'list-trees': { given: object; result: NamedTree[] };
  /** A new tree: empty, or the example. Refused where the name is taken. */
  'create-tree': { given: { name: string; example: boolean }; result: undefined };
  /** A tree as it is now, under another name; the open one too. */
  'copy-tree': { given: { from: string; to: string }; result: undefined };
  /** The open tree too, but none of another tab. */
  'rename-tree': { given: { from: string; to: string }; result: undefined };
  /** Refused where it is open. */
  'delete-tree': { given: { name: string }; result: undefined };
  /** Makes a tree the example again. Refused where it is open: see how a worker starts without a guest. */
  'reset-tree': { given: { name: string }; result: undefined };
  /**
   * A tree, or one directory of the open tree, as a tar archive; to the file that was chosen, else the browser's own.
   * The guest stands still meanwhile.
   */
  'export-tree': {
    given: { name: string; ino: number | undefined; to: FileSystemFileHandle | undefined };
    /** The archive is undefined where it went to the file that was chosen. */
    result: { bytes: number; content: Blob | undefined };
  };
  /** A new tree of what is in a tar archive, gzipped or not. Refused where the name is taken, unless it is replaced. */
  'import-tree': { given: { name: string; from: Blob; replace: boolean }; result: Imported };
  /**
   * What is wrong with a tree as it is stored, the open one too, whose guest stands still meanwhile. Nothing is changed.
   * A tree that another tab has open is refused.
   */
  'check-tree': { given: { name: string }; result: Checked };
  /** Checks a tree and makes it sound: ends with what was found. Refused where it is open: see how a worker starts without. */
  'repair-tree': { given: { name: string }; result: Checked };
}

/** What a check of a tree has found. */
export interface Checked {
  /** The first thousand. */
  findings: Finding[];
  /** How many there are. */
  count: number;
}
export type TaskName = keyof Tasks;
export type Task<Name extends TaskName = TaskName> = { [Each in Name]: { do: Each } & Tasks[Each]['given'] }[Name];
export type TaskResult<Name extends TaskName = TaskName> = Tasks[Name]['result'];

/** What an import did. */
export interface Imported {
  /** Entries of the archive that were put into the tree, and bytes of content. */
  entries: number;
  bytes: number;
  /** What was left out, all of an entry or something of it: the first ones, and how many there are. */
  left: LeftOut[];
  leftCount: number;
}

export interface LeftOut {
  /** As the archive has it, a string of bytes; empty for the archive as a whole. */
  path: string;
  /** For people. */
  reason: string;
}

/** How far a task is. */
export interface Progress {
  /** In bytes, or what else `total` is counted in. */
  done: number;
  /** Undefined where it is not known yet. */
  total: number | undefined;
  /** What it is at: a path, a step. */
  what: string;
}

/** Why a task did not do what it should. */
export type TaskFailureCode =
  /** The person gave it up. */
  | 'cancelled'
  /** It cannot be done, for the reason in the message, which is for people; nothing was changed. */
  | 'refused'
  /** The failures of the lab that a task can have too. */
  | FailureCode;

/** What a worker is started for. */
export type StartHow =
  /** The guest, on a tree that this worker alone writes. */
  | 'guest'
  /** The same, and another tab that has the tree has to let go of it. */
  | 'take-over'
  /** As take-over, also where the other tab cannot store everything: that is lost. */
  | 'take-over-anyway'
  /** No guest: the tree as it is stored, to look at, whoever writes it. */
  | 'read-only'
  /** No guest and no tree: for tasks on trees that nobody may have open. */
  | 'none';

export type ToWorker =
  /** `assets` may be missing where no guest is started. */
  | { type: 'start'; how: StartHow; assets: GuestAssets | undefined; cmdline: string; options: LabOptions }
  /** Typed into the terminal. */
  | { type: 'input'; bytes: Uint8Array }
  | { type: 'resize'; cols: number; rows: number }
  /** A fresh emulator on the same device and tree, whatever the guest is doing. */
  | { type: 'restart' }
  /** Asks the guest to power off; the second one within its shutdown, or one without an agent, cuts the power. */
  | { type: 'power-off' }
  | { type: 'ctrl-alt-del' }
  /** Runs a shell script in /mnt/lab of the guest, apart from the terminal; answered by `ran` with the same id. */
  | { type: 'run'; id: number; script: string }
  /** Every record up to and with this ordinal was taken in: back-pressure. */
  | { type: 'log-ack'; seq: number }
  /** Work that takes its time; answered by `task-done` or `task-failed` with the same id, `task-progress` before. */
  | { type: 'task'; id: number; task: Task }
  /** Gives a task up: it ends with `task-failed` and the code `cancelled`, unless it has ended meanwhile. */
  | { type: 'cancel'; id: number }
  /** Write everything dirty to the store now (page hidden or going away). */
  | { type: 'commit-now' }
  /** The last order: ends the guest, stores what is dirty and lets go of the tree; answered by `closed`. */
  | { type: 'close' }
  /** From the page, because a worker has no persist(). */
  | { type: 'quota'; quota: number | undefined; usage: number | undefined; persisted: boolean };

export type Stage =
  | 'opening-tree'
  | 'booting'
  | 'mounted'
  | 'ready'
  | 'rebooting'
  | 'powered-off'
  | 'stopped'
  /** There is no guest: the tree is looked at as it is stored. */
  | 'viewing'
  /** There is neither guest nor tree. */
  | 'idle';

/** Why the lab could not start, or ended. */
export type FailureCode =
  /** This browser has no WebAssembly, or refuses ours. */
  | 'no-wasm'
  /** IndexedDB is missing or refused (private window, blocked site data). */
  | 'no-indexeddb'
  /** Another tab has the tree open. */
  | 'tree-locked'
  /** Another tab asked for the tree, and got it: everything was stored before. */
  | 'taken-over'
  /** The other tab was asked for the tree and keeps it: it cannot store everything. */
  | 'not-handed-over'
  /** Another tab asked for the tree and did not get it: not everything could be stored. The guest goes on. */
  | 'tree-wanted'
  /** No tree has the name, or another one has it. */
  | 'tree-name'
  /** The tree was written by a newer version. */
  | 'tree-newer'
  /** The tree is in an older format that could not be changed; it is as it was. */
  | 'tree-old'
  /** The stored tree does not make sense. */
  | 'tree-damaged'
  /** The disk, or what the browser gives this site, is full. */
  | 'quota'
  /** The tree was open and is ours no more: another tab took it, or the site's data were removed. */
  | 'tree-lost'
  /** The store failed to read or to write; what could not be written is kept and tried again. */
  | 'store-failing'
  /** The emulator failed. */
  | 'emulator'
  /** The device found the guest's ring broken (DEVICE_NEEDS_RESET). */
  | 'device-broken'
  /** Anything else: a mistake of ours. */
  | 'internal';

export interface Counters {
  /** FUSE requests taken since the page was opened. */
  requests: number;
  /** Over the last second. */
  requestsPerSecond: number;
  /** Inodes that the guest holds a lookup on. */
  cachedInodes: number;
  /** Open files and directories. */
  handles: number;
  /** Bytes of file content in the tree. */
  bytesStored: number;
  /** Bytes changed and not yet in the store. */
  dirtyBytes: number;
  /** Bytes of content that may still be written, as df tells it: nobody knows before it is tried. */
  availableBytes: number;
  /** Whether the store has refused something that it did not take since: nothing can be added until it does. */
  full: boolean;
  /** What was stored when the store refused more, bytes; undefined where it did not, or has taken more since. */
  learnedLimit: number | undefined;
  /** Chunks that were in memory when a read asked for them, and those that were not. */
  chunkHits: number;
  chunkMisses: number;
  /** Bytes of file content in memory. */
  cachedBytes: number;
  /** Changes of the tree over its whole life: it is as it was while this stays. */
  operations: number;
  /** Commits since the tree was opened. */
  commits: number;
  interrupts: number;
  /** Requests taken and not yet answered. */
  pending: number;
}

/** What guest and server agreed in INIT. */
export interface Agreed {
  /** '7.41' */
  protocol: string;
  /** Names of the flags, without FUSE_. */
  flags: string[];
}

export interface ProcessName {
  pid: number;
  /** comm, a string of bytes. */
  name: string;
  /** The first record's `seq` that this name holds for. */
  seq: number;
}

export type FromWorker =
  /** `paused`: the guest stands still for now, while something works on its tree. */
  | { type: 'stage'; stage: Stage; detail?: string; paused?: boolean }
  | { type: 'failed'; code: FailureCode; message: string }
  /** After a failure to store: everything up to now is stored. */
  | { type: 'stored' }
  /** To `close`, whether or not everything could be stored. */
  | { type: 'closed' }
  /** The terminal. */
  | { type: 'console'; bytes: Uint8Array }
  /** The boot log. */
  | { type: 'serial'; bytes: Uint8Array }
  /**
   * `count` records behind each other in `bytes` (transferred). `first` is the ordinal of the first one in the order
   * they were finished, from 1; a gap to the batch before was overwritten (`overwritten` counts all of them so far).
   */
  | { type: 'log'; first: number; count: number; bytes: ArrayBuffer; overwritten: number }
  | { type: 'processes'; names: ProcessName[] }
  /** A command line begins at the shell's prompt; `seq` is the first record after it began. */
  | { type: 'command'; event: 'begin'; shell: number; text: string; seq: number }
  /** It ended: `seq` is the first record after it. */
  | { type: 'command'; event: 'end'; shell: number; status: number; seq: number }
  /** What a script printed, and its status as a shell has it; undefined: the guest went away before it ended. */
  | { type: 'ran'; id: number; status: number | undefined; stdout: Uint8Array; stderr: Uint8Array }
  | { type: 'task-progress'; id: number; progress: Progress }
  | { type: 'task-done'; id: number; result: TaskResult }
  | { type: 'task-failed'; id: number; code: TaskFailureCode; message: string }
  | { type: 'counters'; counters: Counters }
  /** A guest has mounted: INIT was answered. */
  | { type: 'agreed'; agreed: Agreed }
  /** Once, before anything else: what the times in the log count from, in ms since 1970. */
  | { type: 'hello'; timeOrigin: number };
