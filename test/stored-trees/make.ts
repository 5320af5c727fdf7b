// Makes the fixture of a release: npx tsx test/stored-trees/make.ts NAME [ROOT], ROOT being where its sources are.
import { resolve } from 'node:path';
import { IDBKeyRange, loadRelease, makeFixture, writeFixture } from './fixture.ts';

const [name, root = '.'] = process.argv.slice(2);
if (name === undefined) throw new Error('usage: make.ts NAME [ROOT]');
Object.assign(globalThis, { IDBKeyRange });
writeFixture(name, await makeFixture(await loadRelease(resolve(root))));
