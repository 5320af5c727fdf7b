// Names of trees, and which database each of them has: a registry, so that a rename moves no data and a tree that is
// being made has no name before it is whole.
import { entries, get, promisifyRequest } from 'idb-keyval';
import { randomToken } from '../../base/token.ts';
import { StoreError } from '../tree/store.ts';
import {
  abort,
  deleteTreeDatabase,
  openTreeDatabase,
  outcome,
  SUPERBLOCK,
  storeError,
  TREE,
  within,
} from './indexeddb-format.ts';
import { beginNewLog } from './indexeddb-log.ts';

/*
 * The registry is the database `virtio-fs-lab`, with one object store, `trees`:
 * - under a tree's name, a string: { database } that it has;
 * - under [database]: {}, for one that no name has: it is being made, or to be removed.
 * A database `virtio-fs-lab:NAME` that is in neither was made by release 0.1.0, which had no registry: it is the tree of
 * that name. A `virtio-fs-lab:NAME~RANDOM` with a tree in it that is in neither means that the registry was lost: the tree
 * gets a name again.
 */

const REGISTRY = 'virtio-fs-lab';
const STORE = 'trees';
const PREFIX = `${REGISTRY}:`;
const NAME = /^[\w.-]{1,64}$/;
const APART = /^(.+)~([0-9a-f]{8})$/;

export interface NamedDatabase {
  name: string;
  database: string;
}

/** A tree that is not registered, and the names that it may get, the best first. */
interface Stray {
  database: string;
  names: string[];
}

/** Name of the database that the tree of a name has as long as none of another name has it. */
export const databaseName = (tree: string): string => `${PREFIX}${tree}`;

/** Whether a tree can be called so: 1 to 64 letters, digits, dots, dashes, underscores. */
export const isTreeName = (name: string): boolean => NAME.test(name);

/** What the registry says at one moment. */
class Known {
  readonly databases = new Map<string, string>();
  private readonly taken: Set<string>;
  /** Databases that no name has. */
  readonly nameless: string[] = [];

  constructor(pairs: [IDBValidKey, unknown][]) {
    for (const [key, value] of pairs) {
      if (typeof key === 'string') this.databases.set(key, (value as { database: string }).database);
      else this.nameless.push((key as [string])[0]);
    }
    this.taken = new Set([...this.databases.values(), ...this.nameless]);
  }

  has(database: string): boolean {
    return this.taken.has(database);
  }

  /** The database of a tree that there is. Throws StoreError('name'). */
  of(name: string): string {
    const database = this.databases.get(name);
    if (database === undefined) throw new StoreError('name', `There is no tree "${name}".`);
    return database;
  }

  /** A database name that nothing has. */
  fresh(name: string): string {
    let database: string;
    do database = `${databaseName(name)}~${randomToken().slice(0, 8)}`;
    while (this.has(database));
    return database;
  }
}

/** What a change does, in this order. */
interface Change<T> {
  result: T;
  forget?: string[];
  names?: NamedDatabase[];
  nameless?: string[];
  /** Databases that are there no more, or have a name now. */
  settled?: string[];
}

/** Each method is one transaction; all reject with StoreError, 'name' where a name is taken, unknown or no name. */
export class TreeNames {
  private readonly factory: IDBFactory | undefined;
  /** Before the first change: a process before may have been killed while it wrote. */
  private sound: Promise<void> | undefined;

  constructor(factory: IDBFactory | undefined = globalThis.indexedDB) {
    this.factory = factory;
  }

