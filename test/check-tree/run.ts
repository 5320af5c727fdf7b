// Checks what is stored of a tree, in a folder, in a browser's profile, or an archive, as a command line says.
import { DirStore } from '../../src/fs/store/dir-store.ts';
import { checkStored, repairStored } from '../../src/fs/tree/check-stored.ts';
import { checkArchive } from './archive.ts';
import { parseOptions, USAGE, UsageError, type What } from './options.ts';
import { COULD_NOT_LOOK, describe, found, type Report, refused, statusOf } from './report.ts';

async function checkFolder(path: string, repair: boolean): Promise<Report> {
  const store = new DirStore(path);
  try {
    return found(path, await (repair ? repairStored(store) : checkStored(store)), repair);
  } catch (error) {
    return refused(path, error, repair);
  } finally {
    await store.close();
  }
}

async function check(what: What, repair: boolean): Promise<Report[]> {
  if (what.kind === 'store') return [await checkFolder(what.path, repair)];
  if (what.kind === 'archive') return [await checkArchive(what.path)];
  // Playwright and Vite are not loaded for what needs no browser.
  const { checkProfile } = await import('./profile.ts');
  return checkProfile(what.path, { tree: what.tree, repair });
}

/** What a command prints, and its status. */
export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

export async function run(args: string[]): Promise<Outcome> {
  try {
    const options = parseOptions(args);
    if (!options) return { status: 0, stdout: USAGE, stderr: '' };
    const reports = await check(options.what, options.repair);
    return { status: statusOf(reports), stdout: reports.map(describe).join(''), stderr: '' };
  } catch (error) {
    // Nothing was found: a status of 1 would say so.
    const status = COULD_NOT_LOOK;
    if (error instanceof UsageError) return { status, stdout: '', stderr: `check-tree: ${error.message}\n\n${USAGE}` };
    return { status, stdout: '', stderr: `${error instanceof Error ? error.stack : String(error)}\n` };
  }
}
