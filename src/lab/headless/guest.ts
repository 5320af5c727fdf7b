// `npm run guest`: boots a guest, runs what is asked for in it, ends with its status.
import type { Stats } from 'node:fs';
import { access, constants, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Left } from '../../fs/archive/import-archive.ts';
import { DirStore } from '../../fs/store/dir-store.ts';
import { MemoryStore } from '../../fs/store/memory-store.ts';
import { GuestGone, MAX_SCRIPT } from '../agent.ts';
import { nodeidsOf } from '../nodeids.ts';
import { isArchiveName, saveArchive } from './archive-files.ts';
import { bytesAsText, forTerminal } from './byte-names.ts';
import { type GuestOptions, parseCommandLine, USAGE, UsageError } from './cli-options.ts';
import { bootGuest, type GuestMachine, MachineEnded } from './guest-machine.ts';
import { loadPath } from './lab-tree.ts';
import { LoadError } from './load-folder.ts';
import { RequestLogFile } from './request-log.ts';
import { checkSaveFolder, SaveError, saveFolder } from './save-folder.ts';
import { treeDigest } from './tree-digest.ts';

const TIMEOUT = 124;
const FAILED = 125;
const WRONG_USAGE = 2;
/** What was left out is told by name up to this many. */
const TOLD_MAX = 20;

/** An end from outside of the run: the time is up, or a signal. */
class Cut {
  readonly status: number;
  constructor(status: number) {
    this.status = status;
  }
}

/** Resolves when everything that was written is out: a pipe may be slower than the guest. */
const written = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => stream.write('', () => resolve()));

async function main(words: string[]): Promise<number> {
  const options = parseCommandLine(words);
  if (options === 'help') {
    process.stdout.write(USAGE);
    return 0;
  }
  // Read before the guest boots, so that a wrong name costs nothing.
  const { task } = options;
  const script = task.do === 'script' ? await readFile(task.file) : undefined;
  if (options.save !== undefined) await checkSave(options.save);
  return withinLimits(options, (cut) => session(options, script, cut));
}

/** Runs `body` until it ends, the time is up, or a signal comes; `cut` rejects then. */
async function withinLimits(options: GuestOptions, body: (cut: Promise<never>) => Promise<number>): Promise<number> {
  let cutOff: (cut: Cut) => void = () => {};
  const cut = new Promise<never>((_, reject) => {
    cutOff = reject;
  });
  // Also cut while nobody waits for it.
  cut.catch(() => {});
  const timer =
    options.timeout === undefined ? undefined : setTimeout(() => cutOff(new Cut(TIMEOUT)), options.timeout * 1000);
  const onInterrupt = (): void => cutOff(new Cut(130));
  const onTerminate = (): void => cutOff(new Cut(143));
  process.once('SIGINT', onInterrupt);
  process.once('SIGTERM', onTerminate);
  // Whoever read our output is gone: as a program that SIGPIPE ends.
  process.stdout.on('error', () => cutOff(new Cut(141)));
  try {
    return await body(cut);
  } catch (error) {
    if (!(error instanceof Cut)) throw error;
    if (error.status === TIMEOUT) process.stderr.write(`guest: timed out after ${options.timeout} s\n`);
    return error.status;
  } finally {
    clearTimeout(timer);
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onTerminate);
  }
}

async function session(options: GuestOptions, script: Uint8Array | undefined, cut: Promise<never>): Promise<number> {
  let digest = 'empty';
  let changes = 0;
  const ending = new AbortController();
  const booting = bootGuest({
    signal: ending.signal,
    image: {
      kernel: options.kernel,
      initrd: options.initrd,
      ownKernelWithOurInitrd: options.task.do !== 'until',
    },
    // A guest that panics shall end, not hang; what the person says comes behind and counts.
    append: options.task.do === 'until' ? options.append : `panic=1 ${options.append}`,
    memory: options.memory,
    cache: options.cache,
    writeback: options.writeback,
    chunkCache: options.chunkCache,
    limit: options.limit,
    locks: options.locks,
    labels: options.labels,
    like: options.like,
    nodeids: nodeidsOf(options),
    reuseInodes: options.reuse,
    tag: options.tag,
    store: options.store === undefined ? new MemoryStore() : new DirStore(options.store),
    record: options.log === undefined ? 'off' : 'whole',
    prepare: async (tree) => {
      changes = tree.counters.operations;
      if (options.load !== undefined) tell('not loaded', await loadPath(tree, options.load, ending.signal));
      if (options.log !== undefined) digest = await treeDigest(tree);
    },
  });
  // Whoever is cut off while it boots has nothing of the guest to save.
  const machine = await Promise.race([booting, cut]).catch(async (error: unknown) => {
    if (error instanceof Cut) {
      ending.abort(error);
      // A build is ended, a store is closed: only then is the process free to end.
      await booting.then(
        (late) => late.close(),
        (reason: unknown) => {
          if (reason !== error) throw reason;
        },
      );
    }
    throw error;
  });
  let log: RequestLogFile | undefined;
  try {
    if (options.log !== undefined) {
      log = new RequestLogFile(options.log, machine.lab.log, () => logHeader(options, machine, digest, changes));
    }
    const status = await Promise.race([perform(options, script, machine), cut]);
    if (options.save !== undefined) await save(machine, options.save, cut);
    return status;
  } catch (error) {
    const panic = error instanceof GuestGone ? /Kernel panic.*/.exec(machine.serial)?.[0] : undefined;
    throw panic === undefined ? error : new MachineEnded(`the guest's kernel died: ${panic.trim()}`);
  } finally {
    // The log last but one: a device that is taken away still has requests to tell of.
    machine.lab.close();
    try {
      log?.close();
    } finally {
      await machine.close();
    }
  }
}

