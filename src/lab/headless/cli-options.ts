// The command line of `npm run guest`, parsed and checked.
import { parseArgs } from 'node:util';
import { parseHandleFailure } from '../../fs/fuse/handle-failure.ts';
import type { CacheMode, HandleMode, Like, Wrong } from '../messages.ts';

export const CACHE_MODES: readonly CacheMode[] = ['never', 'metadata', 'auto', 'always'];
export const LIKES: readonly Like[] = ['virtiofsd'];
export const HANDLE_MODES: readonly HandleMode[] = ['never', 'prefer', 'mandatory'];
export const WRONGS: readonly Wrong[] = ['ids-without-pin', 'constant-generation', 'both'];

export const USAGE = `usage: npm run --silent guest -- [OPTIONS] SCRIPT.sh
       npm run --silent guest -- [OPTIONS] -c 'COMMANDS'
       npm run --silent guest -- [OPTIONS] --until REGEX

Boots a Linux guest whose /mnt/lab is a virtio-fs device, and
  SCRIPT.sh        runs the script there, prints what it prints, ends with its status
  -c COMMANDS      likewise for commands of a shell
  --until REGEX    prints the serial console as it comes and ends with 0 when the pattern appears on it

Options
  --kernel FILE    a bzImage of your own (default: the lab's guest image, built when it is not in the cache)
  --initrd FILE    an initramfs of your own; a kernel of your own gets the lab's where commands are to be run
  --append WORDS   words for the kernel command line
  --memory MIB     the guest's memory (default 128)
  --cache POLICY   never, metadata, auto (default) or always, as virtiofsd names them
  --writeback      let the guest cache writes too
  --chunk-cache MIB
                   keep so much file content in memory (default 256)
  --limit MIB      what all files together may take; what would be more gets ENOSPC
  --locks          keep file locks in the server, in place of the guest's kernel
  --labels         take security labels with new files, from a guest that has a security module
  --like SERVER    answer as another server does: virtiofsd (the C one of QEMU, protocol 7.36)
  --reuse-inodes   give inode numbers out again, the lowest free one first, as disk file systems do
  --inode-file-handles MODE
                   put a nodeid table between guest and tree, as virtiofsd has one: never (what is looked up is
                   pinned), prefer (known by a handle, else pinned), mandatory (by a handle, or the look-up fails)
  --fail-handles WHEN
                   handles that cannot be made, for each inode: once:N, from:N or first:N attempts, and :ERRNO
  --wrong MISTAKE  wrong on purpose, to see what it does: ids-without-pin (what is known by a handle alone is found
                   by its number), constant-generation (of all inodes), both
  --tag NAME       the tag of the device (default lab)
  --load PATH      put a folder of the host, or what is in a tar archive (gzipped or not), into the tree first; of a
                   folder no xattrs, which Node cannot read, and a name that is taken is an error; what an archive
                   has replaces files of the same name
  --save PATH      write the tree there at the end, when the guest has stopped: NAME.tar, NAME.tar.gz and NAME.tgz
                   are archives with all that is in it; any other name is a folder, new or empty, without devices,
                   FIFOs, sockets, xattrs and inode attributes, with owners only where root saves, and with times to
                   the microsecond. Nothing is saved where the guest or the lab failed, or the time was up
  --store DIR      keep the tree in this folder; without it the tree is in memory and gone at the end
  --log FILE       write every request to a file of JSON lines, which npm run replay takes
  --timeout SECS   give up after so many seconds, with status 124
  --help           this text

Environment
  VIRTIOFS_LAB_IMAGE   folder of a built guest image, in place of the recipe's
  VIRTIOFS_LAB_CACHE   where images are built and kept

Status: that of the commands, 124 on timeout, 125 where the guest or the lab failed, 2 for a wrong command line.
`;

export type Task = { do: 'commands'; text: string } | { do: 'script'; file: string } | { do: 'until'; pattern: RegExp };

export interface GuestOptions {
  task: Task;
  kernel: string | undefined;
  initrd: string | undefined;
  append: string;
  memory: number;
  cache: CacheMode;
  writeback: boolean;
  /** MiB; undefined: as the tree has it. */
  chunkCache: number | undefined;
  limit: number | undefined;
  locks: boolean;
  labels: boolean;
  like: Like | undefined;
  reuse: boolean;
  handles: HandleMode | undefined;
  failHandles: string | undefined;
  wrong: Wrong | undefined;
  tag: string;
  load: string | undefined;
  save: string | undefined;
  store: string | undefined;
  log: string | undefined;
  /** Seconds; undefined for none. */
  timeout: number | undefined;
}

