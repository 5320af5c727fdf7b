// Child processes of the commands: started here, and never left behind when a command is stopped.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's folder. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Path of a program that a node package brings. @param {string} name */
export const packageProgram = (name) => join(ROOT, 'node_modules', '.bin', name);

/** Something the person at the keyboard can mend: printed without a stack, and the command ends with `code`. */
export class Stop extends Error {
  /** @param {string} message @param {number} [code] */
  constructor(message, code = 1) {
    super(message);
    this.code = code;
  }
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();
/** Whether a signal has ended this command; its status is set then. */
let stopping = false;

// In a terminal the children stay in its foreground group, so that sudo can ask for a password and Ctrl-C reaches all
// of them. Without one each gets a group of its own, which a signal to us alone can then be passed on to.
const ownGroups = !process.stdin.isTTY;

/** Where a child's standard output goes. @type {Record<string, import('node:child_process').StdioPipe | 'inherit' | 'ignore' | 2>} */
const outputOf = { show: 'inherit', collect: 'pipe', stderr: 2, quiet: 'ignore' };

/** @param {NodeJS.Signals} signal */
function passOn(signal) {
  for (const child of children) {
    if (child.pid === undefined) continue;
    try {
      process.kill(ownGroups ? -child.pid : child.pid, signal);
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ESRCH') throw error;
    }
  }
}

/**
 * Runs a command and resolves with its exit status (128 + signal where a signal ended it).
 * `stdout: 'collect'` gives what it printed instead of showing it, 'stderr' shows it there.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, stdout?: 'show' | 'collect' | 'stderr', quiet?: boolean }} [options]
 * @returns {Promise<{ status: number, stdout: string }>}
 */
export function run(command, args, options = {}) {
  const { cwd = ROOT, env = process.env, stdout = 'show', quiet = false } = options;
  const child = spawn(command, args, {
    cwd,
    env,
    detached: ownGroups,
    stdio: ['inherit', outputOf[quiet && stdout === 'show' ? 'quiet' : stdout], quiet ? 'ignore' : 'inherit'],
  });
  children.add(child);
  let collected = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    collected += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', (error) => {
      children.delete(child);
      if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') resolve({ status: 127, stdout: '' });
      else reject(error);
    });
    child.once('close', (code, signal) => {
      children.delete(child);
      // What was stopped is over: whoever waits for this child is not to start the next.
      if (stopping && children.size === 0) process.exit();
      resolve({ status: code ?? 128 + signalNumber(signal), stdout: collected });
    });
  });
}

/** @param {NodeJS.Signals | null} signal */
function signalNumber(signal) {
  return { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 }[/** @type {string} */ (signal)] ?? 0;
}

/**
 * Runs the body of a command: what it returns is the exit status, a Stop is its message on standard error, and
 * SIGINT or SIGTERM end the children before us. `onSignal` says what a signal means to a command that is serving.
 * @param {(signals: { onSignal(handler: () => void): void }) => Promise<number>} body
 */
export async function command(body) {
  /** @type {(() => void) | undefined} */
  let serving;
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      if (serving) return serving();
      if (stopping) return;
      stopping = true;
      process.exitCode = 128 + signalNumber(signal);
      passOn('SIGTERM');
      if (children.size === 0) process.exit();
    });
  }
  try {
    const status = await body({
      onSignal: (handler) => {
        serving = handler;
      },
    });
    if (!stopping) process.exitCode = status;
  } catch (error) {
    if (stopping) return;
    if (!(error instanceof Stop)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = error.code;
  }
}
