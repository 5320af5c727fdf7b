// The command as a person runs it: its own process, its standard streams, its status.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BOOT_TIMEOUT } from './guest.ts';

const PROGRAM = fileURLToPath(new URL('../../src/lab/headless/guest.ts', import.meta.url));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-command-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the command; `started` is given the process. */
function guest(words: string[], started?: (child: ChildProcess) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('latin1').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('latin1').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
    started?.(child);
  });
}

/** Leaves the tree and lets the guest's caches go. */
const LETS_GO = 'cd /; sync; for i in 1 2 3 4 5; do echo 3 > /proc/sys/vm/drop_caches; done';
/** The same at the end of a script, its status kept. */
const AT_THE_END = `trap '${LETS_GO}' EXIT`;
let runs = 0;

/** Runs commands with a log, after which no look-up may be left but those that a DESTROY takes: the root's own. */
async function commands(words: string[], text: string, started?: (child: ChildProcess) => void): Promise<Ended> {
  return logged([...words, '-c', `${AT_THE_END}\n${text}`], started);
}

async function logged(words: string[], started?: (child: ChildProcess) => void): Promise<Ended> {
  const log = join(folder, `ledger-${++runs}.jsonl`);
  const ended = await guest(['--log', log, ...words], started);
  expectNothingHeld(lines(log).slice(1));
  return ended;
}

/** The sum of what each session was granted and gave back. A reset, which no line tells of, comes before an INIT. */
function expectNothingHeld(requests: Record<string, unknown>[]): void {
  const sessions: number[] = [];
  for (const { op, nlookup = 0 } of requests) {
    if (op === 'INIT') sessions.push(0);
    sessions.push((sessions.pop() as number) + (nlookup as number));
  }
  expect(sessions.length).toBeGreaterThan(0);
  expect(sessions).toEqual(sessions.map(() => 0));
}

