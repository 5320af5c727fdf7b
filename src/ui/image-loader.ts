// Downloads the guest image and the emulator's WebAssembly: progress by the byte, and the manifest's SHA-256 checked.
import { sha256 } from '@noble/hashes/sha2.js';
import type { GuestAssets } from '../lab/messages.ts';

export type FileState = 'waiting' | 'loading' | 'checking' | 'done';

export interface FileProgress {
  /** What it is, for people. */
  title: string;
  /** Bytes that are here. */
  loaded: number;
  /** Bytes in all. */
  size: number;
  state: FileState;
}

/** A file did not come, or is not what it should be. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly code: 'download' | 'damaged';
  readonly file: string;
  constructor(code: 'download' | 'damaged', file: string, detail: string) {
    super(detail);
    this.code = code;
    this.file = file;
  }
}

export interface GuestImage {
  assets: GuestAssets;
  cmdline: string;
  versions: Readonly<Record<string, string>>;
}

interface ManifestFile {
  name: string;
  size: number;
  sha256: string;
}

type ImageFile = 'kernel' | 'initrd' | 'bios' | 'vgabios';

interface Manifest {
  cmdline: string;
  versions: Record<string, string>;
  files: Record<ImageFile, ManifestFile>;
}

const TITLES: Readonly<Record<ImageFile | 'wasm', string>> = {
  kernel: 'Linux kernel',
  initrd: 'Guest files',
  bios: 'BIOS',
  vgabios: 'VGA BIOS',
  wasm: 'Emulator',
};

const IMAGE_FILES: readonly ImageFile[] = ['kernel', 'initrd', 'bios', 'vgabios'];

export type Fetch = (url: string, init: { cache: RequestCache }) => Promise<Response>;

export interface LoaderOptions {
  /** Address of the image's folder, with a slash at its end. */
  base: string;
  wasm: { url: string; size: number };
  onProgress(files: readonly FileProgress[]): void;
  /** In place of the browser's, for tests. */
  fetch?: Fetch;
}

export class ImageLoader {
  private readonly options: LoaderOptions;
  private readonly fetch: Fetch;
  /** Files that are here and whole, by their SHA-256 or address: a second try does not load them again. */
  private readonly loaded = new Map<string, ArrayBuffer>();
  private progress: FileProgress[] = [];

  constructor(options: LoaderOptions) {
    this.options = options;
    this.fetch = options.fetch ?? ((url, init) => fetch(url, init));
  }

  /** Everything the worker needs to start. Rejects with LoadError. May be called again after that. */
  async load(): Promise<GuestImage> {
    const { base, wasm } = this.options;
    const manifest = await this.manifest(`${base}manifest.json`);
    const jobs = IMAGE_FILES.map((key) => ({ key, ...manifest.files[key] }));
    this.progress = [...jobs.map(({ key, size }) => waiting(TITLES[key], size)), waiting(TITLES.wasm, wasm.size)];
    this.tell();
    const files = await allOrFirstError([
      ...jobs.map((file, index) => this.imageFile(file, this.progress[index] as FileProgress)),
      this.wasmFile(wasm.url, this.progress.at(-1) as FileProgress),
    ]);
    const [kernel, initrd, bios, vgabios, program] = files as [
      ArrayBuffer,
      ArrayBuffer,
      ArrayBuffer,
      ArrayBuffer,
      ArrayBuffer,
    ];
    return {
      assets: { kernel, initrd, bios, vgabios, wasm: program },
      cmdline: manifest.cmdline,
      versions: manifest.versions,
    };
  }

  private async manifest(url: string): Promise<Manifest> {
    const response = await this.request(url, 'manifest.json', 'no-cache');
    try {
      return checkManifest(await response.json());
    } catch (error) {
      throw new LoadError('damaged', 'manifest.json', String(error));
    }
  }

