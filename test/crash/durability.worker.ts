// In a worker of Chromium: syncs through the FUSE server on the browser's own IndexedDB, judged.
import { serve } from '../browser/serve.ts';
import { judgeSyncs, type StoreKind } from './durability.ts';

serve({
  judge: ({ kind, seed }: { kind: StoreKind; seed: number }) =>
    judgeSyncs(kind, { classes: globalThis, factory: indexedDB }, seed),
});
