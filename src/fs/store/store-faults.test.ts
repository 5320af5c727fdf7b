// Whatever fails while a store opens, reads or commits: it has what was before or what is after, says so, and goes on.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import fc from 'fast-check';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import type { FileFaults } from '../../../test/file-faults.ts';
import { FAULTS, IdbFaults } from '../../../test/idb-faults.ts';
import { codeOf, type Place } from '../../../test/store-conformance.ts';
import { dumpStore, durabilityOf, makeBatch, type Plan, plans, StoreModel } from '../../../test/store-model.ts';
import type { Store } from '../tree/store.ts';
import { DirStore } from './dir-store.ts';
import { IndexedDbStore } from './indexeddb-store.ts';
import { MemoryStore } from './memory-store.ts';

const { files } = vi.hoisted(() => ({ files: { faults: undefined as FileFaults | undefined } }));
vi.mock('node:fs', async (original) => {
  const { FileFaults } = await import('../../../test/file-faults.ts');
  files.faults = new FileFaults();
  return files.faults.wrap(await original<typeof import('node:fs')>());
});
vi.stubGlobal('IDBKeyRange', IDBKeyRange);

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** How things fail in a place: each with a name, at any of its steps. */
interface Faults {
  names: readonly string[];
  arm(at: number, name: string): void;
  disarm(): void;
  /** Steps since arm(), and whether the one that fails was reached. */
  steps(): number;
  happened(): boolean;
}

interface FaultyPlace {
  make(): Place;
  faults: Faults;
}

const idb = new IdbFaults();
afterEach(() => {
  idb.disarm();
  files.faults?.disarm();
});
afterAll(() => idb.restore());

const indexedDb: FaultyPlace = {
  make: () => {
    const factory = new IDBFactory();
    return () => new IndexedDbStore('t', { factory });
  },
  faults: {
    names: FAULTS,
    arm: (at, name) => idb.arm(at, name as (typeof FAULTS)[number]),
    disarm: () => idb.disarm(),
    steps: () => idb.requests,
    happened: () => idb.happened,
  },
};

const folder = (options: { garbageLimit?: number }): FaultyPlace => {
  const faults = (): FileFaults => files.faults as FileFaults;
  return {
    make: () => {
      const path = mkdtempSync(join(tmpdir(), 'store-faults-'));
      folders.push(path);
      return () => new DirStore(path, options);
    },
    faults: {
      names: ['fail', 'half'],
      arm: (at, name) => faults().arm(at, name as 'fail' | 'half'),
      disarm: () => faults().disarm(),
      steps: () => faults().calls,
      happened: () => faults().happened,
    },
  };
};

const places: Record<string, FaultyPlace> = {
  IndexedDB: indexedDb,
  folder: folder({}),
  'folder that is rewritten all the time': folder({ garbageLimit: 100 }),
};

const first: Plan = {
  puts: [
    ['m0', 40, 1],
    ['m1', 50, 2],
    ['mx17', 30, 3],
  ],
  removals: [],
  drops: [],
  chunks: [
    [1, 0, 300, 1],
    [1, 1, 300, 2],
    [2, 9, 300, 3],
    [17, 0, 300, 4],
  ],
  strict: true,
};
const second: Plan = {
  puts: [
    ['m0', 45, 5],
    ['m2', 40, 6],
  ],
  removals: ['m1', 'mx17'],
  drops: [
    [1, 0, 2],
    [2, 9, 1],
  ],
  chunks: [
    [1, 1, 200, 7],
    [10, 2, 200, 8],
  ],
  strict: true,
};
const third: Plan = { puts: [['m10', 9, 9]], removals: [], drops: [[17, 0, 1]], chunks: [[33, 0, 9, 9]], strict: true };

const commit = (store: Store, number: number, plan: Plan): Promise<void> =>
  store.commit(makeBatch(number, plan), durabilityOf(plan));

/** A store is tried again where it says that it is about to be ready. */
async function ready(store: Store): Promise<void> {
  await store.ready?.();
}