const lines = (file: string): Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('npm run guest', () => {
  it(
    'prints just what the commands print and ends with their status',
    async () => {
      expect(await commands([], "echo out; echo err >&2; pwd; printf '\\377'; exit 7")).toEqual({
        status: 7,
        stdout: 'out\n/mnt/lab\n\xff',
        stderr: 'err\n',
      });
    },
    BOOT_TIMEOUT,
  );

  it(
    'runs a script file, by the interpreter that it names, of any size',
    async () => {
      const script = join(folder, 'script.sh');
      writeFileSync(
        script,
        `#!/bin/bash\n${AT_THE_END}\n${'# long\n'.repeat(40_000)}[[ $BASH_VERSION ]] && echo bash; kill -TERM $$\n`,
      );
      expect(await logged([script])).toEqual({ status: 143, stdout: 'bash\n', stderr: '' });
    },
    BOOT_TIMEOUT,
  );

  it.each([
    [['-c', 'ls', '--cache', 'maybe'], '--cache'],
    [['--until'], '--until'],
    [[], 'nothing to do'],
  ])('refuses %j with status 2 and says why', async (words, why) => {
    const ended = await guest(words as string[]);
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    expect(ended.stderr).toContain(why);
  });

  it('has help', async () => {
    const ended = await guest(['--help']);
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended.stdout).toContain('--until REGEX');
  });

  it('says so where a file is not there', async () => {
    expect(await guest([join(folder, 'none.sh')])).toMatchObject({ status: 125, stdout: '' });
    const ended = await guest(['--load', join(folder, 'none'), '-c', 'ls']);
    expect(ended).toMatchObject({ status: 125, stdout: '' });
    expect(ended.stderr).toContain('none');
  });

  it(
    'ends with 124 when the time is up, with 143 when it is told to end',
    async () => {
      // Cut at a moment that nobody chose: what is held then is not looked at.
      const timed = await guest(['--timeout', '20', '-c', 'echo begun; while :; do sleep 1; done']);
      expect(timed).toMatchObject({ status: 124 });
      const told = await logged(['-c', `${LETS_GO}; echo begun; while :; do sleep 1; done`], (child) => {
        child.stdout?.once('data', () => child.kill('SIGTERM'));
      });
      expect(told).toEqual({ status: 143, stdout: 'begun\n', stderr: '' });
    },
    BOOT_TIMEOUT,
  );

  it(
    'says what became of a guest that died under its commands',
    async () => {
      const panicked = await logged(['-c', `${LETS_GO}; echo begun; echo c > /proc/sysrq-trigger; sleep 100`]);
      expect(panicked).toMatchObject({ status: 125, stdout: 'begun\n' });
      expect(panicked.stderr).toContain('Kernel panic');
      const off = await logged(['-c', `${LETS_GO}; echo begun; poweroff -f; sleep 100`]);
      expect(off).toEqual({ status: 125, stdout: 'begun\n', stderr: 'guest: the guest was powered off\n' });
    },
    BOOT_TIMEOUT,
  );

  it(
    'prints the serial console until the pattern is there, or the guest has ended without it',
    async () => {
      const found = await logged(['--until', 'init: .*virtio-fs']);
      expect(found).toMatchObject({ status: 0, stderr: '' });
      expect(found.stdout).toMatch(/init: .*virtio-fs/);
      const ended = await guest([
        '--until',
        'never this',
        '--append',
        'panic=-1 reboot=f rdinit=/none init=/none',
        '--timeout',
        '25',
      ]);
      expect(ended.status).toBe(124);
      expect(ended.stdout).toContain('Kernel panic');
    },
    BOOT_TIMEOUT,
  );

  it(
    'copies a folder in: content, modes, owners, times to the nanosecond, links, holes, names of any bytes',
    async () => {
      const from = join(folder, 'from');
      mkdirSync(join(from, 'sub'), { recursive: true });
      writeFileSync(join(from, 'a'), 'content\n', { mode: 0o640 });
      linkSync(join(from, 'a'), join(from, 'sub', 'hard'));
      symlinkSync('../a', join(from, 'sub', 'link'));
      writeFileSync(Buffer.concat([Buffer.from(`${from}/b`), Buffer.of(0xff)]), 'x');
      writeFileSync(join(from, 'sparse'), '');
      truncateSync(join(from, 'sparse'), 10_000_000);
      utimesSync(join(from, 'a'), 1_000_000_000, 981_173_106.25);
      const log = join(folder, 'load.jsonl');
      const ended = await guest([
        '--load',
        from,
        '--log',
        log,
        '-c',
        `${AT_THE_END}
        find . | sort | od -c; stat -c '%a %h %s %Y' a sub/hard; cat sub/link; [ a -ef sub/hard ] && echo same
        stat -c '%y' a; stat -c '%s' sparse; [ $(stat -c %b sparse) -lt 8 ] && echo hole; rm -r ./*; ls -A`,
      ]);
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      expect(ended.stdout).toContain('640 2 8 981173106\n640 2 8 981173106\ncontent\nsame\n');
      expect(ended.stdout).toContain('04:05:06.250000000');
      expect(ended.stdout).toContain('10000000\nhole\n');
      expect(ended.stdout).toContain('b 377');
      const [header, ...requests] = lines(log);
      expectNothingHeld(requests);
      expect(header).toMatchObject({
        schema: 1,
        cache: 'auto',
        tag: 'lab',
        tree: expect.stringMatching(/^[0-9a-f]{64}$/),
        negotiated: { major: 7, minor: 41 },
        timeOrigin: expect.any(Number),
      });
      expect(requests[0]).toMatchObject({ seq: 1, op: 'INIT', queue: 1, error: 0 });
      expect(requests.some((r) => r.path === '/b\\xff')).toBe(true);
    },
    BOOT_TIMEOUT,
  );

  it(
    'logs every request whole, and nothing is lost at the end',
    async () => {
      const log = join(folder, 'log.jsonl');
      const count = 300;
      const ended = await guest([
        '--log',
        log,
        '-c',
        `${AT_THE_END}
        i=0; while [ $i -lt ${count} ]; do echo $i > f$i; i=$((i + 1)); done; dd if=/dev/zero of=big bs=1M count=3 2> /dev/null; cat none`,
      ]);
      expect(ended.status).toBe(1);
      const [header, ...requests] = lines(log);
      expectNothingHeld(requests);
      expect(header).toMatchObject({ schema: 1, tree: 'empty' });
      const numbers = requests.map((r) => r.seq as number).sort((a, b) => a - b);
      expect(numbers).toEqual(Array.from({ length: requests.length }, (_, i) => i + 1));
      const created = requests.filter((r) => r.op === 'CREATE' && /^\/f\d+$/.test(r.path as string));
      expect(created.length).toBe(count);
      expect(created.every((r) => r.nlookup === 1 && r.error === 0)).toBe(true);
      for (const r of requests) {
        expect(Buffer.from(r.req as string, 'base64').length).toBe(r.insize);
        expect(Buffer.from(r.res as string, 'base64').length).toBe(r.outsize);
        expect(r.used).toBeGreaterThanOrEqual(r.answered as number);
        expect(r.answered).toBeGreaterThanOrEqual(r.taken as number);
        expect(r.taken).toBeGreaterThanOrEqual(r.available as number);
        if ((r.op as string).includes('FORGET')) expect(r).not.toHaveProperty('error');
      }
      const payload = requests.filter((r) => r.op === 'WRITE' && r.path === '/big');
      expect(payload.reduce((sum, r) => sum + (r.args as { size: number }).size, 0)).toBe(3 << 20);
      expect(requests.some((r) => r.op === 'LOOKUP' && r.path === '/none')).toBe(true);
    },
    BOOT_TIMEOUT,
  );

  it(
    'keeps the tree in a folder, so that the next run finds it, also under another tag and policy',
    async () => {
      const store = join(folder, 'store');
      expect(await commands(['--store', store], 'mkdir d; echo one > d/f; ln -s f d/l; chmod 600 d/f')).toMatchObject({
        status: 0,
      });
      const again = await commands(
        ['--store', store, '--tag', 'other', '--cache', 'always'],
        'cat d/l; stat -c %a d/f; echo two >> d/f; mount | grep /mnt/lab',
      );
      expect(again).toMatchObject({ status: 0, stderr: '' });
      expect(again.stdout).toMatch(/^one\n600\nother on \/mnt\/lab type virtiofs/);
      expect(await commands(['--store', store, '--cache', 'never'], 'cat d/f')).toMatchObject({
        status: 0,
        stdout: 'one\ntwo\n',
      });
    },
    BOOT_TIMEOUT,
  );
});
