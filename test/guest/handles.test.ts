// File handles of a real guest (name_to_handle_at, open_by_handle_at): they outlive everything but their file.
import { describe, expect, it } from 'vitest';
import { readerOf } from '../../src/base/iov.ts';
import { FUSE_OPCODE, fuse_in_header } from '../../src/fs/fuse/abi.ts';
import type { NodeidOptions } from '../../src/fs/fuse/nodeid-table.ts';
import type { Inode } from '../../src/fs/tree/inode.ts';
import { GuestGone } from '../../src/lab/agent.ts';
import type { GuestMachine } from '../../src/lab/headless/guest-machine.ts';
import { MemoryStore } from '../memory-store.ts';
import { BOOT_TIMEOUT, useGuest, withGuest } from './guest.ts';

const STALE = { status: 1, stdout: '', stderr: 'lab-handle: open_by_handle_at: ESTALE (Stale file handle)\n' };
/** Twice, because what was used lately has a second chance. */
const FORGET = 'sync; for i in 1 2 3; do echo 3 > /proc/sys/vm/drop_caches; done';
const REMOUNT = 'cd /; umount /mnt/lab && mount -t virtiofs lab /mnt/lab && cd /mnt/lab';

/** Runs a script that must go well, and gives its output without the last newline. */
async function said(machine: GuestMachine, script: string): Promise<string> {
  const result = await machine.run(script);
  expect(result).toEqual({ status: 0, stdout: result.stdout, stderr: '' });
  return result.stdout.trimEnd();
}

/** One of each kind, and what their handles must give from now on. */
async function make(machine: GuestMachine): Promise<(at: GuestMachine) => Promise<void>> {
  await said(machine, 'mkdir -p dir/sub; echo content > file; ln -s file link; echo inner > dir/sub/inner; sync');
  const [file, dir, link, inner, root] = (
    await said(machine, 'lab-handle get file dir/sub link dir/sub/inner .')
  ).split('\n') as [string, string, string, string, string];
  const stat = await said(machine, 'stat -c %i file dir/sub link dir/sub/inner');
  const numbers = stat.split('\n');
  return async (at) => {
    expect(await said(at, `lab-handle cat ${file}; lab-handle cat ${inner}; lab-handle ls ${dir}`)).toBe(
      'content\ninner\ninner',
    );
    expect(await said(at, `for i in ${file} ${dir} ${link} ${inner}; do lab-handle stat $i; done`)).toBe(
      [
        `file ino ${numbers[0]} nlink 1 size 8`,
        `directory ino ${numbers[1]} nlink 2 size 0`,
        `link ino ${numbers[2]} nlink 1 size 4`,
        `file ino ${numbers[3]} nlink 1 size 6`,
      ].join('\n'),
    );
    expect(await said(at, `lab-handle path ${dir}`)).toBe('/mnt/lab/dir/sub');
    expect(await said(at, `lab-handle ls ${root}`)).toBe('dir\nfile\nlink');
  };
}

const CLEAN = 'cd /mnt/lab; rm -rf dir file link other*; sync';

