// Every opcode: those that a guest can send are answered to one, the others to a synthetic driver. UPDATE_DOCS=1 writes
// the table in docs/opcodes.md anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errnoName } from '../../src/base/errno.ts';
import type { Struct } from '../../src/base/struct.ts';
import * as abi from '../../src/fs/fuse/abi.ts';
import { cstring, join, pack } from '../fuse-client.ts';
import { serve } from '../served-tree.ts';
import { coverageTable, ENTRIES } from './coverage.ts';
import { BOOT_TIMEOUT, withGuest } from './guest.ts';

const PAGE = new URL('../../docs/opcodes.md', import.meta.url);

/** What programs do that makes a guest send everything it can. */
const SCRIPT = `
set -e
cd /mnt/lab
mkdir d; echo one > d/f; cat d/f; ls -l d > /dev/null; ls -a d > /dev/null; stat -c %a d/f
ln -s f d/s; readlink d/s; ln d/f d/g; mknod d/n c 1 3; mv d/g d/h; rm d/h
lab-files swap d 3
chmod 600 d/f; df . > /dev/null; sync
dd if=/dev/zero of=d/z bs=4k count=3 conv=fsync 2> /dev/null; lab-attr fallocate d/z keep 0 65536; lab-attr map d/f > /dev/null
lab-attr copy d/z 0 d/f 0 100 > /dev/null; lab-attr birth d/f > /dev/null; lab-attr poll d/f; lab-attr flags d/f +d
echo nameless | lab-attr tmpfile d d/t
lab-attr setxattr d/f user.a 1; lab-attr getxattr d/f user.a; lab-attr listxattr d/f; lab-attr rmxattr d/f user.a
lab-lock d/f write 0-9 unlock all test-write all; lab-lock d/f wait-read all
printf 'begin c\\nopen a . O_RDONLY|O_DIRECTORY 0\\nfsync a\\nclose a\\nend c\\n' | lab-calls /mnt/lab/d
cd /; umount /mnt/lab; mount -t virtiofs lab /mnt/lab; ls -a /mnt/lab/d > /dev/null; rm -r /mnt/lab/d; echo 3 > /proc/sys/vm/drop_caches`;

const guest = new Set<number>();
const synthetic = new Set<number>();
// READDIR is sent where nothing may be looked up ahead, READDIRPLUS where it may.
it.each(['never', 'auto'] as const)(
  'a guest, cache %s',
  (cache) =>
    withGuest({ locks: true, cache }, async (machine) => {
      const { status, stdout, stderr } = await machine.run(SCRIPT);
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: '' });
      for (const { opcode, error } of machine.records()) if (error === 0 || error === undefined) guest.add(opcode);
    }),
  BOOT_TIMEOUT,
);

const args = (type: Struct<object>, values: Record<string, number> = {}): Uint8Array => pack(type, values);

/** A sound request of each opcode that no guest sends, about a file that is looked up once. */
const REQUESTS: Record<string, Uint8Array> = {
  ACCESS: args(abi.fuse_access_in, { mask: 4 }),
  INTERRUPT: args(abi.fuse_interrupt_in, { unique: 4711 }),
  BMAP: args(abi.fuse_bmap_in, { block: 1, blocksize: 4096 }),
  NOTIFY_REPLY: join(args(abi.fuse_notify_retrieve_in, { size: 3 }), cstring('ab')),
  BATCH_FORGET: join(
    args(abi.fuse_batch_forget_in, { count: 1 }),
    args(abi.fuse_forget_one, { nodeid: 99, nlookup: 1 }),
  ),
  SETUPMAPPING: args(abi.fuse_setupmapping_in, { len: 4096 }),
  REMOVEMAPPING: join(args(abi.fuse_removemapping_in, { count: 1 }), args(abi.fuse_removemapping_one, { len: 4096 })),
};

it('a synthetic driver', async () => {
  const { server, client, answers } = await serve();
  const { nodeid } = await client.create(1, 'file');
  for (const entry of ENTRIES.filter(({ unsent }) => unsent !== undefined)) {
    const body = REQUESTS[entry.name];
    expect(body, `a request for ${entry.name}`).toBeDefined();
    answers.length = 0;
    if (entry.reply === 'none') await client.post(entry.opcode, nodeid, body as Uint8Array);
    else await client.request(entry.opcode, nodeid, body as Uint8Array, 64).catch(() => undefined);
    const [answer] = answers;
    expect(answer, entry.name).toMatchObject({ opcode: entry.opcode, bug: false });
    const error = answer?.error ?? 0;
    expect(error === 0 ? undefined : errnoName(-error)).toBe(entry.refused?.errno);
    synthetic.add(entry.opcode);
  }
  expect(server.session.open).toBe(true);
});

it('all of them are in the documentation', () => {
  const names = (opcodes: ReadonlySet<number>): string[] =>
    ENTRIES.filter(({ opcode }) => opcodes.has(opcode)).map(({ name }) => name);
  expect(names(guest)).toEqual(ENTRIES.filter(({ unsent }) => unsent === undefined).map(({ name }) => name));
  expect(names(synthetic)).toEqual(ENTRIES.filter(({ unsent }) => unsent !== undefined).map(({ name }) => name));
  expect([guest.size, synthetic.size]).toEqual([43, 7]);
  const table = coverageTable(guest, synthetic);
  if (process.env.UPDATE_DOCS) writeFileSync(PAGE, table);
  expect(readFileSync(PAGE, 'utf8')).toBe(table);
});
