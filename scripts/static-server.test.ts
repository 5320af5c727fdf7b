// The server of npm start and of the e2e tests: types, paths, caching.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serve } from './static-server.mjs';

let folder = '';
let server: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'static-server-'));
  mkdirSync(join(folder, 'site', 'guest'), { recursive: true });
  writeFileSync(join(folder, 'secret'), 'secret');
  writeFileSync(join(folder, 'site', 'index.html'), '<title>page</title>');
  writeFileSync(join(folder, 'site', 'guest', 'v86.wasm'), 'wasm');
  symlinkSync(join(folder, 'secret'), join(folder, 'site', 'link'));
  server = await serve({ folder: join(folder, 'site'), base: '/some/path/' });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** Asks with the path as it stands: fetch would tidy it up. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET') {
  return new Promise<{ status: number | undefined; type: string | undefined; etag: string | undefined; body: string }>(
    (resolve, reject) => {
      request({ port: server.port, host: 'localhost', path, headers, method }, (response) => {
        let body = '';
        response.on('data', (bytes) => {
          body += bytes;
        });
        response.on('end', () => {
          const { 'content-type': type, etag } = response.headers;
          resolve({ status: response.statusCode, type, etag, body });
        });
      })
        .on('error', reject)
        .end();
    },
  );
}

test('a folder is its index.html', async () => {
  expect(await ask('/some/path/')).toMatchObject({
    status: 200,
    type: 'text/html; charset=utf-8',
    body: '<title>page</title>',
  });
});

test('WebAssembly has its type, which streaming compilation insists on', async () => {
  expect(await ask('/some/path/guest/v86.wasm?x=1')).toMatchObject({ status: 200, type: 'application/wasm' });
});

test('what did not change is not sent again', async () => {
  const { etag } = await ask('/some/path/');
  expect(await ask('/some/path/', { 'if-none-match': etag ?? '' })).toMatchObject({ status: 304, body: '' });
});

test.each([
  '/',
  '/index.html',
  '/some/path/absent',
  '/some/path/guest',
  '/some/path/../secret',
  '/some/path/%2e%2e%2fsecret',
  '/some/path/link',
  '/some/path/%00',
  '/some/path/%zz',
])('%s is not found', async (path) => {
  expect((await ask(path)).status).toBe(404);
});

test('only reading is served', async () => {
  expect((await ask('/some/path/', {}, 'POST')).status).toBe(405);
});

test('a port that is taken is passed over for the next one', async () => {
  const second = await serve({ folder: join(folder, 'site'), port: server.port, attempts: 50 });
  expect(second.port).toBeGreaterThan(server.port);
  await second.close();
  await expect(serve({ folder: join(folder, 'site'), port: server.port })).rejects.toThrow('EADDRINUSE');
});
