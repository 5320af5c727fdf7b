// All behaviours. Each is one function; its name is unique.
import { attributes } from './behaviours/attributes.ts';
import { content } from './behaviours/content.ts';
import { directories } from './behaviours/directories.ts';
import { links } from './behaviours/links.ts';
import { make } from './behaviours/make.ts';
import { opens } from './behaviours/opens.ts';
import { paths } from './behaviours/paths.ts';
import { remove } from './behaviours/remove.ts';
import { rename } from './behaviours/rename.ts';
import { times } from './behaviours/times.ts';
import { xattrs } from './behaviours/xattrs.ts';
import type { Behaviour } from './calls.ts';

const GROUPS = [paths, make, links, remove, rename, attributes, times, opens, content, directories, xattrs];

export const BEHAVIOURS: readonly Behaviour[] = GROUPS.flatMap((group) =>
  Object.entries(group).map(([name, what]) => (typeof what === 'function' ? { name, run: what } : { name, ...what })),
);
