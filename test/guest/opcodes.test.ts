// Programs in the guest that need IOCTL, POLL, FALLOCATE, LSEEK, COPY_FILE_RANGE, TMPFILE, STATX and xattrs: what they
// print, by what the same prints on tmpfs, and that the server answered it.
import { describe, expect, it } from 'vitest';
import { FUSE_OPCODE } from '../../src/fs/fuse/abi.ts';
import { CHUNK_SIZE } from '../../src/fs/tree/tree.ts';
import type { GuestMachineOptions } from '../../src/lab/headless/guest-machine.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

const CHUNKS = (count: number): number => count * CHUNK_SIZE;
const END = 'that was all';
/** The last line of a script, and a program that is missing: then nothing was tested. */
const MISSING = /BusyBox v|not found$|unrecognized/m;

interface Case {
  opcodes: (keyof typeof FUSE_OPCODE)[];
  script: string;
  /** Whether it matters to it that the guest keeps what is written. */
  writeback?: true;
}

/** What is the same on tmpfs, by the opcodes that the server must have answered, without an error at least once. */
const SAME: Record<string, Case> = {
  '3.19 flags: set, cleared, refused': {
    opcodes: ['FUSE_IOCTL', 'FUSE_OPENDIR', 'FUSE_RELEASEDIR'],
    script: `
      echo a > f; mkdir d
      for p in f d .; do
        lab-attr flags $p; lab-attr flags $p +d; lab-attr flags $p; lab-attr xflags $p =A; lab-attr flags $p
        lab-attr flags $p +c; lab-attr xflags $p +S; lab-attr flags $p =; lab-attr flags $p
        lab-attr ioctl $p 0x5401; lab-attr ioctl $p 0x80047601
      done
      chown 7 f; lab-attr as 7 lab-attr flags f +d; lab-attr flags f
      lab-attr as 7 lab-attr flags f +i; lab-attr as 8 lab-attr flags f -d; lab-attr flags f`,
  },
  '5.13 an immutable file': {
    opcodes: ['FUSE_IOCTL'],
    writeback: true,
    script: `
      echo a > f; ln f g; lab-attr setxattr f user.a 1; lab-attr flags f +i
      echo b >> f; echo b > f; echo $?; truncate -s 0 f; rm f; rm g; mv f h; ln f h; chmod 600 f; chown 5 f; touch f
      mv -f /etc/passwd f; lab-attr setxattr f user.b 1; lab-attr rmxattr f user.a; lab-attr getxattr f user.a
      lab-attr fallocate f size 0 10; lab-attr open f rd; lab-attr open f wr; cat f; ls; stat -c '%s %a %u' f
      lab-attr flags f -i; echo b >> f; cat f; rm f g`,
  },
  '5.13 an append-only file': {
    opcodes: ['FUSE_IOCTL'],
    writeback: true,
    script: `
      echo a > f; lab-attr flags f +a; echo b >> f; cat f; echo c > f; truncate -s 0 f; truncate -s 99 f; rm f; mv f g
      ln f g; chmod 600 f; touch f; touch -d 2001-01-01 f; lab-attr setxattr f user.b 1; lab-attr open f wr
      lab-attr open f rw,app,trunc; lab-attr open f rw,app; lab-attr pwrite f 0 x; lab-attr pwrite f 0 'y ' app
      cat f; echo; lab-attr flags f -a; lab-attr pwrite f 0 z; cat f; echo; rm f`,
  },
  '5.13 directories of both kinds': {
    opcodes: ['FUSE_IOCTL'],
    script: `
      mkdir d; echo a > d/f; echo o > o; lab-attr flags d +i
      echo b > d/n; mkdir d/n; ln -s x d/n; ln o d/n; rm d/f; mv d/f n; mv o d/n; echo b >> d/f; cat d/f; rm -r d; ls d
      lab-attr tmpfile d < o; lab-attr flags d =a
      echo b > d/n; mkdir d/m; ln o d/l; mv o d/o; rm d/f; mv d/f d/g; mv -f d/f d/n; rmdir d/m; ls d
      lab-attr flags d =; rm -r d; ls`,
  },
  '5.12 a file without a name': {
    opcodes: ['FUSE_TMPFILE', 'FUSE_LINK'],
    writeback: true,
    script: `
      seq 2000 | lab-attr tmpfile . named; wc named; stat -c '%h %a' named; seq 3 | lab-attr tmpfile .; ls -A
      umask 027; mkdir -m 2755 d; chgrp 50 d; chmod g+s d; seq 3 | lab-attr tmpfile d d/x; stat -c '%a %g' d/x
      echo x | lab-attr tmpfile named y; echo x | lab-attr tmpfile absent y; echo x | lab-attr tmpfile . named; cat named`,
  },
  '5.14 allocation, holes and where they are': {
    opcodes: ['FUSE_FALLOCATE', 'FUSE_LSEEK'],
    writeback: true,
    script: `
      dd if=/dev/zero bs=${CHUNKS(1)} count=5 2> /dev/null | tr '\\0' x > f; lab-attr map f; stat -c '%s %b' f
      lab-attr fallocate f punch ${CHUNKS(1)} ${CHUNKS(2)}; lab-attr map f; stat -c '%s %b' f
      lab-attr fallocate f punch ${CHUNKS(5)} ${CHUNKS(1)}; lab-attr fallocate f keep 0 ${CHUNKS(1)}
      lab-attr fallocate f 2 0 4096; lab-attr fallocate f 8 0 4096; lab-attr fallocate f 32 0 4096
      lab-attr fallocate f 64 0 4096; lab-attr fallocate f size 0 0; stat -c %s f; md5sum f
      lab-attr fallocate g size 100 900; stat -c %s g; md5sum g; truncate -s ${CHUNKS(9)} h; lab-attr map h
      printf x | dd of=h bs=1 seek=${CHUNKS(4)} conv=notrunc 2> /dev/null; lab-attr fallocate h punch 0 ${CHUNKS(9)}
      lab-attr map h; stat -c '%s %b' h; : > empty; lab-attr map empty; fallocate -l 5000 k; stat -c %s k`,
  },
  '5.15 copies of ranges': {
    opcodes: ['FUSE_COPY_FILE_RANGE'],
    writeback: true,
    script: `
      seq 30000 > f
      lab-attr copy f 0 g 0 10000000; cmp f g && echo same; lab-attr copy f 5 g 100 1000; md5sum g
      lab-attr copy f 0 f 10 100; lab-attr copy f 0 f 200000 70000; md5sum f; stat -c %s f
      lab-attr copy f 99999999 g 0 10; lab-attr copy f 1 h 5000 1; od -c h | tail -3; lab-attr copy f 0 f 0 0
      mkdir d; lab-attr copy f 0 d 0 10; cp f k; cmp f k && echo same`,
  },
  'POLL, a file is always ready': { opcodes: ['FUSE_POLL'], script: 'echo a > f; lab-attr poll f; echo b >> f' },
  '5.11 extended attributes, their sizes, flags and errors': {
    opcodes: ['FUSE_SETXATTR', 'FUSE_GETXATTR', 'FUSE_LISTXATTR', 'FUSE_REMOVEXATTR'],
    script: `
      echo a > f; lab-attr setxattr f user.a one create; lab-attr setxattr f user.a two create; lab-attr getxattr f user.a
      lab-attr setxattr f user.b 1 replace; lab-attr setxattr f user.a longer replace; lab-attr getxattr f user.a
      lab-attr getxattr f user.a 0; lab-attr getxattr f user.a 5; lab-attr getxattr f user.a 6; lab-attr listxattr f 0
      lab-attr listxattr f 3; lab-attr setxattr f trusted.t 1; lab-attr setxattr f security.s 1; lab-attr listxattr f | sort
      lab-attr as 9 lab-attr listxattr f | sort; lab-attr rmxattr f user.a; lab-attr rmxattr f user.a
      lab-attr getxattr f user.a; lab-attr setxattr f nothing.a 1; lab-attr setxattr f user. 1; lab-attr setxattr f x 1
      ln -s f l; lab-attr setxattr l user.a 1; mkfifo p; lab-attr setxattr p user.a 1; mkdir d
      lab-attr setxattr d user.a 1; lab-attr listxattr d; chmod 444 f; lab-attr as 9 lab-attr setxattr f user.z 1
      n=$(printf '%250s' | tr ' ' n); lab-attr setxattr f user.$n 1; lab-attr getxattr f user.$n
      lab-attr setxattr f user.n$n 1; lab-attr getxattr f user.n$n`,
  },
  '5.8 set-id bits after what others change': {
    opcodes: ['FUSE_FALLOCATE', 'FUSE_COPY_FILE_RANGE', 'FUSE_WRITE', 'FUSE_SETATTR'],
    writeback: true,
    script: `
      seq 100 > source; chmod 666 source
      made() { rm -f f; seq 10 > f; chgrp 9 f; chmod "$1" f; }
      for mode in 6777 2766; do
        made $mode; lab-attr as 9 sh -c 'echo x >> f'; stat -c 'write %a' f
        made $mode; lab-attr as 9 sh -c ': > f'; stat -c 'open %a' f
        made $mode; lab-attr as 9 truncate -s 3 f; stat -c 'truncate %a' f
        made $mode; lab-attr as 9 lab-attr fallocate f keep 0 9; stat -c 'fallocate %a' f
        made $mode; lab-attr as 9 lab-attr copy source 0 f 0 50; stat -c 'copy %a' f
        made $mode; chown 9 f; stat -c 'chown %a' f
        made $mode; echo x >> f; stat -c 'root %a' f
        made $mode; lab-attr fallocate f keep 0 9; stat -c 'root allocates %a' f
      done`,
  },
};

