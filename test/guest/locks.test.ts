// Locks that the server keeps, seen by programs: what scripts print is what they print on tmpfs, where Linux keeps them;
// and what is of our own making: requests that wait, their processes, and the end of the guest.
import { describe, expect, it, vi } from 'vitest';
import { describeRequest } from '../../src/fs/fuse/describe.ts';
import { F_WRLCK, OFFSET_MAX } from '../../src/fs/tree/lock-ranges.ts';
import { GuestGone } from '../../src/lab/agent.ts';
import type { GuestMachine } from '../../src/lab/headless/guest-machine.ts';
import { BOOT_TIMEOUT, useGuest, withGuest } from './guest.ts';

const guest = useGuest({ locks: true });

const SCRIPTS: Readonly<Record<string, string>> = {
  'conflict and no conflict, between two processes': `
    lab-lock f write 0-9 read 20-29 run 'lab-lock f read 0-0 read 9-9 read 10-10 read 20-29 write 29-29 write 30-'
    lab-lock f read all run 'lab-lock f read all write 5-5' run 'lab-lock f test-write all' | sed 's/pid .*/pid/'
  `,
  'who is in the way: the first of them, its range and its process': `
    lab-lock f write 100-199 read 10-19 run 'lab-lock f test-read all test-write all test-write 0-9 test-read 10-19 test-write 150- |
      sed "s/pid $PPID\\$/pid holder/"'
    lab-lock f write 5-6 test-write all fork test-read all test-read 7- join | sed 's/pid [1-9][0-9]*$/pid holder/'
    lab-lock f test-write all
  `,
  'ranges: split, merged, replaced, to the end of the file': `
    show='lab-lock f test-write 0-4 test-write 5-9 test-write 10-14 test-write 15-19 test-write 20- | sed s/pid.*//'
    lab-lock f read 0-19 write 5-9 unlock 10-11 run "$show" read 5-9 read 10-11 run "$show" unlock 3-3 run "$show" \\
      write all run "$show" unlock 9223372036854775807- unlock 12- run "$show"
    lab-lock f write 9007199254740993-9007199254740993 run 'lab-lock f write 9007199254740992-9007199254740992 \\
      write 9007199254740994- read 9007199254740993- test-read 0-' | sed s/pid.*//
  `,
  'a lock that waits is had when the other gives it back': `
    mkfifo /tmp/go
    lab-lock f write 0-9 run 'echo > /tmp/go' run 'read waiter < /tmp/go; echo $waiter > /tmp/waiter' \\
      run 'lab-lock g await $(cat /tmp/waiter)' say unlocks unlock all run 'read done < /tmp/go; echo $done' &
    read first < /tmp/go
    sh -c 'echo $$ > /tmp/go; exec lab-lock f wait-read 5-6 run "echo waited > /tmp/go"' > out
    wait; cat out; rm /tmp/go /tmp/waiter
  `,
  'flock that waits, an upgrade among readers, and who loses': `
    lab-lock f flock read run 'lab-lock f flock read write read' write read run 'lab-lock f flock write'
    mkfifo /tmp/go
    lab-lock f flock write run 'echo > /tmp/go' run 'read waiter < /tmp/go; echo $waiter > /tmp/waiter' \\
      run 'lab-lock g await $(cat /tmp/waiter)' say unlocks unlock run 'read done < /tmp/go' &
    read first < /tmp/go
    sh -c 'echo $$ > /tmp/go; exec lab-lock f flock wait-read run "echo > /tmp/go"' > out; wait; cat out; rm /tmp/go /tmp/waiter
  `,
  'a lock is lost with the first close of its process, not with that of another': `
    lab-lock f write all open f run 'lab-lock f read all' close run 'lab-lock f read all'
    lab-lock f write all dup close run 'lab-lock f read all'
    lab-lock f write all run 'lab-lock f say closes' run 'lab-lock f read all'
    lab-lock f write all; lab-lock f write all
  `,
  'flock and locks of open files end with the last descriptor': `
    lab-lock f flock write dup close run 'lab-lock f flock read'; lab-lock f flock write
    lab-lock a open f flock write ofd write 0-9 dup close run 'lab-lock f flock read ofd read 0-9 read 10-19' close \\
      run 'lab-lock f flock read ofd read 0-9'
  `,
  'two descriptors of one process: one owner for fcntl, two for flock and for open files': `
    lab-lock f write 0-9 open f write 5-14 test-read all
    lab-lock f flock write open f read; lab-lock f ofd write 0-9 open f read 5-5 write 10-19
    lab-lock f write 0-9 ofd read 5-5 flock write
  `,
  'a child has the locks of files that it shares, and not those of its parent': `
    lab-lock f write 0-9 fork read 5-5 write 10-19 join test-read all run 'lab-lock f read 0-9 read 10-19'
    lab-lock f flock write fork write read join run 'lab-lock f flock read write'
    lab-lock f flock write fork unlock join run 'lab-lock f flock write'
    lab-lock f ofd write 0-9 fork write 5-14 join run 'lab-lock f ofd read 0-4 read 10-14 read 15-'
  `,
  'a read lock wants a file that can be read, a write lock one that can be written': `
    : > f; lab-lock g open-read f read all write all flock write unlock; lab-lock g open-write f write all read all flock read
  `,
  'a deadlock is refused, and who was waited for goes on': `
    mkfifo /tmp/go
    lab-lock f write 0-0 run 'read x < /tmp/go' wait-write 1-1 unlock all > first &
    first=$!
    lab-lock f write 1-1 run 'echo > /tmp/go' await $first wait-write 0-0 unlock all > second
    wait; cat first second; rm /tmp/go
  `,
  'a deadlock of three, over three files': `
    mkfifo /tmp/go1 /tmp/go2
    lab-lock a write all run 'read x < /tmp/go1' open b wait-write all > first & first=$!
    lab-lock b write all run 'read x < /tmp/go2' open c wait-write all > second & second=$!
    lab-lock c write all run 'echo > /tmp/go1; echo > /tmp/go2' await $first await $second open a wait-read all > third
    wait; cat first second third; rm /tmp/go1 /tmp/go2
  `,
  'locks live on the file, whatever becomes of its name': `
    lab-lock f write all run 'mv f g; lab-lock g read all; ln g h; lab-lock h read all; rm g h; : > g; lab-lock g read all'
  `,
};

