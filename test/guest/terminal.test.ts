// The person's shell on the lab's own console: what a terminal has to do, judged by what it shows.
import { describe, expect, it } from 'vitest';
import type { GuestMachine } from '../../src/lab/headless/guest-machine.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

const guest = useGuest();

const CTRL_C = '\x03';
const CTRL_Z = '\x1a';
const UP = '\x1b[A';
/** The prompt without its colours. */
const PROMPT = /lab:\S*# $/;

/** What the terminal shows, without the sequences that colour and move. */
const plain = (text: string): string =>
  text.replace(/\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07|[=>78])/g, '').replaceAll('\r', '');

/** Types, and resolves with what was shown from then on as soon as it matches. */
function shows(machine: GuestMachine, typed: string, pattern: RegExp): Promise<string> {
  return new Promise((resolve) => {
    const decoder = new TextDecoder();
    let shown = '';
    const off = machine.lab.console.on((bytes) => {
      shown += decoder.decode(bytes, { stream: true });
      if (!pattern.test(plain(shown))) return;
      off();
      resolve(plain(shown));
    });
    machine.type(typed);
  });
}

/** Resolves when a process of that name runs in the guest: what is typed then meets it, and not the shell. */
function running(machine: GuestMachine, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    const off = machine.lab.processes.on(({ name }) => {
      if (name !== wanted) return;
      off();
      resolve();
    });
  });
}

/** A command line at the prompt: what it printed. */
async function line(machine: GuestMachine, typed: string): Promise<string> {
  const shown = await shows(machine, `${typed}\n`, /\n[\s\S]*# $/);
  return shown.replace(/^.*\n/, '').replace(/[^\n]*# $/, '');
}

/** Begins a command that goes on by itself. */
async function begin(machine: GuestMachine, typed: string, name: string): Promise<void> {
  const begun = running(machine, name);
  machine.type(`${typed}\n`);
  await begun;
}

describe("the person's shell", () => {
  it(
    'ends a program by Ctrl-C and knows its status',
    async () => {
      await guest().waitForTerminal(/# $/);
      await begin(guest(), 'sleep 99', 'sleep');
      expect(await shows(guest(), CTRL_C, PROMPT)).toContain('^C');
      expect(await line(guest(), 'echo $?')).toBe('130\n');
    },
    BOOT_TIMEOUT,
  );

  it(
    'stops a program by Ctrl-Z, lists it, takes it up again',
    async () => {
      await begin(guest(), 'sleep 98', 'sleep');
      expect(await shows(guest(), CTRL_Z, PROMPT)).toMatch(/\[1\]\+ +Stopped +sleep 98/);
      expect(await line(guest(), 'echo $?')).toBe('148\n');
      expect(await line(guest(), 'jobs')).toMatch(/^\[1\]\+ +Stopped +sleep 98\n$/);
      await shows(guest(), 'fg\n', /fg\nsleep 98\n$/);
      await shows(guest(), CTRL_C, PROMPT);
      expect(await line(guest(), 'echo $?; jobs')).toBe('130\n');
    },
    BOOT_TIMEOUT,
  );

  it(
    'has a history under the arrow keys',
    async () => {
      expect(await line(guest(), 'echo first $((6 * 7))')).toBe('first 42\n');
      expect(await line(guest(), 'echo second')).toBe('second\n');
      expect(await line(guest(), UP + UP)).toBe('first 42\n');
    },
    BOOT_TIMEOUT,
  );

  it(
    'knows how large the terminal is, at the prompt and in a program that runs',
    async () => {
      const program = `bash --norc -c 'trap "stty size" WINCH; sleep 97 & echo up; wait; kill $!'`;
      await shows(guest(), `${program}\n`, /\nup\n$/);
      const told = shows(guest(), '', PROMPT);
      guest().lab.resize(97, 31);
      expect(await told).toMatch(/^31 97\n/);
      expect(await line(guest(), 'stty size; echo $LINES $COLUMNS')).toBe('31 97\n31 97\n');
      guest().lab.resize(80, 25);
    },
    BOOT_TIMEOUT,
  );
});