describe('a file handle gives the same file', () => {
  const machine = useGuest({ reuseInodes: true });

  it(
    'while it is in memory, after its inode was forgotten, after umount and mount',
    async () => {
      const check = await make(machine());
      await check(machine());
      await said(machine(), FORGET);
      await check(machine());
      await said(machine(), REMOUNT);
      await check(machine());
      await said(machine(), CLEAN);
    },
    BOOT_TIMEOUT,
  );

  it(
    'after it was renamed, moved to another directory, linked and its first name removed',
    async () => {
      await said(machine(), 'mkdir dir; echo content > file');
      const handle = await said(machine(), 'lab-handle get file');
      for (const change of ['mv file other', 'mv other dir/x', 'ln dir/x link; rm dir/x']) {
        expect(await said(machine(), `${change}; ${FORGET}; lab-handle cat ${handle}`)).toBe('content');
      }
      await said(machine(), `echo new | lab-handle write ${handle}; ${FORGET}`);
      expect(await said(machine(), 'cat link')).toBe('new');
      await said(machine(), CLEAN);
    },
    BOOT_TIMEOUT,
  );

  it(
    '5.4 look-ups of "." find it, and ".." the way from a forgotten directory to the root',
    async () => {
      await said(machine(), 'mkdir -p dir/sub');
      const handle = await said(machine(), 'lab-handle get dir/sub');
      await said(machine(), `cd /; ${FORGET}`);
      machine().records();
      expect(await said(machine(), `lab-handle path ${handle}`)).toBe('/mnt/lab/dir/sub');
      const names = machine()
        .records()
        .filter(({ opcode, error }) => opcode === FUSE_OPCODE.FUSE_LOOKUP && error === 0)
        .map(({ req }) => new TextDecoder().decode(req.subarray(fuse_in_header.size)).replace('\0', ''));
      expect(names).toContain('.');
      expect(names).toContain('..');
      await said(machine(), CLEAN);
    },
    BOOT_TIMEOUT,
  );

  it(
    'ESTALE once it is deleted, also when its number is that of another file, in memory, forgotten and mounted anew',
    async () => {
      await said(machine(), 'echo content > file; echo held > other1');
      const [handle, held] = (await said(machine(), 'lab-handle get file other1')).split('\n') as [string, string];
      const number = await said(machine(), 'stat -c %i file');
      await said(machine(), `rm file; ${FORGET}`);
      expect(await machine().run(`lab-handle cat ${handle}`)).toEqual(STALE);
      expect(await said(machine(), 'echo wrong > other; stat -c %i other')).toBe(number);
      for (const change of ['true', FORGET, REMOUNT, FORGET]) {
        await said(machine(), change);
        expect(await machine().run(`lab-handle cat ${handle}`)).toEqual(STALE);
      }
      // Deleted while it is held open: the holder has it, and when it lets go it is gone.
      const script = `lab-handle hold ${held} sh -c 'rm other1; ${FORGET}; cat <&3'`;
      expect(await said(machine(), script)).toBe('held');
      expect(await machine().run(`${FORGET}; lab-handle cat ${held}`)).toEqual(STALE);
      await said(machine(), CLEAN);
    },
    BOOT_TIMEOUT,
  );

  it(
    '600 handles, the files of a third removed and their numbers used again: the same file or ESTALE',
    async () => {
      const all = Array.from({ length: 600 }, (_, i) => i);
      const gone = all.filter((i) => i % 3 === 0);
      const list = (numbers: number[]): string => numbers.join(' ');
      await said(machine(), `mkdir dir; cd dir; for i in ${list(all)}; do echo $i > $i; done`);
      await said(machine(), `cd dir; lab-handle get ${list(all)} > /tmp/handles; rm ${list(gone)}; ${FORGET}`);
      await said(machine(), `cd dir; for i in ${list(gone)}; do echo new > new$i; done; ${FORGET}`);
      const expected = all.map((i) => (i % 3 === 0 ? 'ESTALE' : String(i)));
      expect((await said(machine(), 'lab-handle check < /tmp/handles')).split('\n')).toEqual(expected);
      await said(machine(), CLEAN);
    },
    BOOT_TIMEOUT,
  );
});

describe('a file handle outlives the guest', () => {
  it(
    'the same file after a reboot and in another machine on the same tree, ESTALE for what was deleted',
    async () => {
      const store = new MemoryStore();
      let check: (machine: GuestMachine) => Promise<void> = async () => {};
      let deleted = '';
      await withGuest({ store, reuseInodes: true }, async (machine) => {
        check = await make(machine);
        deleted = await said(machine, 'echo x > other; lab-handle get other');
        await said(machine, `rm other; ${FORGET}; echo y > other2; sync`);
        await expect(machine.run('reboot -f')).rejects.toThrow(GuestGone);
        await machine.run('rm other2; sync');
        await check(machine);
        expect(await machine.run(`lab-handle cat ${deleted}`)).toEqual(STALE);
      });
      await withGuest({ store, reuseInodes: true }, async (machine) => {
        await check(machine);
        expect(await machine.run(`echo z > other3; lab-handle cat ${deleted}`)).toEqual(STALE);
      });
    },
    BOOT_TIMEOUT * 2,
  );

  it(
    'ESTALE after the generations were renewed',
    async () => {
      const store = new MemoryStore();
      let handle = '';
      await withGuest({ store }, async (machine) => {
        handle = await said(machine, 'echo content > file; lab-handle get file');
      });
      await withGuest({ store, prepare: (tree) => tree.renewGenerations() }, async (machine) => {
        expect(await said(machine, 'cat file')).toBe('content');
        expect(await machine.run(`lab-handle cat ${handle}`)).toEqual(STALE);
      });
    },
    BOOT_TIMEOUT * 2,
  );
});

