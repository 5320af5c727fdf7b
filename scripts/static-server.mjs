// A static file server as plain as any host the page may be put on: files, types, nothing else.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, sep } from 'node:path';

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.txt': 'text/plain; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
};

/**
 * @typedef {object} Serving
 * @property {string} folder what is served
 * @property {string} [base] path in front of it, as '/some/where/'; '/' by default
 * @property {string} [host]
 * @property {number} [port] 0 takes any that is free
 * @property {number} [attempts] how many ports, counted up from `port`, are tried
 */

/** @param {string} folder @param {string} base @param {string} url */
async function locate(folder, base, url) {
  const { pathname } = new URL(url, 'http://local');
  if (!pathname.startsWith(base)) return undefined;
  let path = decodeURIComponent(pathname.slice(base.length));
  if (path === '' || path.endsWith('/')) path += 'index.html';
  if (path.includes('\0')) return undefined;
  const root = await realpath(folder);
  const file = await realpath(join(root, path));
  if (!file.startsWith(root + sep)) return undefined;
  const status = await stat(file);
  return status.isFile() ? { file, status } : undefined;
}

/**
 * Serves a folder and resolves when it listens. Every answer has to be asked for again (`no-cache`), and is 304 where
 * nothing changed: a page built anew is never mixed with an older one.
 * @param {Serving} serving
 * @returns {Promise<{ url: string, port: number, close(): Promise<void> }>}
 */
export async function serve({ folder, base = '/', host = 'localhost', port = 0, attempts = 1 }) {
  const server = createServer(async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end();
      return;
    }
    const url = request.url ?? '/';
    if (`${url}/` === base) {
      response.writeHead(301, { location: base }).end();
      return;
    }
    // A path that names nothing, and one that cannot be decoded, are the same to the asker.
    const found = await locate(folder, base, url).catch(() => undefined);
    if (!found) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('There is no such file here.\n');
      return;
    }
    const { file, status } = found;
    const etag = `"${createHash('sha256').update(`${file}\0${status.size}\0${status.mtimeMs}`).digest('base64url')}"`;
    const headers = { 'cache-control': 'no-cache', etag };
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, headers).end();
      return;
    }
    response.writeHead(200, {
      ...headers,
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-length': status.size,
    });
    if (request.method === 'HEAD') response.end();
    else
      createReadStream(file)
        .on('error', () => response.destroy())
        .pipe(response);
  });

  const chosen = await listen(server, host, port, attempts);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${chosen}${base}`,
    port: chosen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** @param {import('node:http').Server} server @param {string} host @param {number} port @param {number} attempts */
async function listen(server, host, port, attempts) {
  for (let tried = 0; ; tried++) {
    try {
      return await new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port === 0 ? 0 : port + tried, host, () => {
          server.off('error', reject);
          resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
        });
      });
    } catch (error) {
      const taken = /** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE';
      if (!taken || tried + 1 >= attempts) throw error;
    }
  }
}
