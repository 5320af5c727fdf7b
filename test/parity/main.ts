// npm run parity [-- FOLDER...]: compares our server with the recorded runs of a folder, script by script.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootFor, differences, MODES, type Mode, readKnown, readReference, run } from './parity.ts';

const OWN = join(fileURLToPath(new URL('.', import.meta.url)), 'reference');

async function compare(folder: string, mode: Mode): Promise<{ passed: number; failed: number }> {
  const references = readReference(folder, mode);
  const known = readKnown(folder);
  const count = { passed: 0, failed: 0 };
  if (references.length === 0) return count;
  const machine = await bootFor(mode);
  try {
    for (const reference of references) {
      const found = differences(reference, await run(machine, reference.text));
      const reasons = known.filter((entry) => entry.script === reference.script && entry.mode === mode);
      const unknown = found.filter((line) => !reasons.some(({ difference }) => difference === line));
      const failed = unknown.length > 0;
      count[failed ? 'failed' : 'passed']++;
      console.log(`${failed ? 'DIFFERS' : 'same   '} ${mode.padEnd(6)} ${reference.script}`);
      for (const line of unknown) console.log(`        ${line}`);
      for (const { difference, reason } of reasons) console.log(`        known: ${difference}: ${reason}`);
    }
  } finally {
    await machine.close();
  }
  return count;
}

const folders = process.argv.slice(2);
const total = { passed: 0, failed: 0 };
for (const folder of folders.length > 0 ? folders : [OWN]) {
  for (const mode of Object.keys(MODES) as Mode[]) {
    const { passed, failed } = await compare(folder, mode);
    total.passed += passed;
    total.failed += failed;
  }
}
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