/** A name that nothing can be saved under costs nothing: it is refused before the guest boots. */
async function checkSave(path: string): Promise<void> {
  const found = await statOf(path);
  if (isArchiveName(path)) {
    if (found?.isDirectory()) throw new SaveError(`${path} is a folder, and is named as an archive`);
  } else if (checkSaveFolder(path)) {
    await access(path, constants.W_OK);
    return;
  }
  const above = dirname(resolve(path));
  if (!(await stat(above)).isDirectory()) throw new SaveError(`${above} is no folder`);
  await access(above, constants.W_OK);
}

/** Undefined where nothing is there, or to be seen. */
const statOf = (path: string): Promise<Stats | undefined> => stat(path).catch(() => undefined);

/** Writes the tree as the guest left it, which is stopped first. */
async function save(machine: GuestMachine, path: string, cut: Promise<never>): Promise<void> {
  machine.lab.close();
  const ending = new AbortController();
  const saving = isArchiveName(path)
    ? saveArchive(machine.tree, path, ending.signal)
    : saveFolder(machine.tree, path, ending.signal).then((report) => tell('not saved', report));
  try {
    await Promise.race([saving, cut]);
  } catch (error) {
    ending.abort(error);
    // Until what was half written is gone.
    await saving.catch((reason: unknown) => {
      if (reason !== error) throw reason;
    });
    throw error;
  }
}

/** Says on standard error what was left out and why. */
function tell(what: string, { left, leftCount }: { left: Left[]; leftCount: number }): void {
  for (const { path, reason } of left.slice(0, TOLD_MAX)) {
    const line = `guest: ${what}: ${path === '' ? '' : `${bytesAsText(path)}: `}${reason}`;
    process.stderr.write(`${forTerminal(line)}\n`);
  }
  if (leftCount > TOLD_MAX) process.stderr.write(`guest: ${what}: ${leftCount - TOLD_MAX} more\n`);
}

/** `digest`: of the tree as the guest found it. `changes`: those of earlier runs, which took numbers that never come back. */
function logHeader(
  options: GuestOptions,
  machine: GuestMachine,
  digest: string,
  changes: number,
): Record<string, unknown> {
  const { negotiated } = machine.lab;
  return {
    cache: options.cache,
    writeback: options.writeback,
    locks: options.locks,
    labels: options.labels,
    ...(options.like === undefined ? {} : { like: options.like }),
    ...(options.handles === undefined ? {} : { handles: options.handles }),
    ...(options.failHandles === undefined ? {} : { failHandles: options.failHandles }),
    ...(options.wrong === undefined ? {} : { wrong: options.wrong }),
    ...(options.reuse ? { reuse: true } : {}),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
    ...(options.chunkCache === undefined ? {} : { chunkCache: options.chunkCache }),
    tag: options.tag,
    policy: machine.server.session.policy,
    // Absent where the guest never mounted.
    ...(negotiated === undefined ? {} : { negotiated: { major: 7, ...negotiated } }),
    timeOrigin: performance.timeOrigin,
    tree: digest,
    ...(changes === 0 ? {} : { changes }),
    ...(options.load === undefined ? {} : { load: options.load }),
    ...(options.store === undefined ? {} : { store: options.store }),
  };
}

async function perform(options: GuestOptions, script: Uint8Array | undefined, machine: GuestMachine): Promise<number> {
  const { task } = options;
  if (task.do === 'until') {
    machine.lab.serial.on((bytes) => void process.stdout.write(bytes));
    await machine.waitForSerial(task.pattern);
    await written(process.stdout);
    return 0;
  }
  const failed = new Promise<never>((_, reject) => {
    machine.lab.failures.on(({ message }) => reject(new MachineEnded(message)));
  });
  const status = await Promise.race([
    commands(script ?? Buffer.from((task as { text: string }).text), machine),
    failed,
  ]);
  const end = await Promise.race([machine.run('cd /; sync'), failed]);
  if (end.status !== 0) throw new MachineEnded(`sync in the guest ended with ${end.status}: ${end.stderr}`);
  return status;
}

async function commands(script: Uint8Array, machine: GuestMachine): Promise<number> {
  const onOutput = (stream: 1 | 2, bytes: Uint8Array): void =>
    void (stream === 1 ? process.stdout : process.stderr).write(bytes);
  // A script that is longer than an argument may be, or names its interpreter, has to be a file.
  const asFile = script.length > MAX_SCRIPT || (script[0] === 0x23 && script[1] === 0x21);
  if (asFile) {
    const run = script[0] === 0x23 ? 'exec /tmp/script' : 'exec sh /tmp/script';
    const placed = await machine.run('cat > /tmp/script && chmod 700 /tmp/script', { stdin: script });
    if (placed.status !== 0) throw new MachineEnded(`the script could not be placed in the guest: ${placed.stderr}`);
    script = Buffer.from(run);
  }
  const { status } = await machine.lab.run(script, { onOutput }).done;
  await Promise.all([written(process.stdout), written(process.stderr)]);
  return status;
}

function explain(error: unknown): string {
  const expected =
    error instanceof UsageError ||
    error instanceof GuestGone ||
    error instanceof MachineEnded ||
    error instanceof LoadError ||
    error instanceof SaveError;
  if (expected) return error.message;
  if (error instanceof Error) return 'code' in error ? error.message : (error.stack ?? error.message);
  return String(error);
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`guest: ${explain(error)}\n`);
    if (error instanceof UsageError) process.stderr.write('Try --help.\n');
    process.exitCode = error instanceof UsageError ? WRONG_USAGE : FAILED;
  },
);
