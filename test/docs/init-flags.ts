// docs/init-flags.md, made of the table of rules in src/fs/fuse/negotiate.ts.
import { FUSE_INIT_FLAGS, FUSE_INIT_FLAGS2 } from '../../src/fs/fuse/abi.ts';
import { type InitFlag, limitsOf, RULES, takes } from '../../src/fs/fuse/negotiate.ts';
import { type CacheMode, type PolicyOptions, policyOf } from '../../src/fs/fuse/policy.ts';

const MODES: readonly CacheMode[] = ['never', 'metadata', 'auto', 'always'];
/** Options that change what is agreed, and how they are said. */
const OPTIONS: readonly [keyof PolicyOptions, string][] = [
  ['writeback', '`--writeback`'],
  ['locks', '`--locks`'],
  ['labels', '`--labels`'],
];

/** Whether a flag is taken: yes, no, or with which option. */
function cell(flag: InitFlag, options: PolicyOptions): string {
  if (takes(policyOf(options), flag)) return 'yes';
  const found = OPTIONS.find(([option]) => takes(policyOf({ ...options, [option]: true }), flag));
  return found?.[1] ?? '–';
}

function row(flag: InitFlag, bit: number): string {
  const ours = MODES.map((cache) => cell(flag, { cache }));
  // Its modes are none, auto and always; where they differ, all are told.
  const theirs = (['never', 'auto', 'always'] as const).map((cache) => cell(flag, { cache, like: 'virtiofsd' }));
  const like = new Set(theirs).size === 1 ? theirs[0] : `not in \`never\``;
  return `| ${[bit, `\`${flag.slice('FUSE_'.length)}\``, ...ours, like, RULES[flag].why].join(' | ')} |`;
}

export function initFlagsPage(): string {
  const rows = [
    ...Object.entries(FUSE_INIT_FLAGS).map(([flag, mask]) => row(flag as InitFlag, 31 - Math.clz32(mask))),
    ...Object.entries(FUSE_INIT_FLAGS2).map(([flag, mask]) => row(flag as InitFlag, 63 - Math.clz32(mask))),
  ];
  const limits = (options: PolicyOptions): string => {
    const { minor, maxWrite, maxPages, maxBackground, congestionThreshold } = limitsOf(policyOf(options));
    return `| 7.${minor} | ${maxWrite} B | ${maxPages} | ${maxBackground} | ${congestionThreshold} |`;
  };
  return `# What INIT agrees

The guest offers flags, and those are echoed that the policy of the mount takes. This page is made of the table in
\`src/fs/fuse/negotiate.ts\` by \`npm run docs\`.

The policies are those of virtiofsd's \`--cache\`; the last column is what \`--like virtiofsd\` takes, which is what the
server of QEMU 7.2 took. An option's name stands where a flag is taken only with it.

| bit | flag | never | metadata | auto | always | like virtiofsd | why |
|--:|---|---|---|---|---|---|---|
${rows.join('\n')}

\`POSIX_ACL\` and \`DONT_MASK\` are taken together and with \`SETXATTR_EXT\`, or not at all. Bits from 32 on are read only
where the guest offers \`INIT_EXT\`.

| | protocol | max_write | max_pages | max_background | congestion_threshold |
|---|---|---|--:|--:|--:|
| ours ${limits({ cache: 'auto' })}
| like virtiofsd ${limits({ cache: 'auto', like: 'virtiofsd' })}
`;
}