describe.each(Object.keys(places))('%s', (kind) => {
  const { make, faults } = places[kind] as FaultyPlace;
  const before = new StoreModel().after(makeBatch(1, first));
  const after = before.after(makeBatch(2, second));

  /** How many steps `work` has on a fresh place with the first batch in it. */
  async function count(
    work: (place: Place) => Promise<unknown>,
    prepare: (place: Place) => Promise<void>,
  ): Promise<number> {
    const place = make();
    await prepare(place);
    faults.arm(Number.POSITIVE_INFINITY, faults.names[0] as string);
    await work(place);
    return faults.steps();
  }

  async function fill(place: Place): Promise<Store> {
    const store = place();
    await store.open();
    await commit(store, 1, first);
    return store;
  }

  describe.each(faults.names)('%s at each step', (name) => {
    test.each([true, false])('of a commit, strict %s', async (strict) => {
      const plan = { ...second, strict };
      const place = make();
      const counted = await fill(place);
      faults.arm(Number.POSITIVE_INFINITY, name);
      await commit(counted, 2, plan);
      const steps = faults.steps();
      faults.disarm();
      await counted.close();
      expect(steps).toBeGreaterThan(3);
      let refused = 0;
      for (let at = 0; at < steps; at++) {
        for (const goesOn of [false, true]) {
          const other = make();
          const store = await fill(other);
          faults.arm(at, name);
          const code = await codeOf(commit(store, 2, plan));
          expect(faults.happened()).toBe(true);
          faults.disarm();
          if (code !== undefined) refused++;
          await ready(store);
          let possible = code === undefined ? [after] : [before, after];
          if (goesOn) {
            await commit(store, 3, third);
            possible = possible.map((model) => model.after(makeBatch(3, third)));
          }
          await store.close();
          expect(possible.map((model) => model.dump())).toContain(await dumpStore(other()));
        }
      }
      expect(refused).toBeGreaterThan(0);
    });

    test('of opening', async () => {
      const steps = await count(
        (place) => place().open(),
        async (place) => (await fill(place)).close(),
      );
      faults.disarm();
      let refused = 0;
      for (let at = 0; at < steps; at++) {
        const place = make();
        await (await fill(place)).close();
        const store = place();
        faults.arm(at, name);
        const code = await codeOf(store.open());
        faults.disarm();
        if (code === undefined) await store.close();
        else refused++;
        expect(await dumpStore(place())).toBe(before.dump());
      }
      expect(refused).toBeGreaterThan(0);
    });

    test('of the first opening of all', async () => {
      const steps = await count(
        (place) => place().open(),
        async () => {},
      );
      faults.disarm();
      for (let at = 0; at < steps; at++) {
        const place = make();
        const store = place();
        faults.arm(at, name);
        const code = await codeOf(store.open());
        faults.disarm();
        if (code === undefined) await store.close();
        await (await fill(place)).close();
        expect(await dumpStore(place())).toBe(before.dump());
      }
    });

    test('of reading chunks', async () => {
      const place = make();
      const store = await fill(place);
      const indices = [0, 1, 2];
      const read = () => Promise.all(indices.map(async (index) => (await store.chunk(1, index))?.length));
      faults.arm(Number.POSITIVE_INFINITY, name);
      const expected = await read();
      const steps = faults.steps();
      expect(expected).toEqual([300, 300, undefined]);
      for (let at = 0; at < steps; at++) {
        faults.arm(at, name);
        const ends = await Promise.all(indices.map((index) => codeOf((async () => store.chunk(1, index))())));
        faults.disarm();
        for (const code of ends) expect([undefined, 'io', 'quota']).toContain(code);
        await ready(store);
        expect(await read()).toEqual(expected);
      }
      await commit(store, 2, second);
      await store.close();
      expect(await dumpStore(place())).toBe(after.dump());
    });
  });
});

const stores: Record<string, { make: () => Place; faults: Faults | undefined; numRuns: number }> = {
  memory: {
    make: () => {
      const store = new MemoryStore();
      return () => store;
    },
    faults: undefined,
    numRuns: 200,
  },
  ...Object.fromEntries(Object.entries(places).map(([kind, place]) => [kind, { ...place, numRuns: 80 }])),
};

test.each(Object.keys(stores))('%s is the model, after any batches, reopenings and failures', async (kind) => {
  const { make, faults, numRuns } = stores[kind] as (typeof stores)[string];
  const step = fc.record({
    plan: plans,
    reopen: fc.nat(3).map((n) => n === 0),
    fault: faults ? fc.option(fc.tuple(fc.nat(12), fc.constantFrom(...faults.names))) : fc.constant(null),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (all) => {
      const place = make();
      let store = place();
      await store.open();
      let possible = [new StoreModel()];
      for (const [i, { plan, reopen, fault }] of all.entries()) {
        if (fault) faults?.arm(...fault);
        const code = await codeOf(commit(store, i + 1, plan));
        faults?.disarm();
        await ready(store);
        const next = possible.map((model) => model.after(makeBatch(i + 1, plan)));
        possible = code === undefined ? next : [...possible, ...next];
        if (!fault) expect(code).toBeUndefined();
        if (!reopen) continue;
        await store.close();
        const found = await dumpStore(place());
        possible = possible.filter((model) => model.dump() === found).slice(0, 1);
        expect(possible).toHaveLength(1);
        store = place();
        await store.open();
      }
      await store.close();
      expect(possible.map((model) => model.dump())).toContain(await dumpStore(place()));
    }),
    { numRuns },
  );
});