  private async imageFile(file: ManifestFile, progress: FileProgress): Promise<ArrayBuffer> {
    const known = this.loaded.get(file.sha256);
    if (known !== undefined) return this.finish(known, progress);
    // The hash in the address keeps a file that an HTTP cache holds from an earlier image from being taken for this one.
    const url = `${this.options.base}${file.name}?${file.sha256.slice(0, 16)}`;
    const title = `${progress.title} (${file.name})`;
    let bytes = await this.bytes(url, title, 'default', progress);
    if (!(await this.isWhole(bytes, file, progress))) {
      bytes = await this.bytes(url, title, 'reload', progress);
      if (!(await this.isWhole(bytes, file, progress))) {
        throw new LoadError('damaged', title, `${bytes.length} bytes, wanted ${file.size} with SHA-256 ${file.sha256}`);
      }
    }
    this.loaded.set(file.sha256, bytes.buffer);
    return this.finish(bytes.buffer, progress);
  }

  private async wasmFile(url: string, progress: FileProgress): Promise<ArrayBuffer> {
    const known = this.loaded.get(url);
    if (known !== undefined) return this.finish(known, progress);
    const bytes = await this.bytes(url, `${progress.title} (v86.wasm)`, 'default', progress);
    this.loaded.set(url, bytes.buffer);
    return this.finish(bytes.buffer, progress);
  }

  private finish(bytes: ArrayBuffer, progress: FileProgress): ArrayBuffer {
    this.update(progress, { loaded: progress.size, state: 'done' });
    return bytes;
  }

  private async isWhole(bytes: Uint8Array<ArrayBuffer>, file: ManifestFile, progress: FileProgress): Promise<boolean> {
    this.update(progress, { state: 'checking' });
    return bytes.length === file.size && (await sha256Hex(bytes)) === file.sha256;
  }

  private async bytes(
    url: string,
    name: string,
    cache: RequestCache,
    progress: FileProgress,
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.update(progress, { loaded: 0, state: 'loading' });
    const response = await this.request(url, name, cache);
    const parts: Uint8Array[] = [];
    let length = 0;
    try {
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        parts.push(next.value);
        length += next.value.length;
        this.update(progress, { loaded: Math.min(length, progress.size) });
      }
    } catch (error) {
      throw new LoadError('download', name, String(error));
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  private async request(url: string, name: string, cache: RequestCache): Promise<Response> {
    let response: Response;
    try {
      response = await this.fetch(url, { cache });
    } catch (error) {
      throw new LoadError('download', name, String(error));
    }
    if (!response.ok) throw new LoadError('download', name, `HTTP ${response.status} ${response.statusText}`.trim());
    return response;
  }

  private update(progress: FileProgress, change: Partial<FileProgress>): void {
    Object.assign(progress, change);
    this.tell();
  }

  private tell(): void {
    this.options.onProgress(this.progress.map((file) => ({ ...file })));
  }
}

/** Like Promise.all(), but lets the others finish first: what they load is kept for the next try. */
async function allOrFirstError<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

const waiting = (title: string, size: number): FileProgress => ({ title, loaded: 0, size, state: 'waiting' });

/** Throws TypeError where this is no manifest that we understand. */
function checkManifest(value: unknown): Manifest {
  const manifest = value as Manifest & { schema: number };
  if (manifest?.schema !== 1) throw new TypeError(`schema ${manifest?.schema}`);
  if (typeof manifest.cmdline !== 'string') throw new TypeError('cmdline is missing');
  for (const key of IMAGE_FILES) {
    const file = manifest.files?.[key];
    const whole =
      typeof file?.name === 'string' && Number.isSafeInteger(file.size) && /^[0-9a-f]{64}$/.test(file.sha256);
    if (!whole) throw new TypeError(`files.${key} is not whole`);
  }
  return manifest;
}

/** crypto.subtle is there only over https and from localhost. */
async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  const digest = subtle === undefined ? sha256(bytes) : new Uint8Array(await subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
