// Finds the guest image (building it where the cache has none) and reads a machine's files.
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MachineImage } from '../emulator.ts';

interface ManifestFile {
  name: string;
  size: number;
  sha256: string;
}

interface Manifest {
  schema: number;
  key: string;
  files: Record<'kernel' | 'initrd' | 'bios' | 'vgabios', ManifestFile>;
  cmdline: string;
}

export interface ImageChoice {
  /** Files in place of the image's. */
  kernel?: string | undefined;
  initrd?: string | undefined;
  /** Whether a kernel of the user's own gets the image's initramfs where it has none. */
  ownKernelWithOurInitrd?: boolean;
  /** The image with an unpatched kernel. */
  stock?: boolean;
}

export interface FoundImage {
  image: MachineImage;
  cmdline: string;
}

const buildScript = fileURLToPath(new URL('../../../guest-images/build.sh', import.meta.url));
/** What any kernel needs to be heard and to keep time under v86. */
const OWN_KERNEL_CMDLINE = 'console=ttyS0 tsc=reliable mitigations=off';

/**
 * The folder of the guest image: the one that VIRTIOFS_LAB_IMAGE names, else that of the recipe, built where the cache
 * has none. Progress of a build goes to our standard error. Rejects where the build fails. Where `signal` ends it, the
 * build and all that it started get SIGTERM.
 */
export function imageFolder(stock = false, signal?: AbortSignal): Promise<string> {
  const given = process.env.VIRTIOFS_LAB_IMAGE;
  if (given !== undefined && given !== '' && !stock) return Promise.resolve(given);
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child = spawn('bash', [buildScript, ...(stock ? ['--stock'] : [])], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // A process group of its own, to be ended as a whole; our signals do not reach it by themselves then.
      detached: signal !== undefined,
    });
    const abort = (): void => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
    };
    signal?.addEventListener('abort', abort);
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      signal?.removeEventListener('abort', abort);
      if (signal?.aborted) return reject(signal.reason);
      const folder = out.trimEnd().split('\n').at(-1) ?? '';
      if (code === 0 && folder !== '') resolve(folder);
      else reject(new Error(`the guest image could not be built (guest-images/build.sh ended with ${code})`));
    });
  });
}

const compiled = new Map<string, Promise<WebAssembly.Module>>();

function compileV86(): Promise<WebAssembly.Module> {
  const file = createRequire(import.meta.url).resolve('v86/build/v86.wasm');
  let module = compiled.get(file);
  if (module === undefined) {
    module = readFile(file).then((bytes) => WebAssembly.compile(bytes));
    compiled.set(file, module);
  }
  return module;
}

async function readWhole(file: string): Promise<ArrayBuffer> {
  const bytes = await readFile(file);
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

/** Where the files of the guest image lie, and the command line that its kernel is meant to have. */
export async function imageFiles(
  stock = false,
  signal?: AbortSignal,
): Promise<Record<'kernel' | 'initrd' | 'bios' | 'vgabios' | 'cmdline', string>> {
  const folder = await imageFolder(stock, signal);
  const { files, cmdline } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
  const path = (name: keyof Manifest['files']): string => join(folder, files[name].name);
  return { kernel: path('kernel'), initrd: path('initrd'), bios: path('bios'), vgabios: path('vgabios'), cmdline };
}

/** Reads what a machine is made of. */
export async function findImage(choice: ImageChoice = {}, signal?: AbortSignal): Promise<FoundImage> {
  const ours = await imageFiles(choice.stock, signal);
  const initrd =
    choice.initrd ?? (choice.kernel === undefined || choice.ownKernelWithOurInitrd === true ? ours.initrd : undefined);
  const [kernel, initrdBytes, bios, vgabios, wasm] = await Promise.all([
    readWhole(choice.kernel ?? ours.kernel),
    initrd === undefined ? undefined : readWhole(initrd),
    readWhole(ours.bios),
    readWhole(ours.vgabios),
    compileV86(),
  ]);
  return {
    image: { kernel, initrd: initrdBytes, bios, vgabios, wasm },
    cmdline: choice.kernel === undefined ? ours.cmdline : OWN_KERNEL_CMDLINE,
  };
}
