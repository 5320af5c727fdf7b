// Which folder may import what, in the order of dependency. The table is read by check-imports.mjs.

/**
 * @typedef {object} Layer
 * @property {string} path folder below the root; the longest that matches a file is its layer
 * @property {string[]} layers folders (or single files) that it may import besides itself
 * @property {string[]} [packages] packages and Node modules that it may import
 */

/** @type {Layer[]} */
export const LAYERS = [
  { path: 'src/base', layers: [] },
  { path: 'src/device', layers: ['src/base'] },
  { path: 'src/fs/tree', layers: ['src/base'] },
  { path: 'src/fs/store', layers: ['src/fs/tree', 'src/base'], packages: ['idb-keyval'] },
  { path: 'src/fs/archive', layers: ['src/fs/tree', 'src/base'] },
  { path: 'src/fs/fuse', layers: ['src/fs/tree', 'src/base'] },
  { path: 'src/lab', layers: ['src/device', 'src/fs', 'src/base'] },
  { path: 'src/lab/headless', layers: ['src/lab', 'src/device', 'src/fs', 'src/base'], packages: ['node:*'] },
  {
    path: 'src/ui',
    layers: ['src/lab/messages.ts', 'src/lab/record.ts', 'src/lab/describe.ts', 'src/lab/worker.ts'],
    packages: ['preact', '@preact/signals', '@xterm/*', '@noble/hashes'],
  },
];

/** What single files may import beyond their layer. */
export const FILES = {
  'src/device/v86-bus.ts': ['v86'],
  'src/device/v86-bus.test.ts': ['v86'],
  'src/lab/emulator.ts': ['v86'],
  'src/lab/v86-internals.ts': ['v86'],
  'src/fs/store/dir-store.ts': ['node:*'],
  'src/fs/store/dir-files.ts': ['node:*'],
  'src/fs/store/dir-lock.ts': ['node:*'],
  // The address of the WebAssembly only, which the page downloads for the worker.
  'src/ui/main.tsx': ['v86/build/v86.wasm'],
};

/** What tests may import beyond the layer of the file they stand beside. */
export const TESTS = {
  layers: ['test', 'src/base'],
  packages: ['vitest', 'fast-check', 'fake-indexeddb', 'node:*'],
};

/** Globals that belong to one place: pattern of the identifier, and the files that may name it. */
export const GLOBALS = [
  { names: /^(document|window|localStorage|sessionStorage|HTML\w*Element)$/, files: /^src\/ui\// },
  { names: /^(indexedDB|IDB\w+)$/, files: /^src\/fs\/store\/indexeddb-[\w-]+\.ts$/ },
  { names: /^(process|Buffer|__dirname)$/, files: /^src\/(lab\/headless\/|fs\/store\/dir-(store|lock)\.ts)/ },
];
