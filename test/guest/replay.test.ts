// What a real guest did, recorded and replayed on a fresh tree, by the two commands as a person runs them.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { changed, type Line, rewrite } from '../recordings.ts';
import { BOOT_TIMEOUT } from './guest.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-replay-'));
  mkdirSync(join(folder, 'loaded', 'sub'), { recursive: true });
  writeFileSync(join(folder, 'loaded', 'sub', 'file'), 'what was there first\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

function command(name: string, ...words: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const program = fileURLToPath(new URL(`../../src/lab/headless/${name}.ts`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...words]);
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('latin1').on('data', (text: string) => {
        said[stream] += text;
      });
    }
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...said }));
  });
}

const SCRIPT = `
  mkdir -p d/e; echo hello > d/e/f; ln d/e/f same; ln -s d/e/f to; mknod null c 1 3; mkfifo p; cat to sub/file
  touch -d '2001-02-03 04:05:06' d; chown 12:34 d/e/f; chmod 4711 d/e/f; setfattr -n user.a -v b d/e/f; ls -laR
  dd if=/dev/urandom of=big bs=64k count=20 2>/dev/null; cp big big2; sync; echo 3 > /proc/sys/vm/drop_caches
  cmp big big2 && stat big && df . && truncate -s 1000 big; md5sum big > sum; mv d/e/f d/g; rm same; rm -r d; find .
  cat nothing; exec 3<big; rm big; cat <&3 >/dev/null; exec 3<&-; echo no >> sub/file
  (flock -x 9; for i in 1 2 3 4 5 6 7 8 9; do echo $i > n$i; done) 9> lock & (flock -x 9; ls) 9> lock; wait; rm n*
  cd /; umount /mnt/lab; mount -t virtiofs lab /mnt/lab; ls -la /mnt/lab
`;

it.each(['--cache auto', '--cache never --locks'])(
  'a guest with %s is answered the same again, and otherwise where a byte was changed',
  async (options) => {
    const log = join(folder, 'log.jsonl');
    const loaded = join(folder, 'loaded');
    expect(await command('guest', ...options.split(' '), '--load', loaded, '--log', log, '-c', SCRIPT)).toMatchObject({
      status: 0,
    });
    const same = await command('replay', log);
    expect(same).toMatchObject({ status: 0, stderr: '' });
    expect(same.stdout).toMatch(/^(\d{2,}) requests replayed: \1 the same, 0 different\n$/);

    const other = join(folder, 'other.jsonl');
    const last = (lines: Line[], op: string) =>
      lines.filter((line) => line.op === op && line.res !== '').at(-1) as Line;
    const flip = (bytes: Buffer): void => {
      const at = bytes.length - 1;
      bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    };
    for (const op of ['WRITE', 'READ'] as const) {
      rewrite(log, other, (lines) => {
        const line = last(lines, op);
        const message = op === 'WRITE' ? 'req' : 'res';
        line[message] = changed(line[message], flip);
        return lines;
      });
      expect(await command('replay', other)).toMatchObject({
        status: 1,
        stdout: expect.stringMatching(new RegExp(`^request \\d+, ${op}.*: `, 'm')),
      });
    }

    rewrite(log, other, (lines) => {
      const line = last(lines, 'WRITE');
      line.req = Buffer.from(line.req, 'base64').subarray(0, 41).toString('base64');
      return lines;
    });
    expect(await command('replay', other)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining('its request was cut'),
    });

    writeFileSync(join(loaded, 'sub', 'more'), '');
    const changedFolder = await command('replay', log);
    rmSync(join(loaded, 'sub', 'more'));
    expect(changedFolder).toMatchObject({ status: 2, stderr: expect.stringContaining('is not what it was') });
  },
  BOOT_TIMEOUT,
);
