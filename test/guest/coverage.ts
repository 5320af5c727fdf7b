// The table of who asked for which opcode and was answered, as the documentation has it.
import { readdirSync, readFileSync } from 'node:fs';
import { FUSE_OPCODE } from '../../src/fs/fuse/abi.ts';
import type { Op } from '../../src/fs/fuse/op.ts';
import { OPS } from '../../src/fs/fuse/ops/index.ts';

const FOLDER = new URL('../../src/fs/fuse/ops/', import.meta.url);

export const ENTRIES: readonly Op[] = OPS.filter((entry) => entry !== undefined);

/** The file of each entry: the one whose entry names the opcode. */
function filesOfEntries(): Map<number, string> {
  const files = new Map<number, string>();
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))) {
    for (const [, name = ''] of readFileSync(new URL(file, FOLDER), 'utf8').matchAll(/opcode: FUSE_OPCODE\.(\w+)/g)) {
      files.set(FUSE_OPCODE[name as keyof typeof FUSE_OPCODE], file);
    }
  }
  return files;
}

/** What became of an entry's requests. */
function outcome(entry: Op): string {
  if (entry.refused) return `refused with ${entry.refused.errno}: ${entry.refused.why}`;
  return entry.reply === 'none' ? 'no reply, by the protocol' : 'reply';
}

/** The page, from the opcodes that a guest and the synthetic driver were answered. */
export function coverageTable(guest: ReadonlySet<number>, synthetic: ReadonlySet<number>): string {
  const files = filesOfEntries();
  const live = ENTRIES.filter(({ opcode }) => guest.has(opcode));
  const driven = ENTRIES.filter(({ opcode }) => !guest.has(opcode) && synthetic.has(opcode));
  const sent = ENTRIES.filter(({ unsent }) => unsent === undefined).length;
  const row = (entry: Op, ...cells: string[]): string => {
    const file = files.get(entry.opcode);
    return `| ${entry.opcode} | [${entry.name}](../src/fs/fuse/ops/${file}) | ${cells.join(' | ')} |`;
  };
  return [
    '# Opcodes',
    '',
    '<!-- Made by test/guest/coverage.test.ts from the entries and the logs of its runs; UPDATE_DOCS=1 writes it anew. -->',
    '',
    `A Linux 6.12 guest can send ${sent} opcodes over virtio-fs; ${live.length} of ${sent} were answered to a real guest. ` +
      `The other ${ENTRIES.length - sent} it never sends; ${driven.length} of ${ENTRIES.length - sent} were answered to a ` +
      'synthetic driver.',
    '',
    '## Answered to a real guest',
    '',
    '| opcode | name | answer |',
    '|--:|---|---|',
    ...live.map((entry) => row(entry, outcome(entry))),
    '',
    '## Answered to a synthetic driver',
    '',
    '| opcode | name | answer | why no guest sends it |',
    '|--:|---|---|---|',
    ...driven.map((entry) => row(entry, outcome(entry), entry.unsent ?? '')),
    '',
  ].join('\n');
}
