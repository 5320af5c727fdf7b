// Listings: what is in them, positions, entries that come and go meanwhile.
import type { Behaviours, Calls } from '../calls.ts';
import { TYPES } from '../calls.ts';

const fill = (t: Calls, count: number, length = 1): void => {
  t.mkdir('d');
  t.repeat(0, count, 1, (one) => one.file(`d/${'n'.repeat(length)}@`));
};

export const directories: Behaviours = {
  'listing: types of all entries': (t) => {
    for (const type of TYPES) t.make(type, type);
    t.list('.');
  },
  'listing: an empty directory': (t) => {
    t.mkdir('d');
    t.list('d');
    t.dirseek('d');
    t.list('none');
    t.file('f');
    t.list('f');
  },
  'listing: after entries were removed and made again': (t) => {
    fill(t, 20);
    t.repeat(0, 20, 3, (one) => one.unlink('d/n@'));
    t.list('d');
    t.file('d/n0');
    t.rename('d/n1', 'd/n3');
    t.list('d');
  },
  'listing: longer than any buffer': (t) => {
    fill(t, 300, 200);
    t.dirdrain('d', 8192);
    t.list('d');
  },
  'positions: each leads back to where it was': (t) => {
    fill(t, 40);
    t.dirseek('d');
  },
  'positions: in a directory with names of all lengths': (t) => {
    t.mkdir('d');
    for (let length = 1; length <= 255; length += 8) t.file(`d/${'n'.repeat(length)}`);
    t.dirseek('d');
  },
  'positions: after entries were removed, in between and at the end': (t) => {
    fill(t, 30);
    for (const i of [0, 7, 8, 9, 15, 28, 29]) t.unlink(`d/n${i}`);
    t.dirseek('d');
    t.file('d/new');
    t.mkdir('d/newer');
    t.dirseek('d');
  },
  'positions: good also where entries were removed since': (t) => {
    fill(t, 60, 20);
    t.dirthin('d');
    t.dirthin('d');
    t.dirseek('d');
    t.dirdrain('d', 4096);
  },
  'positions: after a rename within the directory': (t) => {
    fill(t, 10);
    t.rename('d/n3', 'd/m');
    t.rename('d/n5', 'd/n6');
    t.dirseek('d');
    t.list('d');
  },
  'removing each entry as it is listed leaves none behind': (t) => {
    fill(t, 500);
    t.dirdrain('d', 4096);
    t.list('d');
    t.rmdir('d');
  },
  'removing each entry as it is listed, a few at a time': (t) => {
    fill(t, 100, 30);
    t.dirdrain('d', 300);
    t.list('d');
  },
  'a directory of 400 subdirectories': (t) => {
    t.mkdir('d');
    t.repeat(0, 400, 1, (one) => one.mkdir('d/s@'));
    t.stat('d', 'nlink');
    t.repeat(0, 390, 2, (one) => one.rmdir('d/s@'));
    t.repeat(1, 340, 2, (one) => one.rmdir('d/s@'));
    t.stat('d', 'nlink');
    t.dirseek('d');
  },
};
