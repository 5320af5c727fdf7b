import { describe, expect, it } from 'vitest';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';
import { SCRIPTS } from './scripts.ts';

const guest = useGuest();

/** What a program of busybox says that was asked for something that it has not: then nothing was tested. */
const USAGE = /BusyBox v|applet not found|: not found/;
/** The last line of a script that ran to its end. */
const END = 'that was all';

describe('what scripts print on the tree is what they print on tmpfs', () => {
  it('has its scripts, the tree and a tmpfs', async () => {
    expect(Object.keys(SCRIPTS)).toHaveLength(17);
    const { stdout } = await guest().run("awk '$2 ~ /^.(mnt.lab|tmp)$/ { print $2, $3 }' /proc/mounts | sort");
    expect(stdout).toBe('/mnt/lab virtiofs\n/tmp tmpfs\n');
  });

  for (const [name, script] of Object.entries(SCRIPTS)) {
    it(
      name,
      async () => {
        const run = (folder: string) =>
          guest().run(
            `mkdir -p ${folder}/t && cd ${folder}/t && ( ${script}\necho ${END}) 2>&1; cd /; rm -rf ${folder}/t`,
          );
        const before = guest().device.state().taken;
        const ours = await run('/mnt/lab');
        expect(guest().device.state().taken).toBeGreaterThan(before + 2);
        const theirs = await run('/tmp');
        expect(ours.stdout).toBe(theirs.stdout);
        expect(ours).toEqual(theirs);
        expect(theirs.stdout).toMatch(new RegExp(`.\\n${END}\\n$`));
        expect(theirs.stdout).not.toMatch(USAGE);
        expect(theirs).toMatchObject({ status: 0, stderr: '' });
      },
      BOOT_TIMEOUT,
    );
  }

  it(
    'tar, find and md5sum over a tree of 3,000 files',
    async () => {
      const script = `
        mkdir src; cd src; d=0
        while [ $d -lt 60 ]; do
          mkdir dir-$d; i=0
          while [ $i -lt 50 ]; do echo "file $d $i" > dir-$d/file-$i; i=$((i + 1)); done
          seq $((d * 40)) > dir-$d/file-49; ln -s file-1 dir-$d/link; ln dir-$d/file-2 dir-$d/hard
          d=$((d + 1))
        done
        cd ..
        tar -cf a.tar -C src . ; mkdir copy; tar -xf a.tar -C copy; tar -tf a.tar | sort | md5sum
        find copy | sort | md5sum; find copy -type f | wc -l
        (cd copy; find . -type f | sort | xargs md5sum) | md5sum
        (cd copy; find . -type l | sort | xargs -n 1 readlink) | sort | uniq -c
        find copy -name hard -links 2 | wc -l
        diff -r src copy && echo equal
        find copy -type f -name '*7' -exec rm {} +; find copy | wc -l
        rm -rf src copy a.tar; ls -A
      `;
      const run = (folder: string) =>
        guest().run(`mkdir ${folder}/t && cd ${folder}/t && ( ${script}\necho ${END}) 2>&1; cd /; rm -rf ${folder}/t`);
      const ours = await run('/mnt/lab');
      const theirs = await run('/tmp');
      expect(ours.stdout).toBe(theirs.stdout);
      expect(ours).toEqual(theirs);
      // 50 files and a second name of one in each of 60 folders.
      expect(theirs.stdout).toMatch(/^3060\n/m);
      expect(theirs.stdout).toMatch(new RegExp(`^equal\\n2881\\n${END}\\n$`, 'm'));
      expect(theirs.stdout).not.toMatch(USAGE);
      expect(theirs).toMatchObject({ status: 0, stderr: '' });
    },
    BOOT_TIMEOUT * 2,
  );
});
