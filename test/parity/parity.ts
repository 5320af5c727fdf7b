// Runs scripts in a guest on our device as a reference server's guest ran them, and compares what came of it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { OPS } from '../../src/fs/fuse/ops/index.ts';
import { bootGuest, type GuestMachine } from '../../src/lab/headless/guest-machine.ts';

/** The reference's name of a cache mode, and ours. */
export const MODES = { always: 'always', none: 'never' } as const;
export type Mode = keyof typeof MODES;

/** One request; FORGET has a count and no error. What was not recorded is undefined. */
export interface Request {
  op: string;
  error?: number | undefined;
  nlookup?: number;
  /** Bytes of the request, and of the answer. */
  insize?: number | undefined;
  outsize?: number | undefined;
}

export interface Reference {
  script: string;
  text: Uint8Array;
  mode: Mode;
  out: string;
  requests: Request[];
}

export interface Observed {
  out: string;
  requests: Request[];
  /** Nodeids and their counts when DESTROY came: what was not given back. */
  left: { nodeid: number; nlookup: number }[];
}

/** A difference that is known and has a reason, one line each. */
export interface Known {
  script: string;
  mode: Mode;
  /** The line that `differences` prints, without what is before its colon. */
  difference: string;
  reason: string;
}

/** The runs of a folder (scripts/NAME.sh, virtiofsd/MODE/NAME.out and .jsonl) in one mode, by name. */
export function readReference(folder: string, mode: Mode): Reference[] {
  const found: Reference[] = [];
  for (const file of readdirSync(join(folder, 'scripts')).sort()) {
    const script = basename(file, '.sh');
    const base = join(folder, 'virtiofsd', mode, script);
    if (!existsSync(`${base}.jsonl`)) continue;
    found.push({
      script,
      text: readFileSync(join(folder, 'scripts', file)),
      mode,
      out: readFileSync(`${base}.out`, 'utf8'),
      requests: readFileSync(`${base}.jsonl`, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Request),
    });
  }
  return found;
}