/** A wrong command line; the message says what is wrong with it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Parses the words after the command. 'help' where help was asked for. Throws UsageError. */
export function parseCommandLine(words: string[]): GuestOptions | 'help' {
  let parsed: ReturnType<typeof parseWords>;
  try {
    parsed = parseWords(words);
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] as string) : String(error));
  }
  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const options: GuestOptions = {
    task: task(values.c, values.until, positionals),
    kernel: values.kernel,
    initrd: values.initrd,
    append: values.append ?? '',
    memory: memory(values.memory),
    cache: cache(values.cache),
    writeback: values.writeback ?? false,
    chunkCache: mebibytes('--chunk-cache', values['chunk-cache']),
    limit: mebibytes('--limit', values.limit),
    locks: values.locks ?? false,
    labels: values.labels ?? false,
    like: like(values.like),
    reuse: values['reuse-inodes'] ?? false,
    handles: oneOf('--inode-file-handles', HANDLE_MODES, values['inode-file-handles']),
    failHandles: failHandles(values['fail-handles']),
    wrong: oneOf('--wrong', WRONGS, values.wrong),
    tag: tag(values.tag),
    load: values.load,
    save: values.save,
    store: values.store,
    log: values.log,
    timeout: timeout(values.timeout),
  };
  checkTogether(options);
  return options;
}

/** What would do nothing is refused: whoever asks for it means to see it. */
function checkTogether({ labels, like, handles, failHandles, wrong }: GuestOptions): void {
  if (labels && like !== undefined) throw new UsageError(`--labels: ${like} takes none, leave out --like`);
  if (handles !== undefined) return;
  if (failHandles !== undefined) throw new UsageError('--fail-handles: needs --inode-file-handles');
  if (wrong === 'ids-without-pin') throw new UsageError(`--wrong ${wrong}: needs --inode-file-handles`);
}

function parseWords(args: string[]) {
  return parseArgs({
    args,
    allowPositionals: true,
    options: {
      kernel: { type: 'string' },
      initrd: { type: 'string' },
      append: { type: 'string' },
      memory: { type: 'string' },
      cache: { type: 'string' },
      writeback: { type: 'boolean' },
      'chunk-cache': { type: 'string' },
      limit: { type: 'string' },
      locks: { type: 'boolean' },
      labels: { type: 'boolean' },
      like: { type: 'string' },
      'reuse-inodes': { type: 'boolean' },
      'inode-file-handles': { type: 'string' },
      'fail-handles': { type: 'string' },
      wrong: { type: 'string' },
      tag: { type: 'string' },
      load: { type: 'string' },
      save: { type: 'string' },
      store: { type: 'string' },
      log: { type: 'string' },
      until: { type: 'string' },
      timeout: { type: 'string' },
      c: { type: 'string', short: 'c' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}

function task(commands: string | undefined, until: string | undefined, files: string[]): Task {
  const given = [commands !== undefined, until !== undefined, files.length > 0].filter(Boolean).length;
  if (given === 0) throw new UsageError('nothing to do: give a script, -c COMMANDS or --until REGEX');
  if (given > 1) throw new UsageError('give one of a script, -c COMMANDS and --until REGEX');
  if (commands !== undefined) return { do: 'commands', text: commands };
  if (until !== undefined) {
    try {
      return { do: 'until', pattern: new RegExp(until, 'm') };
    } catch (error) {
      throw new UsageError(`--until: ${(error as Error).message}`);
    }
  }
  if (files.length > 1) throw new UsageError(`one script only, and no arguments for it: ${files.slice(1).join(' ')}`);
  return { do: 'script', file: files[0] as string };
}

function memory(text: string | undefined): number {
  if (text === undefined) return 128;
  const mib = Number(text);
  // The initramfs is loaded at 64 MiB; v86 ends below 2 GiB.
  if (!Number.isInteger(mib) || mib < 80 || mib > 2047) {
    throw new UsageError(`--memory: ${text} is not a number of MiB from 80 to 2047`);
  }
  return mib;
}

function mebibytes(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const mib = Number(text);
  if (!Number.isInteger(mib) || mib < 1) throw new UsageError(`${option}: ${text} is not a number of MiB`);
  return mib;
}

function cache(text: string | undefined): CacheMode {
  if (text === undefined) return 'auto';
  const mode = CACHE_MODES.find((name) => name === text);
  if (mode === undefined) throw new UsageError(`--cache: ${text} is not one of ${CACHE_MODES.join(', ')}`);
  return mode;
}

function like(text: string | undefined): Like | undefined {
  if (text === undefined) return undefined;
  const server = LIKES.find((name) => name === text);
  if (server === undefined) throw new UsageError(`--like: ${text} is not one of ${LIKES.join(', ')}`);
  return server;
}

function oneOf<T extends string>(option: string, known: readonly T[], text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  const value = known.find((name) => name === text);
  if (value === undefined) throw new UsageError(`${option}: ${text} is not one of ${known.join(', ')}`);
  return value;
}

function failHandles(text: string | undefined): string | undefined {
  if (text !== undefined && parseHandleFailure(text) === undefined) {
    throw new UsageError(`--fail-handles: ${text} is not once:N, from:N or first:N, with :ERRNO or without`);
  }
  return text;
}

function tag(text: string | undefined): string {
  if (text === undefined) return 'lab';
  const size = Buffer.byteLength(text);
  if (size < 1 || size > 36 || /[\s\0]/.test(text)) {
    throw new UsageError(`--tag: ${JSON.stringify(text)} is not 1 to 36 bytes without white space`);
  }
  return text;
}

function timeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = Number(text);
  // A timer of the host holds 2^31 - 1 ms.
  if (!(seconds > 0) || seconds > 2_000_000) {
    throw new UsageError(`--timeout: ${text} is not a number of seconds above 0`);
  }
  return seconds;
}
