// A directory of the mount as the root of a container: pivot_root into it, the old root let go of, work, an end.
import { describe, expect, it } from 'vitest';
import type { GuestMachineOptions } from '../../src/lab/headless/guest-machine.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

const ROOT = `
  mkdir -p box/bin box/etc box/proc box/dev box/tmp box/old && cp /bin/busybox box/bin/ && cp /bin/lab-tools box/bin/
  for name in sh mkdir mount umount ls cat echo ps sleep ln rm mv stat awk wc seq md5sum pivot_root chroot sync; do ln -s busybox box/bin/$name; done
  ln -s lab-tools box/bin/lab-files; mkdir box/sbin; ln box/bin/busybox box/sbin/busybox
  echo inside > box/etc/name
  cat > box/init <<'END'
    mount -t proc proc /proc
    umount -l /old && rmdir /old 2>/dev/null
    cat /etc/name; ls /
    awk '{ print $2, $3 }' /proc/mounts
    echo written > /tmp/f; ln /tmp/f /tmp/g; mv /tmp/g /etc/g; cat /etc/g
    (sleep 1000 & echo $! > /tmp/pid); ps | grep -c '[s]leep 1000'
    # Programs run from the root, which is replaced under them.
    /sbin/busybox echo hard; cat /sbin/busybox > /tmp/copy; mv /tmp/copy /sbin/busybox; echo x > /sbin/busybox; rm -r /sbin
    seq 3000 | while read n; do echo $n; done | md5sum
    mkdir /tmp/files /tmp/names; lab-files map /tmp/m; lab-files names /tmp/names; lab-files many /tmp/files 500
    cd /tmp && rm -r files names f && ls -A /tmp
END
  cat > in-it.sh <<'END'
    mount --make-rprivate / 2>/dev/null || mount --make-private /
    mount --bind box box && cd box && pivot_root . old && exec chroot . /bin/sh /init
END
`;

function containers(options: GuestMachineOptions): void {
  const guest = useGuest(options);

  it(
    'pivot_root into a directory of the mount, umount -l of the old root, work, exit',
    async () => {
      const made = await guest().run(ROOT);
      expect(made).toEqual({ status: 0, stdout: '', stderr: '' });
      const inside = await guest().run(`unshare -m -p -f sh in-it.sh`);
      const numbers = await guest().run('seq 3000 | md5sum');
      expect(inside).toEqual({
        status: 0,
        stderr: '',
        stdout: [
          'inside',
          ...['bin', 'dev', 'etc', 'init', 'proc', 'sbin', 'tmp'],
          ...['/ virtiofs', '/proc proc'],
          ...['written', '1', 'hard'],
          numbers.stdout.trim(),
          'pid',
          '',
        ].join('\n'),
      });
      // Outside nothing has moved, and the processes of the container went with its first one.
      const outside = await guest().run(
        'cat box/etc/g; ls -d box/old box/sbin 2>&1 | wc -l; grep -c box /proc/mounts; ps | grep -c "[s]leep 1000"; rm -r box in-it.sh; ls -A',
      );
      expect(outside.stdout).toBe('written\n2\n0\n0\n');
    },
    BOOT_TIMEOUT,
  );

  it(
    'a root of overlayfs with both layers on the mount, twice from one image',
    async () => {
      expect(await guest().run(ROOT)).toEqual({ status: 0, stdout: '', stderr: '' });
      const run = (name: string) =>
        guest().run(`
          mkdir -p ${name}/upper ${name}/work ${name}/root
          unshare -m -p -f sh -c '
            mount --make-rprivate /
            mount -t overlay o -o lowerdir=box,upperdir=${name}/upper,workdir=${name}/work,index=on,redirect_dir=on ${name}/root
            cd ${name}/root && pivot_root . old && exec chroot . /bin/sh /init'
          ls ${name}/upper ${name}/upper/etc`);
      const first = await run('one');
      const second = await run('two');
      expect(first).toMatchObject({ status: 0, stderr: '' });
      expect(first.stdout).toMatch(/^inside\n[\s\S]*\/ overlay\n\/proc proc\nwritten\n1\nhard\n/);
      expect(second).toEqual({ ...first, stdout: first.stdout.replaceAll('one', 'two') });
      const after = await guest().run(
        'cat box/etc/name; ls box/etc box/tmp; ls -d box/sbin; rm -r box one two in-it.sh',
      );
      expect(after).toEqual({ status: 0, stderr: '', stdout: 'inside\nbox/etc:\nname\n\nbox/tmp:\nbox/sbin\n' });
    },
    BOOT_TIMEOUT,
  );
}

describe('a directory of the mount as root', () => containers({}));
describe('a directory of the mount as root, everything cached and written back', () =>
  containers({ cache: 'always', writeback: true }));
