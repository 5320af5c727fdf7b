// The checks find what they are there to find, and nothing else.
import { describe, expect, test } from 'vitest';
import { problemsIn, whyNotImport } from './check-imports.mjs';
import { problemsWith } from './check-repository.mjs';

describe('imports', () => {
  test.each([
    ['src/device/virtqueue.ts', '../base/iov.ts'],
    ['src/fs/fuse/server.ts', '../tree/tree.ts'],
    ['src/fs/fuse/ops/lookup.ts', '../abi.ts'],
    ['src/lab/lab.ts', '../fs/fuse/server.ts'],
    ['src/lab/emulator.ts', 'v86'],
    ['src/lab/headless/guest.ts', 'node:fs'],
    ['src/ui/log-store.ts', '../lab/record.ts'],
    ['src/ui/app.tsx', 'preact/hooks'],
    ['src/fs/tree/tree.test.ts', 'fast-check'],
    ['src/device/virtqueue.test.ts', '../../test/mock-driver.ts'],
  ])('%s may import %s', (file, specifier) => {
    expect(whyNotImport(file, specifier)).toBeUndefined();
  });

  test.each([
    ['src/base/iov.ts', '../device/bus.ts', 'nothing of ours'],
    ['src/device/virtio-fs.ts', '../fs/fuse/server.ts', 'src/device may import src/base'],
    ['src/fs/tree/tree.ts', '../fuse/abi.ts', 'src/fs/tree may import src/base'],
    ['src/lab/lab.ts', '../ui/app.tsx', 'src/lab may import'],
    ['src/lab/lab.ts', './headless/guest.ts', 'src/lab may import'],
    ['src/ui/app.tsx', '../lab/lab.ts', 'src/ui may import'],
    ['src/device/virtqueue.ts', 'v86', 'no package'],
    ['src/lab/lab.ts', 'node:fs', 'no package'],
    ['src/base/iov.ts', './struct', 'extension'],
    ['src/elsewhere/x.ts', './y.ts', 'in no layer'],
  ])('%s may not import %s', (file, specifier, reason) => {
    expect(whyNotImport(file, specifier)).toContain(reason);
  });

  test('every form of import is seen', () => {
    const text = [
      "import { a } from 'v86';",
      "export { b } from 'v86';",
      "type C = import('v86').V86;",
      "const d = await import('v86');",
      "new Worker(new URL('../ui/main.tsx', import.meta.url));",
    ].join('\n');
    expect(problemsIn('src/device/virtqueue.ts', text).map((problem) => problem.split(':')[0])).toEqual([
      '1',
      '2',
      '3',
      '4',
      '5',
    ]);
  });
});

describe('globals', () => {
  test.each([
    ['src/fs/tree/tree.ts', "document.title = 'x';"],
    ['src/lab/lab.ts', "indexedDB.open('x');"],
    ['src/lab/lab.ts', "globalThis.indexedDB.open('x');"],
    ['src/ui/app.tsx', 'let a: IDBDatabase;'],
    ['src/lab/lab.ts', 'process.exit();'],
  ])('%s may not say %s', (file, text) => {
    expect(problemsIn(file, text)).toHaveLength(1);
  });

  test.each([
    ['src/ui/app.tsx', "document.title = 'x';"],
    ['src/fs/store/indexeddb-store.ts', "indexedDB.open('x');"],
    ['src/lab/lab.ts', 'for (const process of processes) process.name;'],
    ['src/lab/lab.ts', 'emulator.document; const a = { window: 1 };'],
  ])('%s may say %s', (file, text) => {
    expect(problemsIn(file, text)).toEqual([]);
  });
});

describe('tree', () => {
  test.each([
    ['src/a.ts', 'fetch("https://registry.example/v86")', 'archive'],
    ['docs/a.md', 'see /home/ann/notes', 'one machine'],
    ['src/a.ts', '// TODO later', 'open'],
    ['package-lock.json', '"resolved": "https://r.example/a.tgz"', 'registry'],
    ['a.bin', 'a\0b', 'binary'],
    ['a.txt', 'x'.repeat(400_000), 'bytes'],
  ])('%s may not hold %s', (file, text, reason) => {
    expect(problemsWith(file, Buffer.from(text))).toEqual([expect.stringContaining(reason)]);
  });

  test.each([
    ['guest-images/rootfs/etc/passwd', 'root:x:0:0:root:/root:/bin/bash'],
    ['README.md', 'https://www.kernel.org/ and /mnt/lab and node_modules/'],
    ['src/a.ts', '"resolved": "https://r.example/"'],
  ])('%s may hold %s', (file, text) => {
    expect(problemsWith(file, Buffer.from(text))).toEqual([]);
  });
});
