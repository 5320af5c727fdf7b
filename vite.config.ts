// Builds the page into dist/, guest image included, for any static host and path; serves the same in development.
import { spawnSync } from 'node:child_process';
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** The folder of the guest image, built first where the cache has none. Its progress is on standard error. */
function imageFolder(): string {
  const { status, stdout } = spawnSync('bash', [join(ROOT, 'guest-images', 'build.sh')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`guest-images/build.sh ended with ${status}`);
  return stdout.trimEnd().split('\n').at(-1) as string;
}

/** Files below a folder, as paths with forward slashes. */
const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));

/** The image's files at guest/, beside the page. */
function guestImage(): Plugin {
  return {
    name: 'guest-image',
    configureServer(server) {
      const folder = imageFolder();
      const files = new Set(filesBelow(folder));
      server.middlewares.use('/guest/', (request, response, next) => {
        const name = decodeURIComponent(new URL(request.url ?? '/', 'http://local').pathname.slice(1));
        if (!files.has(name)) return next();
        response.setHeader('cache-control', 'no-cache');
        response.setHeader('content-length', statSync(join(folder, name)).size);
        createReadStream(join(folder, name)).pipe(response);
      });
    },
    generateBundle() {
      const folder = imageFolder();
      for (const name of filesBelow(folder)) {
        this.emitFile({ type: 'asset', fileName: `guest/${name}`, source: readFileSync(join(folder, name)) });
      }
    },
  };
}

/** Licence texts of the packages in the worker's bundle, which Vite's own list leaves out. */
function workerLicenses(): Plugin {
  return {
    name: 'worker-licenses',
    generateBundle() {
      for (const name of ['idb-keyval', 'v86']) {
        const folder = join(ROOT, 'node_modules', name);
        const text = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
        if (text === undefined) throw new Error(`${name} has no licence text`);
        this.emitFile({ type: 'asset', fileName: `licenses/${name}.txt`, source: readFileSync(join(folder, text)) });
      }
    },
  };
}

const wasm = createRequire(import.meta.url).resolve('v86/build/v86.wasm');

export default defineConfig({
  root: join(ROOT, 'src', 'ui'),
  base: './',
  publicDir: join(ROOT, 'src', 'ui', 'public'),
  cacheDir: join(ROOT, 'node_modules', '.vite'),
  define: { WASM_SIZE: JSON.stringify(statSync(wasm).size) },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es' },
  build: {
    outDir: join(ROOT, 'dist'),
    emptyOutDir: true,
    target: ['chrome123', 'firefox128', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    license: { fileName: 'licenses/page.md' },
  },
  plugins: [guestImage(), workerLicenses()],
});
