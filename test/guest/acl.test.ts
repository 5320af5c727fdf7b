// POSIX ACLs, the umask and set-group-id directories: what scripts print on the tree is what they print on tmpfs.
import { describe, expect, it } from 'vitest';
import {
  FUSE_EXT_GROUPS,
  FUSE_INIT_FLAGS,
  FUSE_INIT_FLAGS2,
  FUSE_OPCODE,
  fuse_in_header,
} from '../../src/fs/fuse/abi.ts';
import type { LogRecord } from '../../src/lab/record.ts';
import { BOOT_TIMEOUT, useGuest } from './guest.ts';

const guest = useGuest({ record: 'whole' });

/** Each runs in an empty directory with mode 0777. */
const SCRIPTS: Readonly<Record<string, string>> = {
  '5.10 an access ACL sets the mode, and is not kept where the mode says all of it': `
    umask 022; echo x > f
    lab-acl get f; lab-acl set f u::rw-,u:1000:r--,g::r--,m::r-x,o::---; lab-acl get f; stat -c '%a %A' f; cat f
    lab-acl set f u::rwx,g::r-x,o::r--; lab-acl get f; stat -c %a f
    lab-acl set f u::rwx,u:5:rwx,u:6:---,g::rwx,g:7:r-x,g:8:-w-,m::rwx,o::r--; lab-acl get f
    lab-acl remove f; lab-acl get f; stat -c %a f; lab-acl remove f
  `,
  '5.10 chmod changes the mask, or the group where there is none': `
    echo x > f; lab-acl set f u::rw-,u:1000:rwx,g::r-x,m::rwx,o::---
    chmod 705 f; lab-acl get f; stat -c %a f; chmod g+w f; lab-acl get f; chmod 4611 f; lab-acl get f; stat -c %a f
    lab-acl set f u::rw-,g::r-x,o::---; chmod 631 f; lab-acl get f; stat -c %a f
    mkdir d; lab-acl set d u::rwx,g::rwx,o::rwx,m::rwx; lab-acl set d u::rwx,g::rwx,m::rwx,o::rwx; chmod 700 d; lab-acl get d; stat -c %a d
  `,
  '5.10 default ACLs are inherited in place of the umask': `
    mkdir d; lab-acl get d default; lab-acl set d u::rwx,u:1000:rw-,g::r-x,m::rwx,o::r-x default
    lab-acl get d; lab-acl get d default; stat -c %a d
    umask 077; echo x > d/f; mkdir d/s; mkfifo d/p; mknod d/n c 1 3; ln -s f d/l; ln d/f d/h
    for n in f s p n h; do echo $n; stat -c '%a %F' d/$n; lab-acl get d/$n; done
    lab-acl get d/s default; echo y > d/s/g; lab-acl get d/s/g; mkdir -p d/s/t/u; lab-acl get d/s/t/u default; stat -c %a d/s/t/u
    lab-acl remove d default; lab-acl get d default; echo z > d/z; stat -c %a d/z; lab-acl get d/z
    lab-acl get d/f default; lab-acl set d/f u::rwx,g::rwx,o::rwx default; lab-acl set d/f u::rwx,g::rwx,o::rwx default | sed 's/.*: //'
    cp d/f d/c; install -m 0741 d/f d/i 2>/dev/null; stat -c %a d/c; lab-acl get d/c
  `,
  '5.10 a default ACL without names leaves modes': `
    umask 0; mkdir d; lab-acl set d u::rwx,g::r-x,o::--- default; echo x > d/f; mkdir d/s; stat -c %a d/f d/s
    lab-acl get d/f; lab-acl get d/s; lab-acl get d/s default
    lab-acl set d u::r--,g::---,o::rwx default; umask 027; echo x > d/g; mkdir d/t; stat -c %a d/g d/t
  `,
  '5.10 the umask counts where there is no default ACL': `
    for u in 000 022 027 077 777; do
      umask $u; echo x > f$u; mkdir d$u; mkfifo p$u; mknod n$u c 1 3; ln -s x l$u; stat -c '%a %F' f$u d$u p$u n$u l$u
    done; umask 022; rm -rf d777 f777
  `,
  '5.10 who may read, write and pass: by name, by group, by mask, as others': `
    umask 022; echo secret > f; chmod 600 f; mkdir d; echo in > d/f; chmod 700 d
    try() { lab-acl as $1 $2 cat f 2>&1 | sed 's/.*: //'; lab-acl as $1 $2 sh -c 'echo more >> f' 2>&1 | sed 's/.*: //'; }
    try 1000 1000; lab-acl set f u::rw-,u:1000:r--,g::---,m::r--,o::---; try 1000 1000; try 1001 1001
    lab-acl set f u::rw-,u:1000:rw-,g::---,g:50:rw-,m::rw-,o::---; try 1000 1000; try 1001 1001,50; try 1001 50; try 1001 1001,51
    chmod g-w f; try 1000 1000; try 1001 50; lab-acl set f u::rw-,u:1000:---,g::rw-,m::rw-,o::rw-; try 1000 1000; try 1001 1001
    lab-acl set f u::rw-,g::r--,g:50:-w-,m::rw-,o::rw-; chgrp 60 f; try 1001 60,50; try 1001 60; try 1001 50
    lab-acl set d u::rwx,u:1000:--x,g::---,m::--x,o::---
    lab-acl as 1000 1000 cat d/f; lab-acl as 1000 1000 ls d 2>&1 | sed 's/.*: //'; lab-acl as 1001 1001 cat d/f 2>&1 | sed 's/.*: //'
    lab-acl set d u::rwx,u:1000:rwx,g::---,m::rwx,o::---; lab-acl as 1000 1000 sh -c 'echo mine > d/mine; rm d/f; ls d'; stat -c '%u %g %a' d/mine
    cat f | sort | uniq -c
  `,
  '5.10 only the owner and root may change an ACL': `
    echo x > f; chmod 666 f; lab-acl as 1000 1000 lab-acl set f u::rw-,u:1000:rw-,g::rw-,m::rw-,o::rw-
    lab-acl as 1000 1000 sh -c 'echo y > own; lab-acl set own u::rw-,u:0:r--,g::---,m::r--,o::---; lab-acl get own; lab-acl remove own; lab-acl get own'
    lab-acl as 1000 1000 lab-acl remove f; lab-acl as 1000 1000 lab-acl get f
    ln -s f l; lab-acl get l; lab-acl set l u::rwx,g::r--,o::---; stat -c %a f
  `,
  '5.10 what is no ACL is EINVAL': `
    echo x > f
    for a in u::rwx u::rwx,g::rwx g::rwx,u::rwx,o::rwx u::rwx,g::rwx,o::rwx,o::rwx u::rwx,u:5:rwx,g::rwx,o::rwx \\
      u::rwx,g::rwx,u:5:rwx,m::rwx,o::rwx u::rwx,m::rwx,g::rwx,o::rwx u::rwx,u:5:r,u:5:w,g::r,m::r,o::r; do
      echo $a; lab-acl set f $a; lab-acl get f; lab-acl remove f > /dev/null
    done
  `,
  '5.8 set-group-id directories: the group, the bit of directories, that of programs': `
    umask 022; mkdir d; chgrp 50 d; chmod 2777 d; echo x > d/f; mkdir d/s; ln -s f d/l; mkfifo d/p
    for n in f s l p; do stat -c '%g %a %F' d/$n; done
    lab-acl as 7 7 sh -c 'umask 0; echo x > d/a; mkdir d/b; chmod 2755 d/a'; stat -c '%u %g %a' d/a d/b
    lab-acl as 7 7,50 sh -c 'echo x > d/c; chmod 2755 d/c'; stat -c '%u %g %a' d/c
    echo '#!/bin/sh' > tool; chmod 2755 tool
    lab-acl as 7 7 cp -p tool d/k 2>/dev/null; stat -c '%g %a' d/k; lab-acl as 7 7,50 cp -p tool d/m 2>/dev/null; stat -c '%g %a' d/m
    tar cf t.tar tool; lab-acl as 7 7 tar xpf t.tar -C d 2>/dev/null; stat -c '%g %a' d/tool
  `,
  '5.8 chmod, chown and ACLs take the set-group-id bit from who is not in the group': `
    umask 022; echo x > f; chown 7:50 f; lab-acl as 7 7 chmod 2755 f; stat -c %a f; lab-acl as 7 7,50 chmod 2755 f; stat -c %a f
    lab-acl as 7 7 lab-acl set f u::rwx,u:9:r-x,g::r-x,m::r-x,o::r-x; stat -c %a f
    lab-acl as 7 7,50 chmod 2755 f; lab-acl as 7 7,50 lab-acl set f u::rwx,u:9:r-x,g::r-x,m::r-x,o::r-x; stat -c %a f
    chown 8 f; stat -c %a f; chmod 6755 f; chown 7 f; stat -c %a f; chmod 6745 f; chgrp 51 f; stat -c %a f
    lab-acl as 7 51 sh -c 'chmod 6755 f; echo more >> f'; stat -c %a f; lab-acl as 7 51 sh -c 'chmod 6755 f; : > f'; stat -c %a f
  `,
  '5.10 ACLs go with a file: renamed, linked, replaced': `
    mkdir d e; lab-acl set d u::rwx,u:5:rwx,g::---,m::rwx,o::--- default; echo x > d/f; mv d/f e/f; lab-acl get e/f
    echo y > e/g; mv e/g d/f; lab-acl get d/f; stat -c %a d/f; ln e/f d/h; lab-acl get d/h; mv d e/d; lab-acl get e/d default
  `,
};
const END = 'that was all';

