// Runs in a worker of Chromium under an origin that may have trees: which there are, and what is wrong with them.
import { TreeNames } from '../../src/fs/store/indexeddb-names.ts';
import { IndexedDbStore } from '../../src/fs/store/indexeddb-store.ts';
import { checkStored, repairStored } from '../../src/fs/tree/check-stored.ts';
import type { Finding } from '../../src/fs/tree/findings.ts';
import { StoreError } from '../../src/fs/tree/store.ts';
import { serve } from '../browser/serve.ts';

/** What was found of one tree, or why it could not be looked at; `code` is a StoreError's. */
export type Looked = { name: string } & ({ findings: Finding[] } | { code: string; reason: string });

export interface Order {
  /** Undefined: all. */
  tree: string | undefined;
  repair: boolean;
}

async function look(database: string, repair: boolean): Promise<Finding[]> {
  const store = new IndexedDbStore(database, { readOnly: !repair });
  try {
    return await (repair ? repairStored(store) : checkStored(store));
  } finally {
    await store.close();
  }
}

serve({
  async check({ tree, repair }: Order): Promise<Looked[]> {
    const looked: Looked[] = [];
    for (const { name, database } of await new TreeNames().peek()) {
      if (tree !== undefined && tree !== name) continue;
      try {
        looked.push({ name, findings: await look(database, repair) });
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        looked.push({ name, code: error.code, reason: error.message });
      }
    }
    return looked;
  },
});