/** The differences of a folder that are known: differences.json beside its scripts, where there is one. */
export function readKnown(folder: string): Known[] {
  const file = join(folder, 'differences.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Known[]) : [];
}

/** A guest without a mount, for `run`. The shell of the person stays out of the tree. */
export async function bootFor(mode: Mode): Promise<GuestMachine> {
  const machine = await bootGuest({ cache: MODES[mode], like: 'virtiofsd', append: 'lab.cwd=/' });
  await machine.ready();
  // The person's shell says its prompt on the terminal that the scripts write to, and nothing more.
  await machine.waitForTerminal(/# $/);
  await quietly(machine, 'cd /; umount /mnt/lab; mkdir -p /mnt/fs');
  return machine;
}

async function quietly(machine: GuestMachine, script: string, stdin?: Uint8Array): Promise<void> {
  const { status, stdout, stderr } = await machine.run(script, stdin ? { stdin } : {});
  if (status !== 0 || stdout !== '' || stderr !== '') throw new Error(`${script}: ${status} ${stdout}${stderr}`);
}

// On a terminal, as there: ls prints columns.
const RUN = `cd /
exec > /dev/hvc0 2>&1
echo MARK
mount -t virtiofs lab /mnt/fs && mkdir /mnt/fs/work && cd /mnt/fs/work && sh /tmp/parity.sh
cd /
rm -rf /mnt/fs/work
umount /mnt/fs
echo MARK`;
let runs = 0;

/** Runs one script as the reference's guest did. */
export async function run(machine: GuestMachine, text: Uint8Array): Promise<Observed> {
  const { session } = machine.server;
  await quietly(machine, 'cat > /tmp/parity.sh', text);
  machine.records();
  let left: Observed['left'] | undefined;
  const end = session.end.bind(session);
  session.end = () => {
    if (session.open) left = [...session.lookups()].map(({ nodeid, nlookup }) => ({ nodeid, nlookup }));
    end();
  };
  let result: Awaited<ReturnType<GuestMachine['run']>>;
  try {
    runs++;
    result = await machine.run(RUN.replaceAll('MARK', `--- parity ${runs}`));
  } finally {
    session.end = end;
  }
  if (result.status !== 0) throw new Error(`the script's mount failed: ${result.stdout}${result.stderr}`);
  if (!left) throw new Error('no DESTROY came');
  const requests = machine.records().map(({ opcode, error, nlookup, insize, outsize }): Request => {
    const op = OPS[opcode]?.name ?? String(opcode);
    return op === 'FORGET' ? { op, nlookup: -nlookup } : { op, error, insize, outsize };
  });
  const [, out] = await machine.waitForTerminal(new RegExp(`--- parity ${runs}\\r\\n([^]*)--- parity ${runs}\\r\\n`));
  return { out: (out as string).replaceAll('\r\n', '\n'), requests, left };
}

const withoutForgets = (requests: readonly Request[]): Request[] => requests.filter(({ op }) => op !== 'FORGET');
const forgotten = (requests: readonly Request[]): number =>
  requests.reduce((sum, { op, nlookup }) => sum + (op === 'FORGET' ? (nlookup ?? 0) : 0), 0);
const sorted = (out: string): string => out.split('\n').sort().join('\n');
const shown = (request: Request | undefined): string => (request ? `${request.op} ${request.error}` : 'the end');

/** The first request whose size differs, in words, where the sequences do not part. */
function sizes(ours: readonly Request[], theirs: readonly Request[]): string | undefined {
  for (const [i, { op, insize, outsize }] of theirs.entries()) {
    const own = ours[i] as Request;
    // The payload of a WRITE was not counted there.
    const asked = op === 'WRITE' || (insize ?? own.insize) === own.insize;
    const same = asked && (outsize ?? own.outsize) === own.outsize;
    if (!same) return `request ${i}, ${op}: ${own.insize} B, ${own.outsize} B back, there ${insize} B, ${outsize} B`;
  }
  return undefined;
}

/** The first place where two sequences part, in words; undefined where they do not. */
function parting(ours: readonly Request[], theirs: readonly Request[]): string | undefined {
  for (let i = 0; i < Math.max(ours.length, theirs.length); i++) {
    const one = ours[i];
    const other = theirs[i];
    const same = one?.op === other?.op && (other?.error === undefined || one?.error === other.error);
    if (one && other && same) continue;
    const before = theirs
      .slice(Math.max(0, i - 3), i)
      .map(shown)
      .join(', ');
    return `request ${i} is ${shown(one)}, there ${shown(other)} (behind ${before})`;
  }
  return undefined;
}

/** What differs, one line each: output (the order of lines aside), sequence, sizes, sums of FORGETs, counts that were left. */
export function differences(reference: Reference, observed: Observed): string[] {
  const found: string[] = [];
  if (sorted(observed.out) !== sorted(reference.out)) {
    found.push(`output: ${JSON.stringify(observed.out)}, there ${JSON.stringify(reference.out)}`);
  }
  const ours = withoutForgets(observed.requests);
  const theirs = withoutForgets(reference.requests);
  const parted = parting(ours, theirs);
  if (parted) found.push(`requests: ${parted}`);
  const size = parted ? undefined : sizes(ours, theirs);
  if (size) found.push(`sizes: ${size}`);
  const sums = [forgotten(observed.requests), forgotten(reference.requests)];
  if (sums[0] !== sums[1]) found.push(`counts: FORGETs take ${sums[0]}, there ${sums[1]}`);
  const left = observed.left.filter(({ nodeid, nlookup }) => nodeid !== 1 || nlookup !== 1);
  if (left.length > 0) found.push(`counts: left at DESTROY: ${JSON.stringify(left)}`);
  return found;
}