describe('a nodeid table', () => {
  interface Outcome {
    /** What `cat f` says after f was replaced, beside the guest, by another file of the same number. */
    file: string;
    /** What `ls` says in a working directory that was replaced likewise. */
    cwd: string;
  }

  async function replaced(nodeids: NodeidOptions): Promise<Outcome> {
    const outcome: Outcome = { file: '', cwd: '' };
    await withGuest({ nodeids, reuseInodes: true, cache: 'auto' }, async (machine) => {
      const { tree } = machine;
      const owner = { uid: 0, gid: 0 };
      const write = async (dir: Inode, name: string, text: string): Promise<number> => {
        const inode = tree.mknod(dir, name, { mode: 0o100644, ...owner });
        const bytes = new TextEncoder().encode(text);
        await tree.write(inode, 0, bytes.length, readerOf(bytes));
        return inode.ino;
      };
      const heard = ({ stdout, stderr }: { stdout: string; stderr: string }): string => `${stdout}${stderr}`.trimEnd();
      await machine.ready();
      const first = tree.mkdir(tree.root, 'd', { mode: 0o755, ...owner }).ino;
      const ls = machine.run('cd d; ls; touch /tmp/there; while ! [ -e /tmp/go ]; do sleep 0.1; done; ls');
      await said(machine, 'while ! [ -e /tmp/there ]; do sleep 0.1; done');
      tree.rmdir(tree.root, 'd');
      const second = tree.mkdir(tree.root, 'd', { mode: 0o755, ...owner });
      await write(second, 'of another directory', '');
      await said(machine, 'touch /tmp/go');
      outcome.cwd = heard(await ls);
      if (nodeids.mode !== 'never') expect(second.ino).toBe(first);

      const third = await write(tree.root, 'f', 'first');
      expect(await said(machine, 'cat f')).toBe('first');
      tree.unlink(tree.root, 'f');
      const fourth = await write(tree.root, 'f', 'second');
      if (nodeids.mode !== 'never') expect(fourth).toBe(third);
      // The name that the guest believes for a second is asked for again.
      outcome.file = heard(await machine.run('sleep 1.1; cat f'));
      await said(machine, FORGET);
    });
    return outcome;
  }

  const failure = { when: 'from', at: 2 } as const;
  const stale = 'ls: .: Stale file handle';
  const rows: [string, NodeidOptions, Outcome][] = [
    ['never: the old directory is kept, and empty', { mode: 'never' }, { file: 'second', cwd: '' }],
    ['mandatory: the old directory is ESTALE', { mode: 'mandatory' }, { file: 'second', cwd: stale }],
    ['prefer, handles fail: a second nodeid', { mode: 'prefer', failure }, { file: 'second', cwd: stale }],
    [
      'WRONG, found by its number without a pin: the file that is there cannot be opened',
      { mode: 'prefer', failure, idsWithoutPin: true },
      { file: "cat: can't open 'f': Stale file handle", cwd: stale },
    ],
    [
      'WRONG, a constant generation: the working directory is another one',
      { mode: 'prefer', constantGeneration: true },
      { file: 'second', cwd: 'of another directory' },
    ],
  ];

  it.each(rows)(
    '%s',
    async (_, nodeids, outcome) => {
      expect(await replaced(nodeids)).toEqual(outcome);
    },
    BOOT_TIMEOUT,
  );
});
