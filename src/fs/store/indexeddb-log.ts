// Makes Chromium's storage sound after a process that was killed while it wrote, before anything is added to it.
import { promisifyRequest } from 'idb-keyval';

/** A database that is there for a moment. None of a tree or of the registry is called so. */
const PASSING = 'virtio-fs-lab~log';

/**
 * Has LevelDB, which Chromium keeps IndexedDB in, begin a new log: a database is made and deleted, after which Chromium
 * compacts what it held, and LevelDB begins by writing what the log has into a table.
 *
 * Why: a process that is killed may leave half a record at the end of the log. The next one drops it, but goes on writing
 * behind it (google/leveldb#1287, open in 2026: `reuse_logs`), so that the one after that finds a damaged log; and then
 * Chromium deletes all databases of the origin. To be called before what is to be kept is written.
 *
 * Takes some milliseconds. Never rejects: it is a precaution, and whatever stands against it, the opening that follows
 * tells of it.
 */
export async function beginNewLog(factory: IDBFactory): Promise<void> {
  try {
    const database = await promisifyRequest(factory.open(PASSING));
    database.close();
    await promisifyRequest(factory.deleteDatabase(PASSING));
  } catch {
    // See above.
  }
}