describe('ACLs are those of tmpfs', () => {
  it('the guest has agreed to ACLs and groups', () => {
    const { flags, flags2 } = guest().lab.negotiated as { flags: number; flags2: number };
    const wanted = FUSE_INIT_FLAGS.FUSE_POSIX_ACL | FUSE_INIT_FLAGS.FUSE_DONT_MASK | FUSE_INIT_FLAGS.FUSE_SETXATTR_EXT;
    expect(flags & wanted).toBe(wanted);
    expect(flags2 & FUSE_INIT_FLAGS2.FUSE_CREATE_SUPP_GROUP).not.toBe(0);
  });

  it('5.8 a member by a supplementary group says so where it makes a file (FUSE_CREATE_SUPP_GROUP)', async () => {
    const machine = guest();
    machine.records();
    const script = 'mkdir d; chown 7:50 d; chmod 2770 d; lab-acl as 7 7,50 touch d/f; stat -c "%u %g" d/f; rm -r d';
    expect(await machine.run(script)).toEqual({ status: 0, stdout: '7 50\n', stderr: '' });
    const created = machine.records().filter(({ opcode }) => opcode === FUSE_OPCODE.FUSE_CREATE);
    expect(created).toHaveLength(1);
    const [{ req, insize, error }] = created as [LogRecord];
    expect(error).toBe(0);
    const view = new DataView(req.buffer, req.byteOffset);
    const extlen = new fuse_in_header(view).total_extlen * 8;
    // fuse_ext_header: 16 bytes, FUSE_EXT_GROUPS | fuse_supp_groups: one, 50.
    const words = Array.from({ length: extlen / 4 }, (_, i) => view.getUint32(insize - extlen + i * 4, true));
    expect(words).toEqual([16, FUSE_EXT_GROUPS, 1, 50]);
  });

  it.each(Object.entries(SCRIPTS))(
    '%s',
    async (_, script) => {
      const run = (folder: string) =>
        guest().run(
          `cd ${folder} && mkdir -m 777 t && cd t && ( ${script}\necho ${END}) 2>&1; cd /; rm -rf ${folder}/t`,
        );
      const theirs = await run('/tmp');
      const ours = await run('/mnt/lab');
      expect(ours.stdout).toBe(theirs.stdout);
      expect(ours).toEqual(theirs);
      expect(theirs.stdout).toMatch(new RegExp(`.\\n${END}\\n$`));
      expect(theirs.stdout).not.toMatch(/BusyBox v|not found|lab-acl: get/);
    },
    BOOT_TIMEOUT,
  );
});
