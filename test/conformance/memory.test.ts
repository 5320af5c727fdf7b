// The conformance suite on the tree through a FUSE client, with the memory store.
import { MemoryStore } from '../../src/fs/store/memory-store.ts';
import { loop } from '../fuse-client.ts';
import { conformance } from './over-fuse.ts';

conformance('over FUSE, in memory', { store: () => new MemoryStore(), transport: loop });