const END = 'that was all';

describe('5.9 locks that the server keeps are those of tmpfs', () => {
  for (const [name, script] of Object.entries(SCRIPTS)) {
    it(
      name,
      async () => {
        const run = (folder: string) =>
          guest().run(`mkdir ${folder}/t && cd ${folder}/t && ( ${script}\necho ${END}) 2>&1; cd /; rm -r ${folder}/t`);
        const theirs = await run('/tmp');
        expect(theirs).toMatchObject({ status: 0, stderr: '' });
        expect(theirs.stdout).toMatch(new RegExp(`: (ok|free|EAGAIN|EDEADLK)\\n(.*\\n)*${END}\\n$`));
        expect(theirs.stdout).not.toMatch(/lab-lock:|not found|rror/);
        guest().records();
        const ours = await run('/mnt/lab');
        expect(ours.stdout).toBe(theirs.stdout);
        expect(ours).toEqual(theirs);
        expect(lockRequests(guest())).toBeGreaterThan(1);
        expect(entries(guest())).toEqual([]);
      },
      BOOT_TIMEOUT,
    );
  }

  it('a lock of an open file has the process that took it, where tmpfs tells none', async () => {
    const script = `lab-lock f ofd write 0-9 run 'lab-lock f test-read all | sed "s/pid $PPID\\$/pid holder/"'`;
    expect((await guest().run(`cd /mnt/lab; ${script}; rm f`)).stdout).toContain('write 0-9 pid holder\n');
    expect((await guest().run(`cd /tmp; ${script}; rm f`)).stdout).toContain('write 0-9 pid -1\n');
  });
});

