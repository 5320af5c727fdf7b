// npm run bench: the guest in Node against v86's 9p and tmpfs, the same in Chromium, and the cost of one request.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureChromium } from '../scale/measure.ts';
import { benchBrowser } from './browser.ts';
import { calibrate } from './calibration.ts';
import { benchDevice } from './device.ts';
import { benchGuest } from './guest.ts';
import { judge } from './limits.ts';
import { deviceTable, guestTable, type Results, scaleTable, storeTable } from './results.ts';
import { benchStore } from './store.ts';
import { benchTransport } from './transport.ts';

const HELP = `npm run --silent bench -- [--json FILE] [--check] [--rounds N] [--part device|guest|cached|chromium|store|scale]...

Prints tables of medians. Without --part everything is measured.
  --json FILE  writes the medians to a file too
  --check      compares them with the limits, and ends with 1 where one is missed
  --rounds N   interleaved rounds after the warm-up, 5 or more (default 5)`;

const PARTS = ['device', 'guest', 'cached', 'chromium', 'store', 'scale'];

function options() {
  const { values } = parseArgs({
    options: {
      json: { type: 'string' },
      check: { type: 'boolean' },
      rounds: { type: 'string', default: '5' },
      part: { type: 'string', multiple: true, default: PARTS },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 5) throw new Error(`--rounds ${values.rounds}: a number from 5`);
  const unknown = values.part.find((part) => !PARTS.includes(part));
  if (unknown) throw new Error(`--part ${unknown}: one of ${PARTS.join(', ')}`);
  return { ...values, rounds };
}

function readOptions() {
  try {
    return options();
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

const { json, check, rounds, part, help } = readOptions();
if (help) {
  console.log(HELP);
  process.exit(0);
}

const progress = (text: string) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
};
const heading = (text: string) => {
  progress('');
  console.log(`\n${text}\n`);
};

const results: Results = {
  calibration_ms: calibrate(),
  guest: [],
  cached: [],
  device: [],
  chromium: [],
  store: [],
  scale: [],
};

if (part.includes('device')) {
  results.device = await benchDevice(progress);
  heading('One request through device and server, memory store, no guest');
  console.log(deviceTable(results.device));
  const transport = benchTransport(progress);
  heading('Of that the device: a request that is answered at once with nothing done');
  console.log(deviceTable(transport));
}
if (part.includes('guest')) {
  results.guest = await benchGuest('default', rounds, progress);
  heading(`One guest in Node, memory store, policy auto; ${rounds} interleaved rounds`);
  console.log(guestTable(results.guest));
}
if (part.includes('cached')) {
  results.cached = await benchGuest('cached', rounds, progress);
  heading(`All that can be cached: 9p cache=loose, policy always with writeback; ${rounds} interleaved rounds`);
  console.log(guestTable(results.cached));
}
if (part.includes('chromium')) {
  results.chromium = await benchBrowser(rounds, progress);
  heading(`One guest in Chromium, IndexedDB, strict fsync, policy auto; ${rounds} interleaved rounds`);
  console.log(guestTable(results.chromium));
}
if (part.includes('store')) {
  results.store = await benchStore(rounds, progress);
  heading(`The store in Chromium, no guest; ${rounds} rounds`);
  console.log(storeTable(results.store));
}

if (part.includes('scale')) {
  const scales = await measureChromium([1000, 100_000], rounds, progress);
  results.scale = scales.map(({ inodes, open, memory }) => ({ inodes, open_ms: open, memory_mb: memory }));
  heading(`Trees of many inodes in Chromium, IndexedDB; ${rounds} rounds`);
  console.log(scaleTable(results.scale));
}

if (json) writeFileSync(json, `${JSON.stringify(results, null, 2)}\n`);
if (check) {
  const { text, missed } = judge(results);
  heading('Limits');
  console.log(text);
  process.exitCode = missed > 0 ? 1 : 0;
}
