// npm run docs: writes the pages of docs/ that are made of tables in the code.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { initFlagsPage } from './init-flags.ts';

writeFileSync(fileURLToPath(new URL('../../docs/init-flags.md', import.meta.url)), initFlagsPage());
