// Makes test/golden/fuse_abi.json from a C header: every size, offset, flag and opcode as the C compiler sees it.
// Usage: node scripts/abi-golden.mjs /path/to/include/uapi/linux/fuse.h > test/golden/fuse_abi.json
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const header = process.argv[2];
if (!header) {
  console.error('usage: node scripts/abi-golden.mjs FUSE_H');
  process.exit(2);
}
const text = readFileSync(header, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');

const structs = [...text.matchAll(/struct ((?:fuse|cuse)_\w+) \{([\s\S]*?)\n\};/g)].map(([, name = '', body = '']) => ({
  name,
  fields: [...body.matchAll(/(\w+)\s*(\[\w*\])?;/g)].filter(([, , size]) => size !== '[]').map(([, field]) => field),
}));
const bits = [...text.matchAll(/#define (\w+)\s+\(1(?:ULL|ull)? << \d+\)/g)].map(([, name]) => name);
/** @param {string} name */
const enumOf = (name) => {
  const body = new RegExp(`enum ${name} \\{([\\s\\S]*?)\\};`).exec(text)?.[1];
  if (body === undefined) throw new Error(`the header has no enum ${name}`);
  return [...body.matchAll(/(\w+)\s*=/g)];
};
const words = ['fuse_opcode', 'fuse_notify_code', 'fuse_ext_type'].flatMap((name) => enumOf(name).map(([, n]) => n));
const constants = ['FUSE_KERNEL_VERSION', 'FUSE_KERNEL_MINOR_VERSION', ...words, ...bits];

const lines = structs.map(({ name, fields }) => {
  const offsets = fields.map(
    (field) => `printf("${JSON.stringify(field).replaceAll('"', '\\"')}:%zu,",offsetof(struct ${name},${field}));`,
  );
  return `printf("\\"${name}\\":{\\"size\\":%zu,\\"offsets\\":{",sizeof(struct ${name}));${offsets.join('')}printf("\\"\\":0}},");`;
});
const values = constants.map(
  (name) =>
    `printf("\\"${name}\\":\\"%llu\\",",(unsigned long long)(sizeof(${name})==4?(unsigned)(${name}):(${name})));`,
);
const program = `#include <stdio.h>
#include <stddef.h>
#include "${resolve(header)}"
int main(void){printf("{\\"structs\\":{");${lines.join('\n')}printf("\\"\\":0},\\"constants\\":{");${values.join('\n')}printf("\\"\\":0}}");return 0;}
`;

const folder = mkdtempSync(join(tmpdir(), 'abi-golden-'));
try {
  writeFileSync(join(folder, 'abi.c'), program);
  execFileSync('gcc', ['-o', join(folder, 'abi'), join(folder, 'abi.c')], { stdio: ['ignore', 'inherit', 'inherit'] });
  const golden = JSON.parse(execFileSync(join(folder, 'abi'), { encoding: 'utf8' }), (key, value) =>
    key === '' && value === 0 ? undefined : value,
  );
  console.log(JSON.stringify(golden, null, 1));
} finally {
  rmSync(folder, { recursive: true });
}
