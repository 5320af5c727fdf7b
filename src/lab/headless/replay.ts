// `npm run replay`: feeds a recording to a fresh tree and tells what is answered otherwise than then.
import { parseArgs } from 'node:util';
import { MemoryStore } from '../../fs/store/memory-store.ts';
import { Tree } from '../../fs/tree/tree.ts';
import { forTerminal } from './byte-names.ts';
import { UsageError } from './cli-options.ts';
import { loadPath, treeOptionsOf } from './lab-tree.ts';
import { LoadError } from './load-folder.ts';
import { RecordingError, type RecordingHeader, readRecording } from './recording.ts';
import { type Replayed, replay } from './replayer.ts';
import { treeDigest } from './tree-digest.ts';

/** Differences that are printed. */
const TOLD_MAX = 20;

const USAGE = `usage: npm run --silent replay -- [--load PATH] FILE

Feeds the requests of a recording, which \`npm run guest -- --log FILE\` wrote, to a server of the same policy on a fresh
tree, and compares each reply with the recorded one, byte for byte, but for
  times            atime, mtime, ctime and btime of every inode, whoever has set them
  file handles     and generations: matched by where they first appear
  room             blocks, bfree and bavail of STATFS
What a reset of the device left without an answer is fed and not compared. Requests overlap as they did then.

Options
  --load PATH      the folder or archive that was loaded before the recording began; default: where it was then. It has
                   to be the same still
  --help           this text

Prints the first ${TOLD_MAX} differences (request, opcode, path, field, recorded value, value now) and how many there are.

Status: 0 where all replies are the same, 1 where some differ, 2 where there was nothing to compare: no recording, cut
payloads, another tree than then, a wrong command line.
`;

const DIFFERENT = 1;
const NOT_REPLAYED = 2;

async function main(words: string[]): Promise<number> {
  const { values, positionals } = parse(words);
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new UsageError('one recording is wanted');
  const recording = await readRecording(file);
  const tree = await Tree.open(
    new MemoryStore(),
    treeOptionsOf({ ...recording.header, reuseInodes: recording.header.reuse }),
  );
  try {
    await prepare(tree, recording.header, values.load);
    let told = 0;
    const result = await replay(recording, tree, (difference) => {
      if (told++ < TOLD_MAX) process.stdout.write(`${forTerminal(difference)}\n`);
    });
    if (told > TOLD_MAX) process.stdout.write(`and ${told - TOLD_MAX} more differences, ${told} in all\n`);
    process.stdout.write(`${summary(result)}\n`);
    return result.different === 0 ? 0 : DIFFERENT;
  } finally {
    await tree.close();
  }
}

function parse(args: string[]) {
  try {
    const options = { load: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ args, allowPositionals: true, options });
  } catch (error) {
    throw new UsageError((error as Error).message.split('. ')[0] as string);
  }
}

/** Puts into the tree what was in it when the recording began. Throws RecordingError where that cannot be had. */
async function prepare(tree: Tree, header: RecordingHeader, load: string | undefined): Promise<void> {
  if (header.changes > 0) {
    const where = header.store ?? 'its store';
    throw new RecordingError(`the tree had been used before (${where}): a fresh one has other inode numbers`);
  }
  const from = load ?? header.load;
  if (from !== undefined) {
    try {
      await loadPath(tree, from);
    } catch (error) {
      if (!(error instanceof LoadError || (error instanceof Error && 'code' in error))) throw error;
      throw new RecordingError(`what was loaded first cannot be (--load says where it is): ${error.message}`);
    }
  }
  if ((await treeDigest(tree)) === header.tree) return;
  throw new RecordingError(
    from === undefined
      ? 'the tree was not empty when the recording began; --load says where its content is'
      : `${from} is not what it was when the recording began: the tree's digest differs`,
  );
}

function summary({ same, different, unanswered }: Replayed): string {
  const rest = unanswered === 0 ? '' : `, ${unanswered} without an answer then`;
  return `${same + different + unanswered} requests replayed: ${same} the same, ${different} different${rest}`;
}

function explain(error: unknown): string {
  const expected = error instanceof RecordingError || error instanceof UsageError || error instanceof LoadError;
  if (expected) return error.message;
  if (error instanceof Error) return 'code' in error ? error.message : (error.stack ?? error.message);
  return String(error);
}

// Also where it ends early, because a reply never comes and nothing is left to wait for.
process.exitCode = NOT_REPLAYED;
main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(`replay: ${forTerminal(explain(error))}\n`);
    if (error instanceof UsageError) process.stderr.write('Try --help.\n');
    process.exitCode = NOT_REPLAYED;
  },
);
