// Counts of a real guest that works, drops its caches and runs short of memory, with a nodeid table between: it never
// gives back what it was not given, and in the end everything. stress.test.ts has the same for stable nodeids.
import { describe, expect, it } from 'vitest';
import type { NodeidOptions } from '../../src/fs/fuse/nodeid-table.ts';
import { RecordFlag } from '../../src/lab/record.ts';
import { BOOT_TIMEOUT, withGuest } from './guest.ts';

/** Three processes make, link, move, list and remove files, each in a directory of its own, and check what they see. */
const LOAD = `
work() {
  mkdir w$1; cd w$1; i=0
  while [ $i -lt 12 ]; do
    echo $i > f$i; ln f$i l$i; mv f$i g$((i % 7)); mkdir d$i; mv g$((i % 7)) d$i/x; ls -lR > /dev/null
    [ "$(cat d$i/x l$i)" = "$i
$i" ] || echo "wrong content of $i"
    exec 4< l$i; rm l$i d$i/x; [ "$(cat <&4)" = $i ] || echo "wrong content of unlinked $i"; exec 4<&-
    [ $((i % 3)) = 0 ] || rmdir d$i
    i=$((i + 1))
  done
}
while :; do echo 2 > /proc/sys/vm/drop_caches; sleep 0.05; done 2> /dev/null &
dropper=$!
for n in 1 2 3; do (work $n) & workers="$workers $!"; done
wait $workers
kill $dropper; wait $dropper 2> /dev/null
# More than there is: caches have to go.
dd if=/dev/zero of=/tmp/fill bs=1M count=50 2> /dev/null; find . > /dev/null; rm /tmp/fill
find . -type d | wc -l; rm -r w1 w2 w3; ls; sync`;

const rows: [string, NodeidOptions][] = [
  ['a table that pins', { mode: 'never' }],
  ['a table of handles, the second of which cannot be made', { mode: 'prefer', failure: { when: 'once', at: 2 } }],
];

describe('5.1 5.6 a guest at work', () => {
  it.each(rows)(
    '%s: no FORGET too many, and in the end the root alone',
    async (_, nodeids) => {
      await withGuest({ nodeids, reuseInodes: true, memory: 96 }, async (machine) => {
        // The working directories, the three and what is left in each of them.
        expect(await machine.run(LOAD)).toEqual({ status: 0, stdout: '16\n', stderr: '' });
        const wrong = machine.records().filter(({ flags }) => (flags & (RecordFlag.VIOLATION | RecordFlag.BUG)) !== 0);
        expect(wrong).toEqual([]);
      });
    },
    BOOT_TIMEOUT * 2,
  );
});
