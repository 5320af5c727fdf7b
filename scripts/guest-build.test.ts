// The guest image's build script on machines that cannot build, and what it takes for a finished image. Nothing is
// downloaded or compiled: the script runs with a PATH that holds only what a test puts there, and a cache of its own.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ROOT } from './process.mjs';

const IMAGES = join(ROOT, 'guest-images');
const BASICS = ['cut', 'find', 'grep', 'id', 'sha256sum', 'sort', 'tr', 'xargs'];
const GCC = 'echo "gcc (Somebody 99.1-1) 99.1"';
const LD = 'echo "GNU ld (Somebody) 99.1"';

let dir = '';
let bin = '';
let cache = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'guest-build-'));
  bin = join(dir, 'bin');
  cache = join(dir, 'cache');
  mkdirSync(bin);
  mkdirSync(cache);
  for (const name of BASICS) borrow(name);
});
afterEach(() => rmSync(dir, { recursive: true }));

const inPath = (name: string) => execFileSync('bash', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();

/** Puts one of this machine's programs into the PATH of the script. */
function borrow(name: string): void {
  symlinkSync(inPath(name), join(bin, name));
}

/** Puts a program of the test's own there. */
function program(name: string, body: string): void {
  rmSync(join(bin, name), { force: true });
  writeFileSync(join(bin, name), `#!${BASH}\n${body}\n`);
  chmodSync(join(bin, name), 0o755);
}
const BASH = inPath('bash');

interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

function bash(args: string[]): Ended {
  // In a session of its own, so without a terminal: nothing may ask the person who runs the tests for a password.
  const session = inPath('setsid');
  const { status, stdout, stderr } = spawnSync(session, ['--wait', BASH, ...args], {
    env: { PATH: bin, VIRTIOFS_LAB_CACHE: cache, HOME: dir },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { status, stdout, stderr };
}
const build = (...options: string[]) => bash([join(IMAGES, 'build.sh'), ...options]);

const PRELUDE = 'set -euo pipefail; say() { echo "$*" >&2; }; fail() { say "$*"; exit 1; }';

/** Path of the file that says which image this recipe gave with the compiler that is in `bin` now. */
function stampHere(flavour = 'lab'): string {
  const code = `${PRELUDE}; export LC_ALL=C RECIPE=$1 CACHE=$2 flavour=$3; . "$1/cache.sh"; identify; echo "$stamp"`;
  const { status, stdout, stderr } = bash(['-c', code, 'bash', IMAGES, cache, flavour]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.trim();
}

/** An image's folder and its note for `stamp`; `whole` says whether it was finished. */
function image(stamp: string, key: string, whole = true): string {
  const folder = join(cache, 'images', key);
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(cache, 'images/stamps'), { recursive: true });
  writeFileSync(join(folder, 'bzImage'), '');
  if (whole) writeFileSync(join(folder, 'manifest.json'), '{}');
  writeFileSync(stamp, `${key}\n`);
  return folder;
}

describe('where nothing can be built', () => {
  test('without apt: a message that says what to do, and an empty cache stays empty', () => {
    const { status, stdout, stderr } = build();
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/has no apt.*Debian 12.*docker build -t virtiofs-lab-guest guest-images/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(readdirSync(cache)).toEqual([]);
  });

  test.each(['sha256sum', 'xargs', 'find', 'sort'])('without %s: it is named', (name) => {
    rmSync(join(bin, name));
    const { status, stdout, stderr } = build();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe(
      `guest image: This machine has no ${name}, without which a guest image cannot be looked for. Install them (coreutils, findutils, grep).\n`,
    );
    expect(readdirSync(cache)).toEqual([]);
  });

  test('on another architecture, which it names', () => {
    for (const name of ['apt-get', 'dpkg-deb']) program(name, 'exit 1');
    program('dpkg', 'echo riscv64');
    const { status, stderr } = build();
    expect(status).toBe(1);
    expect(stderr).toContain('compiled on amd64; this machine is riscv64');
    expect(readdirSync(cache)).toEqual([]);
  });

  test.each([
    ['there is no sudo', undefined],
    ['sudo would ask for a password, and there is no terminal', 'echo "$*" >> "$HOME/asked"; exit 1'],
  ])('a user who may not install (%s) is told what to have installed', (_, sudo) => {
    for (const name of ['apt-get', 'dpkg-deb']) program(name, 'exit 1');
    program('dpkg', 'echo amd64');
    program('id', 'echo 1000');
    if (sudo) program('sudo', sudo);
    const { status, stderr } = build();
    expect(status).toBe(1);
    expect(stderr).toMatch(/needs gcc binutils make .*Have 'apt-get install gcc binutils make .*' run/);
    expect(readdirSync(cache)).toEqual([]);
    // Without a terminal it was only asked whether it would.
    if (sudo) expect(readFileSync(join(dir, 'asked'), 'utf8')).toBe('-n true\n');
  });
});

describe('what is taken for a finished image', () => {
  test('the one that this recipe gave with this compiler; its folder is the last line', () => {
    program('gcc', GCC);
    program('ld', LD);
    const folder = image(stampHere(), 'here');
    expect(build()).toEqual({ status: 0, stdout: `${folder}\n`, stderr: '' });
  });

  test('the other flavour is another image', () => {
    image(stampHere('lab'), 'lab');
    expect(build('--stock').status).toBe(1);
    const folder = image(stampHere('stock'), 'stock');
    expect(build('--stock').stdout).toBe(`${folder}\n`);
  });

  test('not a folder without its manifest, which a build that was cut off left', () => {
    image(stampHere(), 'half', false);
    const { status, stdout, stderr } = build();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('has no apt');
  });

  test('where there is no compiler, one from elsewhere', () => {
    const folder = image(stampHere().replace(/-[^-]*-lab$/, '-anothercompiler-lab'), 'elsewhere');
    expect(build()).toEqual({ status: 0, stdout: `${folder}\n`, stderr: '' });
  });

  describe('one from elsewhere, where there is a compiler but it cannot build', () => {
    let folder = '';
    beforeEach(() => {
      program('gcc', GCC);
      program('ld', LD);
      folder = image(stampHere().replace(/-[^-]*-lab$/, '-anothercompiler-lab'), 'elsewhere');
    });

    const taken = () => {
      const { status, stdout, stderr } = build();
      expect({ status, stdout }).toEqual({ status: 0, stdout: `${folder}\n` });
      expect(stderr).toContain('Taking the image that this recipe gave elsewhere.');
      return stderr;
    };

    test('without apt', () => {
      expect(taken()).toContain('has no apt');
    });

    test('on another architecture', () => {
      for (const name of ['apt-get', 'dpkg-deb']) program(name, 'exit 1');
      program('dpkg', 'echo arm64');
      expect(taken()).toContain('this machine is arm64');
    });

    test('as a user who may not install what is missing', () => {
      for (const name of ['apt-get', 'dpkg-deb']) program(name, 'exit 1');
      program('dpkg', 'echo amd64');
      program('id', 'echo 1000');
      expect(taken()).toContain('may not install packages');
    });

    test('but not for --refresh, and not after the recipe has changed', () => {
      expect(build('--refresh').status).toBe(1);
      const stamps = join(cache, 'images/stamps');
      rmSync(stamps, { recursive: true });
      image(join(stamps, 'anotherrecipe-anothercompiler-lab'), 'elsewhere');
      const { status, stdout } = build();
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    });
  });
});

describe('versions', () => {
  const tested = () => {
    const code = `${PRELUDE}; . "$1/cache.sh"; echo "$TESTED"`;
    return bash(['-c', code, 'bash', IMAGES]).stdout.trimEnd().split('\n');
  };
  const untested = (lines: string[]) => {
    const code = `${PRELUDE}; . "$1/cache.sh"; say_untested <<< "$2"`;
    return bash(['-c', code, 'bash', IMAGES, lines.join('\n')]);
  };

  test('what the tests ran with is not worth a word', () => {
    expect(tested().length).toBeGreaterThan(5);
    expect(untested(tested())).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('another 6.12 and another compiler are announced', () => {
    const lines = tested().map((line) => line.replace('6.12.117-1~deb12u1', '6.12.999-1').replace(/^gcc .*/, 'gcc 99'));
    const { status, stderr } = untested(lines);
    expect(status).toBe(0);
    expect(stderr.match(/[^:]+$/gm)?.map((text) => text.trim())).toEqual(['linux-source-6.12 6.12.999-1', 'gcc 99']);
  });

  test('README.md names each of them', () => {
    const text = readFileSync(join(IMAGES, 'README.md'), 'utf8').replaceAll(/\s+/g, ' ');
    for (const line of tested()) expect(text).toContain(line);
  });
});

/** The machine's patch, else the one that a build has unpacked. */
function findPatch(): string | undefined {
  const xdg = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const packages = join(process.env.VIRTIOFS_LAB_CACHE || join(xdg, 'virtiofs-lab'), 'packages');
  const unpacked = existsSync(packages) ? readdirSync(packages).filter((name) => name.startsWith('patch_')) : [];
  return [
    ...(process.env.PATH ?? '').split(':').map((folder) => join(folder, 'patch')),
    ...unpacked.map((name) => join(packages, name, 'usr/bin/patch')),
  ].find((file) => existsSync(file));
}
const patch = findPatch();

describe.skipIf(patch === undefined)('kernel patches', () => {
  const HUNK = ['--- a/file.c', '+++ b/file.c', '@@ -1,3 +1,3 @@', ' one', '-two', '+our two', ' three', ''].join('\n');
  const file = () => join(dir, 'tree/file.c');

  beforeEach(() => {
    mkdirSync(join(dir, 'recipe/patches'), { recursive: true });
    mkdirSync(join(dir, 'tree'));
    writeFileSync(join(dir, 'recipe/patches/0001-file.patch'), HUNK);
    symlinkSync(patch as string, join(bin, 'patch'));
    for (const name of ['cat', 'sort']) if (!existsSync(join(bin, name))) borrow(name);
  });

  const kernelPatch = (...options: string[]) => {
    const code = `${PRELUDE}; RECIPE=$2; . "$1/kernel.sh"; kernel_patch "\${@:3}"; echo went on`;
    return bash(['-c', code, 'bash', IMAGES, join(dir, 'recipe'), join(dir, 'tree'), ...options]);
  };

  test('one that fits is applied, and can be taken out again', () => {
    writeFileSync(file(), 'one\ntwo\nthree\n');
    expect(kernelPatch()).toMatchObject({ status: 0, stdout: 'went on\n' });
    expect(readFileSync(file(), 'utf8')).toBe('one\nour two\nthree\n');
    expect(kernelPatch('--reverse')).toMatchObject({ status: 0, stdout: 'went on\n' });
    expect(readFileSync(file(), 'utf8')).toBe('one\ntwo\nthree\n');
  });

  test.each([
    ['the line is another one', 'one\n2\nthree\n'],
    ['a line beside it is another one', 'one\ntwo\n3\n'],
    ['it is there already', 'one\nour two\nthree\n'],
  ])('one that does not fit (%s) stops, and its hunk is shown', (_, text) => {
    writeFileSync(file(), text);
    const { status, stdout, stderr } = kernelPatch();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('0001-file.patch does not apply');
    expect(stderr).toContain('@@ -1,3 +1,3 @@\n one\n-two\n+our two\n three\n');
    expect(readFileSync(file(), 'utf8')).toBe(text);
  });
});
