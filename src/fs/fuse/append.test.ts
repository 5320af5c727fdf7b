// Appending WRITEs that are under way at once: the guest splits one large write(2) on an O_APPEND descriptor (direct I/O).
import { expect, test } from 'vitest';
import { MemoryStore } from '../../../test/memory-store.ts';
import { serve } from '../../../test/served-tree.ts';
import { Tree } from '../tree/tree.ts';
import { O_FLAGS } from './linux.ts';

const O_WRONLY = 1;
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (string: string): Uint8Array => new TextEncoder().encode(string);

/** Gives every chunk later, so that writes into a file that is not in memory overtake each other. */
class SlowStore extends MemoryStore {
  override chunk(ino: number, index: number): never {
    return Promise.resolve().then(() => super.chunk(ino, index)) as never;
  }
}

test('the second one goes behind the first, also while the first waits for its chunk', async () => {
  const store = new SlowStore();
  const first = await Tree.open(store);
  const file = first.mknod(first.root, 'f', { mode: 0o100644, uid: 0, gid: 0 });
  await first.write(file, 0, 4, { copyTo: (target) => target.set(bytes('old ')) });
  await first.close();

  const { client } = await serve({ store });
  const { nodeid } = await client.lookup(1, 'f');
  const flags = O_WRONLY | O_FLAGS.O_APPEND;
  const fh = await client.open(nodeid, flags);
  const written = await Promise.all([
    client.write(nodeid, fh, 4, bytes('one '), { flags }),
    client.write(nodeid, fh, 8, bytes('two'), { flags }),
  ]);
  expect(written).toEqual([4, 3]);
  const reader = await client.open(nodeid, 0);
  expect(text(await client.read(nodeid, reader, 0, 100))).toBe('old one two');
});

test('an appending WRITE goes behind what is there, whatever offset the guest believes in', async () => {
  const { client } = await serve();
  const { nodeid, fh } = await client.create(1, 'f');
  await client.write(nodeid, fh, 0, bytes('0123456789'));
  const flags = O_WRONLY | O_FLAGS.O_APPEND;
  const appending = await client.open(nodeid, flags);
  await client.write(nodeid, appending, 3, bytes('ab'), { flags });
  expect(text(await client.read(nodeid, fh, 0, 100))).toBe('0123456789ab');
});
