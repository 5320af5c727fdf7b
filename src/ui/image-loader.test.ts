import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Fetch, type FileProgress, ImageLoader, LoadError } from './image-loader.ts';

const FILES: Record<string, Uint8Array<ArrayBuffer>> = {
  bzImage: new Uint8Array(5000).fill(1),
  'initrd.gz': new Uint8Array(700).fill(2),
  'bios.bin': new Uint8Array(64).fill(3),
  'vga.bin': new Uint8Array(32).fill(4),
  'v86.wasm': new Uint8Array(100).fill(5),
};

const entry = (name: string): object => {
  const bytes = FILES[name] as Uint8Array;
  return { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
};

const MANIFEST = {
  schema: 1,
  cmdline: 'quiet',
  versions: { linux: '6.12' },
  files: { kernel: entry('bzImage'), initrd: entry('initrd.gz'), bios: entry('bios.bin'), vgabios: entry('vga.bin') },
};

type Answer = (name: string, cache: string | undefined) => Response | undefined;

/** A server of those files; `answer` says what it does otherwise. */
function serve(answer: Answer = () => undefined): { fetch: Fetch; asked: string[] } {
  const asked: string[] = [];
  const fetch: Fetch = async (url, { cache }) => {
    const name = new URL(url, 'http://host/').pathname.split('/').at(-1) as string;
    asked.push(name);
    const special = answer(name, cache);
    if (special) return special;
    return name === 'manifest.json' ? Response.json(MANIFEST) : new Response(FILES[name] as Uint8Array<ArrayBuffer>);
  };
  return { fetch, asked };
}

function loader(fetch: Fetch): { loader: ImageLoader; seen: (readonly FileProgress[])[] } {
  const seen: (readonly FileProgress[])[] = [];
  const onProgress = (files: readonly FileProgress[]): void => void seen.push(files);
  return { loader: new ImageLoader({ base: 'guest/', wasm: { url: 'v86.wasm', size: 100 }, onProgress, fetch }), seen };
}

async function failure(promise: Promise<unknown>): Promise<LoadError> {
  const error = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(LoadError);
  return error as LoadError;
}

afterEach(() => vi.unstubAllGlobals());

describe('ImageLoader', () => {
  test('loads and checks everything, and tells how far it is', async () => {
    const { loader: image, seen } = loader(serve().fetch);
    const { assets, cmdline, versions } = await image.load();
    expect(new Uint8Array(assets.kernel)).toEqual(FILES.bzImage);
    expect(new Uint8Array(assets.wasm)).toEqual(FILES['v86.wasm']);
    expect([cmdline, versions]).toEqual(['quiet', { linux: '6.12' }]);
    const states = new Set(seen.map((files) => files[0]?.state));
    expect([...states]).toEqual(['waiting', 'loading', 'checking', 'done']);
    expect(seen.at(-1)?.map(({ loaded, size }) => loaded === size)).toEqual([true, true, true, true, true]);
  });

  test('a file with one wrong byte is asked for past the caches, then named', async () => {
    const wrong = new Uint8Array(5000).fill(1);
    wrong[4321] = 0;
    const { fetch, asked } = serve((name) => (name === 'bzImage' ? new Response(wrong) : undefined));
    const error = await failure(loader(fetch).loader.load());
    expect([error.code, error.file]).toEqual(['damaged', 'Linux kernel (bzImage)']);
    expect(asked.filter((name) => name === 'bzImage')).toHaveLength(2);
  });

  test('a stale file in a cache heals itself', async () => {
    const stale = (name: string, cache: string | undefined): Response | undefined =>
      name === 'bzImage' && cache !== 'reload' ? new Response(new Uint8Array(9)) : undefined;
    const { assets } = await loader(serve(stale).fetch).loader.load();
    expect(assets.kernel.byteLength).toBe(5000);
  });

  test('a failed download names the file; the next try loads only what is missing', async () => {
    let offline = true;
    const { fetch, asked } = serve((name) => {
      if (name === 'bios.bin' && offline) throw new TypeError('Failed to fetch');
      return undefined;
    });
    const { loader: image } = loader(fetch);
    const error = await failure(image.load());
    expect([error.code, error.file]).toEqual(['download', 'BIOS (bios.bin)']);
    offline = false;
    asked.length = 0;
    await image.load();
    expect(asked).toEqual(['manifest.json', 'bios.bin']);
  });

  test('HTTP errors and connections that break off are failed downloads', async () => {
    const missing = serve((name) => (name === 'vga.bin' ? new Response('', { status: 404 }) : undefined));
    expect((await failure(loader(missing.fetch).loader.load())).message).toContain('404');
    const body = new ReadableStream({ pull: (controller) => controller.error(new TypeError('network error')) });
    const broken = serve((name) => (name === 'vga.bin' ? new Response(body) : undefined));
    expect((await failure(loader(broken.fetch).loader.load())).code).toBe('download');
  });

  test.each([
    ['no JSON', new Response('<html>')],
    ['another schema', Response.json({ ...MANIFEST, schema: 2 })],
    [
      'a file without its hash',
      Response.json({ ...MANIFEST, files: { ...MANIFEST.files, bios: { name: 'x', size: 1 } } }),
    ],
  ])('a manifest that is %s is damaged', async (_, response) => {
    const { fetch } = serve((name) => (name === 'manifest.json' ? response : undefined));
    const error = await failure(loader(fetch).loader.load());
    expect([error.code, error.file]).toEqual(['damaged', 'manifest.json']);
  });

  test('without a secure context the hash is worked out in the page', async () => {
    vi.stubGlobal('crypto', {});
    const { assets } = await loader(serve().fetch).loader.load();
    expect(assets.bios.byteLength).toBe(64);
    const wrong = serve((name) => (name === 'bios.bin' ? new Response(new Uint8Array(64)) : undefined));
    expect((await failure(loader(wrong.fetch).loader.load())).code).toBe('damaged');
  });
});
