// The command line of `npm run check-tree`, parsed and checked.
import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run --silent check-tree -- --store DIR [--repair]
       npm run --silent check-tree -- --profile DIR [--tree NAME] [--repair]
       npm run --silent check-tree -- FILE.tar

Checks what is stored of a tree, and prints what is wrong with it: names, counts, places of content, missing chunks.
  --store DIR      the folder that npm run guest -- --store keeps a tree in
  --profile DIR    all trees of a Chromium profile, which Chromium is started with (the folder of its user data, or one
                   profile in it). It may not be in use.
  --tree NAME      only the trees of this name
  FILE.tar         an archive, gzipped or not: what an import of it would leave out

Nothing is changed, unless
  --repair         each tree is made sound with the smallest change that keeps what can be kept, in one commit: what has
                   no name any more is found in /lost+found, what is missing in a file reads as zeros
  --help           this text

Status: 0 clean, 1 findings (also those that were repaired), 2 it could not be looked at.
`;

export type What =
  | { kind: 'store'; path: string }
  | { kind: 'archive'; path: string }
  | { kind: 'profile'; path: string; tree: string | undefined };

export interface Options {
  what: What;
  repair: boolean;
}

/** A command line that makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Undefined where help was asked for. Throws UsageError. */
export function parseOptions(args: string[]): Options | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const { store, profile, tree, repair = false } = values;
  const given = [store, profile, ...positionals].filter((path) => path !== undefined);
  if (given.length !== 1) throw new UsageError('name one thing to look at: --store DIR, --profile DIR or FILE.tar');
  const [path = ''] = given;
  if (path === '') throw new UsageError('the name of what to look at is empty');
  if (profile !== undefined) return { what: { kind: 'profile', path, tree }, repair };
  if (tree !== undefined) throw new UsageError('--tree belongs to --profile');
  if (store !== undefined) return { what: { kind: 'store', path }, repair };
  if (repair) throw new UsageError('an archive is not repaired');
  return { what: { kind: 'archive', path }, repair };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        store: { type: 'string' },
        profile: { type: 'string' },
        tree: { type: 'string' },
        repair: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}