  /** All trees, by name; those that are not registered, of release 0.1.0 say, are. */
  async list(): Promise<NamedDatabase[]> {
    const before = await this.read();
    const strays = await this.strays(await this.allDatabases(), before);
    const known = strays.length === 0 ? before : await this.adopt(strays);
    const all = [...known.databases].map(([name, database]) => ({ name, database }));
    return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** As list(), and writes nothing: trees that are not registered yet are told all the same. */
  async peek(): Promise<NamedDatabase[]> {
    const databases = await this.allDatabases();
    const known = databases.includes(REGISTRY) ? await this.read() : new Known([]);
    const all = [...known.databases].map(([name, database]) => ({ name, database }));
    for (const stray of await this.strays(databases, known)) {
      const name = stray.names.find((other) => all.every((tree) => tree.name !== other));
      if (name !== undefined) all.push({ name, database: stray.database });
    }
    return all.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** The database of a tree; undefined where there is none of the name, unless `create` says to give it one. */
  async resolve(name: string, { create = false } = {}): Promise<string | undefined> {
    if (create) return this.change((known) => this.take(known, name));
    const known = await this.read();
    const database = known.databases.get(name);
    if (database !== undefined || !isTreeName(name)) return database;
    const old = databaseName(name);
    if (known.has(old) || !(await this.exists(old))) return undefined;
    // Meanwhile another tab may have taken it, and its name away.
    return this.change((now) => (now.has(old) ? { result: now.databases.get(name) } : this.take(now, name)));
  }

  private take(known: Known, name: string): Change<string> {
    const there = known.databases.get(name);
    if (there !== undefined) return { result: there };
    checkName(name);
    const plain = databaseName(name);
    const database = known.has(plain) ? known.fresh(name) : plain;
    return { result: database, names: [{ name, database }] };
  }

  /**
   * A database that no name has, to make a tree in that gets the name with add() or replace() when it is whole. Until
   * then it is among leftovers().
   */
  fresh(name: string): Promise<string> {
    return this.change((known) => {
      checkName(name);
      const database = known.fresh(name);
      return { result: database, nameless: [database] };
    });
  }

  /** Gives a name that no tree has to a database of fresh(). */
  async add(name: string, database: string): Promise<void> {
    await this.resolve(name);
    await this.change((known) => {
      checkName(name);
      checkFree(known, name);
      return { result: undefined, names: [{ name, database }], settled: [database] };
    });
  }

  /**
   * Gives a name to a database of fresh(). The one that had the name is returned, and among leftovers() from then on;
   * undefined where none had it.
   */
  async replace(name: string, database: string): Promise<string | undefined> {
    await this.resolve(name);
    return this.change((known) => {
      checkName(name);
      const old = known.databases.get(name);
      const nameless = old === undefined ? [] : [old];
      return { result: old, names: [{ name, database }], nameless, settled: [database] };
    });
  }

  /** Gives a tree another name. Its database, and with it its lock, stays the same. */
  async rename(from: string, to: string): Promise<void> {
    await this.resolve(from);
    await this.resolve(to);
    await this.change((known) => {
      const database = known.of(from);
      checkName(to);
      checkFree(known, to);
      return { result: undefined, forget: [from], names: [{ name: to, database }] };
    });
  }

  /** Takes a tree's name away. Its database is returned, and among leftovers() from then on. */
  async remove(name: string): Promise<string> {
    await this.resolve(name);
    return this.change((known) => {
      const database = known.of(name);
      return { result: database, forget: [name], nameless: [database] };
    });
  }

  /** Databases that no name has: trees that are being made somewhere, were never finished, or are to be removed. */
  async leftovers(): Promise<string[]> {
    return (await this.read()).nameless;
  }

  /**
   * Deletes a database that no name has. The caller holds its lock: it may be another tab's that is being made, or the
   * name it once had may be given to a new tree. 'locked' where a tab that does not answer has it open: it goes when
   * that is closed, and stays among leftovers() until it is discarded again.
   */
  async discard(database: string): Promise<void> {
    const known = await this.read();
    if ([...known.databases.values()].includes(database)) {
      throw new StoreError('name', `The database ${database} has a tree with a name.`);
    }
    await deleteTreeDatabase(this.available(), database);
    await this.change(() => ({ result: undefined, settled: [database] }));
  }

  /** Trees that the registry does not know: those of release 0.1.0; and all of them, where it was lost. */
  private async strays(databases: string[], known: Known): Promise<Stray[]> {
    const strays: Stray[] = [];
    for (const database of databases.toSorted()) {
      if (!database.startsWith(PREFIX) || known.has(database)) continue;
      const name = database.slice(PREFIX.length);
      const [, given = '', random] = APART.exec(name) ?? [];
      if (isTreeName(name)) strays.push({ database, names: [name] });
      else if (isTreeName(given) && (await this.hasTree(database))) {
        strays.push({ database, names: [given, `${given.slice(0, 55)}-${random}`] });
      }
    }
    return strays;
  }

  /** Whether there is a superblock: what was not begun, or is a copy that was not finished, is no tree. */
  private async hasTree(name: string): Promise<boolean> {
    try {
      const database = await openTreeDatabase(this.factory, name, 'read');
      database.onversionchange = () => database.close();
      try {
        return (await get(SUPERBLOCK, within(database.transaction(TREE).objectStore(TREE)))) !== undefined;
      } finally {
        database.close();
      }
    } catch {
      // It is gone, or none of ours; nobody asked for it.
      return false;
    }
  }

  /** Registers them under the first of their names that is free. */
  private adopt(strays: Stray[]): Promise<Known> {
    return this.change((known) => {
      const names: NamedDatabase[] = [];
      for (const { database, names: wanted } of strays) {
        const name = wanted.find((other) => !known.databases.has(other));
        // Meanwhile another tab may have had to do with it.
        if (name === undefined || known.has(database)) continue;
        names.push({ name, database });
        known.databases.set(name, database);
      }
      return { result: known, names };
    });
  }

  private available(): IDBFactory {
    if (this.factory) return this.factory;
    throw new StoreError('unavailable', 'This browser has no IndexedDB here.');
  }

  /** Names of all databases of the origin; none where the browser does not tell. */
  private async allDatabases(): Promise<string[]> {
    const factory = this.available();
    if (typeof factory.databases !== 'function') return [];
    try {
      return (await factory.databases()).flatMap(({ name }) => name ?? []);
    } catch (error) {
      throw storeError(error, 'The stored trees could not be listed');
    }
  }

  private async exists(database: string): Promise<boolean> {
    if (typeof this.available().databases === 'function') return (await this.allDatabases()).includes(database);
    try {
      (await openTreeDatabase(this.factory, database, 'read')).close();
      return true;
    } catch (error) {
      if ((error as StoreError).code === 'name') return false;
      throw error;
    }
  }

  private read(): Promise<Known> {
    return this.transact('readonly', (known) => ({ result: known }));
  }

  private async change<T>(body: (known: Known) => Change<T>): Promise<T> {
    this.sound ??= beginNewLog(this.available());
    await this.sound;
    return this.transact('readwrite', body);
  }

  /** On the disk when it resolves: what a name had before may then be deleted. */
  private async transact<T>(mode: IDBTransactionMode, body: (known: Known) => Change<T>): Promise<T> {
    const database = await this.connect();
    try {
      const store = database.transaction(STORE, mode, { durability: 'strict' }).objectStore(STORE);
      const done = outcome(store.transaction);
      try {
        const change = body(new Known(await entries<IDBValidKey, unknown>(within(store))));
        for (const name of change.forget ?? []) store.delete(name);
        for (const { name, database } of change.names ?? []) store.put({ database }, name);
        for (const database of change.nameless ?? []) store.put({}, [database]);
        for (const database of change.settled ?? []) store.delete([database]);
        await done;
        return change.result;
      } catch (error) {
        abort(store.transaction);
        await done.catch(() => {});
        throw store.transaction.error ?? error;
      }
    } catch (error) {
      throw storeError(error, 'The names of the trees could not be read or changed');
    } finally {
      database.close();
    }
  }

  private async connect(): Promise<IDBDatabase> {
    try {
      const request = this.available().open(REGISTRY, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore(STORE);
      };
      return await promisifyRequest(request);
    } catch (cause) {
      if (cause instanceof StoreError) throw cause;
      const { name } = cause as Error;
      if (name === 'VersionError') {
        throw new StoreError('newer', 'The trees were last used by a newer version of the lab.', { cause });
      }
      if (name === 'QuotaExceededError') throw storeError(cause, 'There is no room for a tree');
      throw new StoreError('unavailable', `This browser refuses IndexedDB here: ${String(cause)}`, { cause });
    }
  }
}

function checkName(name: string): void {
  if (isTreeName(name)) return;
  throw new StoreError('name', `"${name}" is no name of a tree: 1 to 64 letters, digits, dots, dashes, underscores.`);
}

function checkFree(known: Known, name: string): void {
  if (known.databases.has(name)) throw new StoreError('name', `There is a tree "${name}" already.`);
}
