import { describe, expect, test } from 'vitest';
import { Commands, ProcessNames } from './who.ts';

describe('ProcessNames', () => {
  test('a name holds from its request on', () => {
    const names = new ProcessNames();
    names.add([{ pid: 7, name: 'sh', seq: 10 }]);
    names.add([{ pid: 7, name: 'ls', seq: 20 }]);
    expect([9, 10, 19, 20].map((seq) => names.name(7, seq))).toEqual([undefined, 'sh', 'sh', 'ls']);
    expect(names.name(8, 30)).toBeUndefined();
  });

  test('names that come late are put in their place', () => {
    const names = new ProcessNames();
    names.add([
      { pid: 7, name: 'ls', seq: 20 },
      { pid: 7, name: 'sh', seq: 10 },
    ]);
    expect(names.name(7, 15)).toBe('sh');
  });

  test('a name of before a reboot does not hold after it', () => {
    const names = new ProcessNames();
    names.add([{ pid: 7, name: 'ls', seq: 10 }]);
    names.booted(50);
    expect([names.name(7, 49), names.name(7, 50)]).toEqual(['ls', undefined]);
    names.add([{ pid: 7, name: 'cat', seq: 60 }]);
    expect(names.name(7, 61)).toBe('cat');
  });
});

describe('Commands', () => {
  test('a request belongs to the command that ran then', () => {
    const commands = new Commands();
    commands.begin(100, 'ls', 5);
    commands.end(100, 0, 9);
    commands.begin(100, 'cat a', 12);
    const texts = [4, 5, 8, 9, 12, 99].map((seq) => commands.during(seq)?.text);
    expect(texts).toEqual([undefined, 'ls', 'ls', undefined, 'cat a', 'cat a']);
    expect(commands.during(5)?.status).toBe(0);
  });

  test('an end without a beginning, and a guest that went away', () => {
    const commands = new Commands();
    commands.end(1, 0, 3);
    commands.begin(1, 'reboot -f', 4);
    commands.stopped(6);
    expect([commands.during(5)?.text, commands.during(6)]).toEqual(['reboot -f', undefined]);
  });
});