/** Lock requests among those that were recorded since the last look. */
const lockRequests = (machine: GuestMachine): number =>
  machine.records().filter(({ req }) => ['GETLK', 'SETLK', 'SETLKW'].includes(describeRequest(req).name)).length;

const entries = (machine: GuestMachine): string[] =>
  [...machine.server.session.locks.entries()].map(
    ({ kind, type, waiting }) => `${waiting ? 'waits for ' : ''}${kind} ${'RW'[type]}`,
  );

/** Until the server has so many requests that wait. */
const waits = (machine: GuestMachine, count: number): Promise<unknown> =>
  vi.waitUntil(() => machine.server.session.locks.waiting === count, { timeout: BOOT_TIMEOUT, interval: 5 });

describe('5.9 requests that wait', () => {
  it(
    'are served in the order in which they came',
    async () => {
      const machine = guest();
      const holder = machine.lab.run(
        "cd /mnt/lab; mkfifo /tmp/go; lab-lock f write all run 'read x < /tmp/go'; rm /tmp/go",
      );
      await vi.waitUntil(() => entries(machine).length === 1, { timeout: BOOT_TIMEOUT, interval: 5 });
      const waiters = [];
      for (const name of ['a', 'b', 'c', 'd']) {
        waiters.push(machine.lab.run(`cd /mnt/lab; lab-lock f wait-write 0-9 run 'echo ${name} >> log'`).done);
        await waits(machine, waiters.length);
      }
      expect(entries(machine)).toEqual(['posix W', ...new Array(4).fill('waits for posix W')]);
      await machine.run('echo > /tmp/go');
      await Promise.all([holder.done, ...waiters]);
      expect(await machine.run('cd /mnt/lab; cat log; rm log f')).toMatchObject({ stdout: 'a\nb\nc\nd\n' });
    },
    BOOT_TIMEOUT,
  );

  it(
    'keep their process until they are answered, also when it is killed (§3.7); then nothing is left of it',
    async () => {
      const machine = guest();
      const holder = machine.lab.run("cd /mnt/lab; mkfifo /tmp/go; lab-lock f write all run 'read x < /tmp/go'");
      await vi.waitUntil(() => entries(machine).length === 1, { timeout: BOOT_TIMEOUT, interval: 5 });
      const waiter = machine.run(
        "cd /mnt/lab; sh -c 'echo $$ > /tmp/waiter; exec lab-lock f wait-write all say granted'; echo $?",
      );
      await waits(machine, 1);
      // Linux has no way to take the request back: the process sleeps on, where no signal reaches it.
      const killed =
        'pid=$(cat /tmp/waiter); kill -9 $pid; until [ "$(cut -d " " -f 3 /proc/$pid/stat)" = D ]; do :; done';
      expect(await machine.run(`${killed}; ls /mnt/lab`)).toEqual({ status: 0, stdout: 'f\n', stderr: '' });
      expect(machine.server.session.locks.waiting).toBe(1);
      await machine.run('echo > /tmp/go');
      await holder.done;
      expect((await waiter).stdout).toBe('137\n');
      expect(entries(machine)).toEqual([]);
      await machine.run('rm /tmp/go /tmp/waiter /mnt/lab/f');
    },
    BOOT_TIMEOUT,
  );

  it(
    'a process that is killed while it has locks has none any more, and the next one gets them',
    async () => {
      const machine = guest();
      const script = `
        cd /mnt/lab; mkfifo /tmp/go; lab-lock f write all flock write ofd write 5- run 'echo > /tmp/go; exec sleep 1000' & holder=$!
        read x < /tmp/go; lab-lock f wait-write all & kill -9 $holder; wait $!; kill $(pidof sleep); rm /tmp/go f
      `;
      expect((await machine.run(script)).stdout).toContain('posix wait-write all: ok\n');
      expect(entries(machine)).toEqual([]);
    },
    BOOT_TIMEOUT,
  );
});

