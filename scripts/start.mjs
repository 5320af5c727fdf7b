// npm start: everything from a fresh clone to the page in the browser.
import { parseArgs } from 'node:util';
import { ensureGuestImage } from './guest-image.mjs';
import { checkNode, ensurePackages } from './packages.mjs';
import { DIST, ensurePage } from './page.mjs';
import { command, Stop } from './process.mjs';
import { serve } from './static-server.mjs';

const HELP = `npm start [-- --port N] [-- --host H]

Installs the node packages and builds the guest image and the page where they are missing, then serves the page.
  --port N   the port; without it 8086, or the next one that is free
  --host H   the address to listen on; localhost by default (0.0.0.0: every network of this machine)`;

function options() {
  try {
    const { values } = parseArgs({
      options: { port: { type: 'string' }, host: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    const port = values.port === undefined ? undefined : Number(values.port);
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65536)) {
      throw new Error(`--port ${values.port} is no port`);
    }
    return { port, host: values.host ?? 'localhost', help: values.help ?? false };
  } catch (error) {
    throw new Stop(`${/** @type {Error} */ (error).message}\n\n${HELP}`, 2);
  }
}

await command(async ({ onSignal }) => {
  const { port, host, help } = options();
  if (help) {
    console.log(HELP);
    return 0;
  }
  checkNode();
  await ensurePackages();
  const image = await ensureGuestImage();
  await ensurePage(image);

  const serving = { folder: DIST, host, port: port ?? 8086, attempts: port === undefined ? 100 : 1 };
  const server = await serve(serving).catch((error) => {
    throw new Stop(`The page cannot be served: ${error.message}. Choose another with: npm start -- --port N`);
  });
  console.log(`\nThe lab is at ${server.url}   (Ctrl-C ends it)`);
  if (!['localhost', '127.0.0.1', '::1'].includes(host)) {
    console.log('Browsers give the page its storage only over https or from localhost.');
  }
  await new Promise((resolve) => onSignal(() => resolve(undefined)));
  await server.close();
  return 0;
});
