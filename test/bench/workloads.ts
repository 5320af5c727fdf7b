// The same work on three file systems of one guest, in turn, several times.
import { type GuestRow, WORKLOADS, type Workload } from './results.ts';
import { median } from './statistics.ts';

export interface ScriptResult {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a shell script in the guest. */
export type RunInGuest = (script: string) => Promise<ScriptResult>;

export type Progress = (text: string) => void;

/** What the guest keeps of 9p: nothing, which is its default, or all it sees. */
export type P9Cache = 'none' | 'loose';

type FileSystem = 'ours' | 'v86_9p' | 'tmpfs';

const FOLDERS: Record<FileSystem, string> = { ours: '/mnt/lab', v86_9p: '/mnt/9p', tmpfs: '/mnt/tmpfs' };

// As v86's documentation mounts it, with the largest message that its driver and device agree on to good effect.
const setUp = (p9Cache: P9Cache): string => `
set -e
grep -q '^[^ ]* /mnt/lab virtiofs ' /proc/mounts
mkdir -p /mnt/9p /mnt/tmpfs
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=${p9Cache} host9p /mnt/9p
mount -t tmpfs none /mnt/tmpfs`;

async function succeed(run: RunInGuest, script: string): Promise<string> {
  const { status, stdout, stderr } = await run(script);
  if (status !== 0) throw new Error(`in the guest, status ${status}:${script}\n${stdout}${stderr}`);
  return stdout;
}

/** The ms that lab-bench printed for the workload. */
function measured(workload: Workload, output: string): number {
  const [name, ms] = output.trim().split(' ');
  const value = Number(ms);
  if (name !== workload || !(value > 0)) throw new Error(`lab-bench printed ${JSON.stringify(output)}`);
  return value;
}

/**
 * Medians of `rounds` rounds after one that warms up the emulator's JIT. Within a round each workload runs on each file
 * system before the next workload begins; who goes first changes from round to round.
 */
export async function measureWorkloads(
  run: RunInGuest,
  rounds: number,
  progress: Progress,
  p9Cache: P9Cache = 'none',
): Promise<GuestRow[]> {
  await succeed(run, setUp(p9Cache));
  const systems = Object.keys(FOLDERS) as FileSystem[];
  const times = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const { name, title } of WORKLOADS) {
      for (let turn = 0; turn < systems.length; turn++) {
        const system = systems[(turn + round) % systems.length] as FileSystem;
        progress(`${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}: ${title}, ${system}`);
        const ms = measured(name, await succeed(run, `lab-bench ${FOLDERS[system]} ${name}`));
        if (round === 0) continue;
        const key = `${name} ${system}`;
        times.set(key, [...(times.get(key) ?? []), ms]);
      }
    }
  }
  const of = (name: Workload, system: FileSystem) => median(times.get(`${name} ${system}`) ?? []);
  return WORKLOADS.map(({ name }) => ({
    name,
    ours_ms: of(name, 'ours'),
    v86_9p_ms: of(name, 'v86_9p'),
    tmpfs_ms: of(name, 'tmpfs'),
  }));
}
