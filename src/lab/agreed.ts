// What an INIT agreed, in words.
import { formatFlags } from '../base/flags.ts';
import { FUSE_INIT_FLAGS, FUSE_INIT_FLAGS2 } from '../fs/fuse/abi.ts';
import type { Negotiated } from '../fs/fuse/negotiate.ts';
import type { Agreed } from './messages.ts';

export function agreed({ minor, flags, flags2 }: Negotiated): Agreed {
  const texts = [formatFlags(flags, FUSE_INIT_FLAGS), formatFlags(flags2, FUSE_INIT_FLAGS2)];
  const names = texts.filter((text) => text !== '0').flatMap((text) => text.split('|'));
  return { protocol: `7.${minor}`, flags: names.map((name) => name.replace(/^FUSE_/, '')) };
}