/** Another session on the machine's tree, which has all of a file locked. */
function lockedByAnother(machine: GuestMachine, name: string): { unlock(): void } {
  const inode = machine.tree.lookup(machine.tree.root, name);
  if (inode === undefined) throw new Error(`no ${name}`);
  const another = machine.tree.locks.client();
  const range = { start: 0n, end: OFFSET_MAX, pid: 77, file: 1 };
  for (const kind of ['posix', 'flock'] as const) {
    another.set({ inode, kind, owner: 1n, type: F_WRLCK, ...range })?.commit();
  }
  return { unlock: () => another.end() };
}

describe('5.9 a lock of another guest', () => {
  it(
    'has no process here, is waited for, and is had when the other gives it back',
    async () => {
      const machine = guest();
      await machine.run(': > /mnt/lab/f');
      const other = lockedByAnother(machine, 'f');
      const asked = await machine.run('cd /mnt/lab; lab-lock f test-read 5-6 read 5-6 flock read');
      expect(asked.stdout).toBe('posix test-read 5-6: write all pid 0\nposix read 5-6: EAGAIN\nflock read: EAGAIN\n');
      const waiting = machine.run('cd /mnt/lab; lab-lock f wait-read 5-6 flock wait-write; rm f');
      await waits(machine, 1);
      other.unlock();
      expect((await waiting).stdout).toBe('posix wait-read 5-6: ok\nflock wait-write: ok\n');
    },
    BOOT_TIMEOUT,
  );

  it(
    'does not keep the guest from a reboot, though who waits for it cannot be killed',
    async () => {
      await withGuest({ locks: true }, async (machine) => {
        await machine.run(': > /mnt/lab/f');
        const other = lockedByAnother(machine, 'f');
        const gone = expect(machine.run('cd /mnt/lab; lab-lock f wait-read all')).rejects.toThrow(GuestGone);
        await waits(machine, 1);
        const before = machine.reboots;
        const again = new Promise<void>((resolve) => {
          machine.lab.stages.on(({ stage }) => {
            if (stage === 'ready' && machine.reboots > before) resolve();
          });
        });
        await expect(machine.run('reboot; while :; do sleep 1; done')).rejects.toThrow(GuestGone);
        await gone;
        await again;
        expect(entries(machine)).toEqual([]);
        expect((await machine.run('cd /mnt/lab; lab-lock f read all')).stdout).toBe('posix read all: EAGAIN\n');
        other.unlock();
        expect((await machine.run('cd /mnt/lab; lab-lock f read all; rm f')).stdout).toBe('posix read all: ok\n');
      });
    },
    BOOT_TIMEOUT * 2,
  );
});

describe('5.9 the end of a guest with locks', () => {
  it(
    'a reset button, and reboot -f, while a request waits: the next guest finds no lock',
    async () => {
      await withGuest({ locks: true }, async (machine) => {
        for (const how of ['button', 'reboot -f'] as const) {
          const job = machine.lab.run(`
            cd /mnt/lab; lab-lock f write all flock write run 'lab-lock f wait-write 0-9'
          `);
          const gone = expect(job.done).rejects.toThrow(GuestGone);
          await waits(machine, 1);
          expect(entries(machine)).toEqual(['posix W', 'flock W', 'waits for posix W']);
          const dropped = machine.server.droppedReplies;
          if (how === 'button') await machine.lab.restart();
          else await expect(machine.run('reboot -f')).rejects.toThrow(GuestGone);
          await gone;
          await machine.ready();
          expect(entries(machine)).toEqual([]);
          expect(machine.tree.locks.size).toBe(0);
          expect(machine.server.droppedReplies).toBe(dropped + 1);
          const again = await machine.run('cd /mnt/lab; lab-lock f write all flock write; rm f');
          expect(again).toMatchObject({ stdout: 'posix write all: ok\nflock write: ok\n' });
        }
      });
    },
    BOOT_TIMEOUT * 2,
  );
});
