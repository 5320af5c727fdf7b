// The store in memory, for tests of layers that may not import stores.
export { MemoryStore } from '../src/fs/store/memory-store.ts';
