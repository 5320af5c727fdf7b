// The conformance suite with a nodeid table that pins what was looked up, on a tree that gives inode numbers out again.
import { MemoryStore } from '../../src/fs/store/memory-store.ts';
import { loop } from '../fuse-client.ts';
import { conformance } from './over-fuse.ts';

conformance('over FUSE, with a nodeid table', {
  store: () => new MemoryStore(),
  transport: loop,
  tree: { reuseInodeNumbers: true },
  nodeids: { mode: 'never' },
});
