// A database as JSON: every object store with its keys and values, and back.
import { promisifyRequest } from 'idb-keyval';

type Key = string | (string | number)[];
/** `base64`: of a Uint8Array. `value`: anything that JSON can say. */
type Value = { base64: string } | { value: unknown };

export interface DatabaseJson {
  version: number;
  stores: Record<string, [Key, Value][]>;
}

export async function readDatabase(factory: IDBFactory, name: string): Promise<DatabaseJson> {
  const database = await promisifyRequest(factory.open(name));
  const json: DatabaseJson = { version: database.version, stores: {} };
  for (const store of database.objectStoreNames) {
    const objects = database.transaction(store).objectStore(store);
    const [keys, values] = await Promise.all([
      promisifyRequest(objects.getAllKeys()),
      promisifyRequest<unknown[]>(objects.getAll()),
    ]);
    json.stores[store] = keys.map((key, i) => [key as Key, encode(values[i])]);
  }
  database.close();
  return json;
}

/** Makes the database; there must be none. */
export async function writeDatabase(factory: IDBFactory, name: string, json: DatabaseJson): Promise<void> {
  const request = factory.open(name, json.version);
  request.onupgradeneeded = () => {
    for (const [store, pairs] of Object.entries(json.stores)) {
      const objects = request.result.createObjectStore(store);
      for (const [key, value] of pairs) objects.put(decode(value), key);
    }
  };
  (await promisifyRequest(request)).close();
}

// Of another realm in tests of pages: instanceof would not do.
const isBytes = (value: unknown): value is Uint8Array => ArrayBuffer.isView(value);

function encode(value: unknown): Value {
  if (!isBytes(value)) return { value };
  return { base64: btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join('')) };
}

function decode(value: Value): unknown {
  if (!('base64' in value)) return value.value;
  return Uint8Array.from(atob(value.base64), (character) => character.charCodeAt(0));
}
