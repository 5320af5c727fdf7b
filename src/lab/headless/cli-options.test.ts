import { describe, expect, it } from 'vitest';
import { type GuestOptions, parseCommandLine, UsageError } from './cli-options.ts';

const parse = (...words: string[]): GuestOptions => {
  const options = parseCommandLine(words);
  if (options === 'help') throw new Error('help');
  return options;
};

describe('the command line of npm run guest', () => {
  it('has defaults for all but the task', () => {
    expect(parse('-c', 'ls')).toEqual({
      task: { do: 'commands', text: 'ls' },
      kernel: undefined,
      initrd: undefined,
      append: '',
      memory: 128,
      cache: 'auto',
      writeback: false,
      chunkCache: undefined,
      limit: undefined,
      locks: false,
      labels: false,
      like: undefined,
      reuse: false,
      handles: undefined,
      failHandles: undefined,
      wrong: undefined,
      tag: 'lab',
      load: undefined,
      save: undefined,
      store: undefined,
      log: undefined,
      timeout: undefined,
    });
  });

  it('takes a limit of what may be stored', () => {
    expect(parse('--limit', '100', '-c', 'df')).toMatchObject({ limit: 100 });
  });

  it('takes every option', () => {
    const words =
      '--kernel K --initrd I --append a=b --memory 256 --cache always --writeback --chunk-cache 32 --locks --like virtiofsd --reuse-inodes --inode-file-handles=prefer --fail-handles from:2:EIO --wrong both --tag t --load L --save V --store S --log F --timeout 1.5 run.sh';
    expect(parse(...words.split(' '))).toEqual({
      task: { do: 'script', file: 'run.sh' },
      kernel: 'K',
      initrd: 'I',
      append: 'a=b',
      memory: 256,
      cache: 'always',
      writeback: true,
      chunkCache: 32,
      limit: undefined,
      locks: true,
      labels: false,
      like: 'virtiofsd',
      reuse: true,
      handles: 'prefer',
      failHandles: 'from:2:EIO',
      wrong: 'both',
      tag: 't',
      load: 'L',
      save: 'V',
      store: 'S',
      log: 'F',
      timeout: 1.5,
    });
  });

  it('takes labels where they are kept', () => {
    expect(parse('-c', 'ls', '--labels').labels).toBe(true);
  });

  it('takes --until as a pattern', () => {
    const { task } = parse('--until', '^done \\d+$');
    expect(task.do === 'until' && task.pattern.test('boot\ndone 12\nmore')).toBe(true);
  });

  it('knows help', () => {
    expect(parseCommandLine(['--help'])).toBe('help');
    expect(parseCommandLine(['-h'])).toBe('help');
  });

  it.each([
    [[], 'nothing to do'],
    [['-c', 'ls', 'script.sh'], 'give one of'],
    [['-c', 'ls', '--until', 'x'], 'give one of'],
    [['a.sh', 'b'], 'one script only'],
    [['--until', '('], '--until'],
    [['-c', 'ls', '--memory', 'much'], '--memory'],
    [['-c', 'ls', '--memory', '64'], '--memory'],
    [['-c', 'ls', '--chunk-cache', '0'], '--chunk-cache'],
    [['-c', 'ls', '--limit', 'none'], '--limit'],
    [['-c', 'ls', '--cache', 'some'], 'never, metadata, auto, always'],
    [['-c', 'ls', '--like', 'nfs'], '--like'],
    [['-c', 'ls', '--inode-file-handles', 'always'], 'never, prefer, mandatory'],
    [['-c', 'ls', '--fail-handles', 'soon'], '--fail-handles'],
    [['-c', 'ls', '--wrong', 'all'], '--wrong'],
    [['-c', 'ls', '--labels', '--like', 'virtiofsd'], '--labels'],
    [['-c', 'ls', '--fail-handles', 'once:1'], 'needs --inode-file-handles'],
    [['-c', 'ls', '--wrong', 'ids-without-pin'], 'needs --inode-file-handles'],
    [['-c', 'ls', '--tag', ''], '--tag'],
    [['-c', 'ls', '--tag', 'x'.repeat(37)], '--tag'],
    [['-c', 'ls', '--tag', 'a b'], '--tag'],
    [['-c', 'ls', '--timeout', '0'], '--timeout'],
    [['-c', 'ls', '--timeout', 'soon'], '--timeout'],
    [['-c', 'ls', '--colour'], '--colour'],
    [['-c'], '-c'],
  ])('refuses %j with a reason', (words, reason) => {
    expect(() => parseCommandLine(words as string[])).toThrow(UsageError);
    expect(() => parseCommandLine(words as string[])).toThrow(reason as string);
  });
});
