// What the page asks of the files of the open tree, and what it is told of them. Types only, for messages.ts.

/** A name in the tree, as the page lists it. Names and targets are strings of bytes. */
export interface FileRow {
  /** Inode number of the directory that has the name; 0: this is the root. */
  parent: number;
  /** With `parent`, what tells this name from all others, for as long as it is there. */
  cookie: number;
  name: string;
  /** Path of the directory that has the name, '/' for the root; '' where this is the root. */
  folder: string;
  /** The row of that directory. */
  above: { parent: number; cookie: number } | undefined;
  /** 1 for the root. */
  level: number;
  /** Which of its directory's names it is, from 1, and of how many. */
  position: number;
  of: number;
  ino: number;
  /** What the guest calls the inode; undefined where a table gives nodeids and the guest has none for it. */
  nodeid: number | undefined;
  /** Type and permissions. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** What is allocated, in units of 512 bytes. */
  blocks: number;
  nlink: number;
  rdev: number;
  mtime: number;
  mtimensec: number;
  /** Of a symbolic link. */
  target: string;
  /** Of a directory: how many names are in it; 0 for others. */
  entries: number;
  /** Whether the names in it are listed. */
  expanded: boolean;
}

/** A part of the tree as a list: names below the directories that are expanded, each behind its directory. */
export interface FileList {
  /** Rows that there are in all. */
  total: number;
  /** Which row `rows` begins with, from 0. */
  from: number;
  rows: FileRow[];
  /** Where the row is that was asked for; undefined: it is not listed. */
  found: number | undefined;
  inodes: number;
  /** Inodes without a name that are kept because the guest has them open or looked up. */
  orphans: number;
  readOnly: boolean;
}

/** A file or a folder to be put into the tree. */
export interface UploadEntry {
  /** Names below the directory that it is put in, its own last, as text. */
  path: string[];
  /** Undefined: a folder. */
  file: File | undefined;
}

/** What to do where a file's name is taken. Folders are filled. */
export type Taken = 'replace' | 'keep-both' | 'skip';

export interface UploadResult {
  /** Files that are in the tree, whole, and what they hold. */
  files: number;
  bytes: number;
  /** Paths of the first ones of them, as text. */
  placed: string[];
  /** Those that are not, and why; the first ones of them. */
  left: { path: string; reason: string }[];
  leftCount: number;
  /** Undefined: nothing stopped it. Else why those that followed were not looked at, for people. */
  stopped: string | undefined;
}

/** The tasks on files of the tree that is open. All numbers are inode numbers. */
export interface FileTasks {
  'list-files': {
    given: {
      /** Directories whose names are listed. */
      expanded: number[];
      from: number;
      count: number;
      /** A row to tell the place of. */
      find: { parent: number; cookie: number } | undefined;
    };
    result: FileList;
  };
  /** Which names of an upload are taken by something that is no folder to be filled; the first ones, and how many. */
  'find-taken': {
    given: { into: number; paths: { path: string[]; isFolder: boolean }[] };
    result: { names: string[]; count: number };
  };
  /** Puts files and folders into a directory, each file whole or not at all. Given up, it ends with what was done. */
  upload: { given: { into: number; entries: UploadEntry[]; taken: Taken }; result: UploadResult };
  /**
   * Writes a file's content to `to`; without it the result has the content, in a file of the browser's own. Bytes that
   * change meanwhile are taken as they are when it is their turn.
   */
  download: {
    given: { ino: number; to: FileSystemFileHandle | undefined };
    result: { content: Blob | undefined };
  };
  'make-folder': { given: { parent: number; name: string }; result: { cookie: number } };
  'rename-file': { given: { parent: number; cookie: number; name: string }; result: { cookie: number } };
  /** With everything that is in it. */
  'remove-file': { given: { parent: number; cookie: number }; result: { removed: number } };
}
