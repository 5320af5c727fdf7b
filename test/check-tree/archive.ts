// What an import of an archive would leave out: it is imported into a tree that keeps no content.
import { createReadStream, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { ArchiveError } from '../../src/fs/archive/archive-error.ts';
import { importArchive } from '../../src/fs/archive/import-archive.ts';
import { MemoryStore } from '../../src/fs/store/memory-store.ts';
import type { Batch } from '../../src/fs/tree/store.ts';
import { Tree } from '../../src/fs/tree/tree.ts';
import { failed, type Report } from './report.ts';

/** Room for any archive. */
const CAPACITY = 2 ** 52;

/** Names and attributes are kept, content is not: an archive may be larger than memory. */
class Names extends MemoryStore {
  override commit(batch: Batch): Promise<void> {
    return super.commit({ ...batch, chunks: [] });
  }
  override chunk(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(0);
  }
}

/** For a line of a terminal: what is not printed is escaped. */
const shown = (path: string): string =>
  path.replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);

export async function checkArchive(path: string): Promise<Report> {
  const title = path;
  try {
    if (!statSync(path).isFile()) return failed(title, 'it is no file');
  } catch (error) {
    return failed(title, (error as Error).message);
  }
  const tree = await Tree.open(new Names(CAPACITY), { cacheLimit: 8 * 2 ** 20 });
  const stream = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
  try {
    const { left, leftCount } = await importArchive(tree, stream);
    const findings = left.map((one) => `${one.path === '' ? 'the archive' : shown(one.path)}: ${one.reason}`);
    if (leftCount > left.length) findings.push(`and ${leftCount - left.length} more`);
    return { title, findings, failed: undefined, repaired: false };
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    if (error.code === 'no-archive') return failed(title, error.message);
    return { title, findings: [`the archive: ${error.message}`], failed: undefined, repaired: false };
  } finally {
    await tree.close();
  }
}