const POLICIES: Record<string, GuestMachineOptions> = {
  'cache auto': {},
  'cache always, writeback': { cache: 'always', writeback: true },
};

for (const [policy, options] of Object.entries(POLICIES)) {
  describe(policy, () => {
    const guest = useGuest(options);

    /** What the guest asked for since the last call: opcode and error, in order. */
    const asked = (): [opcode: number, error: number | undefined][] =>
      guest()
        .records()
        .map(({ opcode, error }) => [opcode, error]);

    for (const [name, { opcodes, script, writeback = false }] of Object.entries(SAME)) {
      if (options.writeback && !writeback) continue;
      it(
        name,
        async () => {
          const run = (folder: string) =>
            guest().run(
              `mkdir -p ${folder}/t && cd ${folder}/t && ( ${script}\necho ${END}) 2>&1; cd /; rm -rf ${folder}/t`,
            );
          const theirs = await run('/tmp');
          asked();
          const ours = await run('/mnt/lab');
          const requests = asked();
          expect(ours.stdout).toBe(theirs.stdout);
          expect(ours).toEqual(theirs);
          expect(theirs.stdout).toMatch(new RegExp(`.\\n${END}\\n$`));
          expect(theirs.stdout).not.toMatch(MISSING);
          for (const opcode of opcodes) expect(requests).toContainEqual([FUSE_OPCODE[opcode], 0]);
          // ENOSYS would switch the request off for as long as the tree is mounted.
          expect(requests.filter(([, error]) => error === -38)).toEqual([]);
        },
        BOOT_TIMEOUT,
      );
    }

    it(
      '5.13 STATX tells when a file was born, and keeps to it',
      async () => {
        asked();
        const { stdout } = await guest().run(
          'date +%s; echo a > f; lab-attr birth f; touch -d 2001-01-01 f; mv f g; lab-attr birth g; date +%s; rm g',
        );
        const [before, born, still, after] = stdout.trim().split('\n').map(Number) as [number, number, number, number];
        expect(still).toBe(born);
        // The guest's clock and the host's are told apart by less than this.
        expect(born).toBeGreaterThan(before - 5);
        expect(born).toBeLessThan(after + 5);
        expect(asked()).toContainEqual([FUSE_OPCODE.FUSE_STATX, 0]);
      },
      BOOT_TIMEOUT,
    );

    it(
      '5.14 where tmpfs can less: zero ranges, and allocation that takes no room',
      async () => {
        const script = `
          dd if=/dev/zero bs=${CHUNKS(1)} count=3 2> /dev/null | tr '\\0' x > f
          lab-attr fallocate f zero-keep ${CHUNKS(1)} ${CHUNKS(5)}; stat -c '%s %b' f; lab-attr map f
          lab-attr fallocate f zero ${CHUNKS(3) - 10} 20; stat -c %s f; tail -c 12 f | od -c | head -1
          lab-attr fallocate f size 0 ${CHUNKS(100)}; stat -c '%s %b' f; lab-attr copy f 0 g 0 ${CHUNKS(100)}; lab-attr map g
          lab-attr xflags f; lab-attr fallocate f size 0 ${2 ** 40}; rm f g`;
        const { stdout } = await guest().run(`( ${script} ) 2>&1`);
        expect(stdout.split('\n')).toEqual([
          `${CHUNKS(3)} ${CHUNKS(1) / 512}`,
          `data 0 to ${CHUNKS(1)}`,
          `hole ${CHUNKS(1)} to ${CHUNKS(3)}`,
          `end ${CHUNKS(3)}: ENXIO`,
          `${CHUNKS(3) + 10}`,
          '0000000  \\0  \\0  \\0  \\0  \\0  \\0  \\0  \\0  \\0  \\0  \\0  \\0',
          `${CHUNKS(100)} ${CHUNKS(1) / 512}`,
          `${CHUNKS(100)}`,
          `data 0 to ${CHUNKS(1)}`,
          `hole ${CHUNKS(1)} to ${CHUNKS(100)}`,
          `end ${CHUNKS(100)}: ENXIO`,
          '-, 1 pieces, project 0',
          'fallocate: ENOSPC',
          '',
        ]);
      },
      BOOT_TIMEOUT,
    );
  });
}
