// --load and --save with a real guest: what went in comes out, with what the guest has changed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { archive, archiveOf, listing, treeOf } from '../archives.ts';
import { BOOT_TIMEOUT } from './guest.ts';

const PROGRAM = fileURLToPath(new URL('../../src/lab/headless/guest.ts', import.meta.url));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lab-transfer-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function guest(...words: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, ...words]);
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

const at = (name: string): string => join(folder, name);

const MAKE = `
  mkdir -p d/e; echo hello > d/e/f; ln d/e/f same; ln -s d/e/f to; mknod null c 1 3; mkfifo p
  touch -d '2001-02-03 04:05:06' d; chown 12:34 d/e/f; chmod 4711 d/e/f
  dd if=/dev/zero of=sparse bs=1 count=1 seek=3000000 2>/dev/null
`;

it(
  'a tree goes from guest to archive to guest, and GNU tar sees what is in it',
  async () => {
    const first = await guest('--save', at('one.tar'), '-c', MAKE);
    expect(first).toMatchObject({ status: 0, stderr: '' });
    const listed = spawnSync('tar', ['-tv', '--numeric-owner', '-f', join(folder, 'one.tar')], { encoding: 'utf8' });
    expect(listed.status).toBe(0);
    expect(listed.stdout).toMatch(/-rws--x--x 12\/34 +6 .* \.\/d\/e\/f/);
    expect(listed.stdout).toMatch(/crw-r--r-- 0\/0 +1,3 .* \.\/null/);
    expect(listed.stdout).toMatch(/prw-r--r-- .* \.\/p/);
    const bytes = readFileSync(join(folder, 'one.tar'));
    expect(bytes.length).toBeLessThan(200_000);
    const { tree } = await treeOf(bytes);
    expect(await archiveOf(tree)).toEqual(new Uint8Array(bytes));

    const second = await guest(
      '--load',
      at('one.tar'),
      '--save',
      at('two.tar.gz'),
      '-c',
      'cat same; stat -c %h,%Y d/e/f d; echo more >> d/e/f; exit 3',
    );
    expect(second.stdout).toMatch(/^hello\n2,\d+\n\d+,981173106\n$/);
    expect(second).toMatchObject({ status: 3, stderr: '' });
    const { tree: after } = await treeOf(readFileSync(join(folder, 'two.tar.gz')));
    expect(await listing(after)).toMatchObject({ 'd/e/f': 'hello\nmore\n', same: 'hello\nmore\n', to: '-> d/e/f' });
  },
  3 * BOOT_TIMEOUT,
);

it(
  'what an archive must not have stays out, what a folder cannot keep too, and both are told',
  async () => {
    writeFileSync(at('hostile.tar'), archive({ name: '../escaped' }, { name: 'inside' }));
    const words = ['--load', at('hostile.tar'), '--save', at('out'), '-c'];
    const { status, stderr } = await guest(...words, 'mkdir d; echo hello > d/f; mkfifo p');
    expect(status).toBe(0);
    expect(stderr).toMatch(/^guest: not loaded: \.\.\/escaped: .*"\.\."/m);
    expect(stderr).toMatch(/^guest: not saved: \.\/p: devices, FIFOs and sockets/m);
    expect(readFileSync(join(folder, 'out/d/f'), 'utf8')).toBe('hello\n');
    expect(readdirSync(at('out')).sort()).toEqual(['d', 'inside']);
    expect(readdirSync(folder)).not.toContain('escaped');
  },
  2 * BOOT_TIMEOUT,
);

it(
  'what cannot be is refused before the guest boots, and nothing is left',
  async () => {
    mkdirSync(join(folder, 'full'));
    writeFileSync(join(folder, 'full/file'), '');
    mkdirSync(join(folder, 'folder.tar'));
    writeFileSync(join(folder, 'no.tar'), 'nothing');
    const before = readdirSync(folder).sort();
    const cases: [string[], RegExp][] = [
      [['--save', at('full')], /full is not empty/],
      [['--save', at('no.tar/x.tar')], /no\.tar is no folder/],
      [['--save', at('folder.tar')], /folder\.tar is a folder, and is named as an archive/],
      [['--save', at('none/x.tar')], /ENOENT/],
      [['--load', at('no.tar')], /no\.tar: This is no tar archive/],
    ];
    for (const [words, reason] of cases) {
      const { status, stdout, stderr } = await guest(...words, '-c', 'echo booted');
      expect({ status, stdout }).toEqual({ status: 125, stdout: '' });
      expect(stderr).toMatch(reason);
    }
    expect(readdirSync(folder).sort()).toEqual(before);
  },
  3 * BOOT_TIMEOUT,
);
