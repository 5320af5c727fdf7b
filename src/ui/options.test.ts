import { describe, expect, test } from 'vitest';
import { DEFAULT_OPTIONS, optionsQuery, parseOptions } from './options.ts';

describe('parseOptions', () => {
  test('nothing given: the defaults', () => {
    expect(parseOptions('')).toEqual({ options: DEFAULT_OPTIONS, problems: [] });
  });

  test('everything given', () => {
    const { options, problems } = parseOptions(
      '?cache=never&writeback=1&locks=1&like=virtiofsd&handles=prefer&failHandles=from:2&wrong=both&reuse=1&chunkCache=32&limit=100&tree=my-tree.2&memory=192&tag=host',
    );
    expect(options).toEqual({
      cache: 'never',
      writeback: true,
      locks: true,
      like: 'virtiofsd',
      handles: 'prefer',
      failHandles: 'from:2',
      wrong: 'both',
      reuse: true,
      chunkCache: 32,
      limit: 100,
      tree: 'my-tree.2',
      memory: 192,
      tag: 'host',
    });
    expect(problems).toEqual([]);
  });

  test.each([
    'cache=fast',
    'writeback=yes',
    'locks=',
    'like=9p',
    'handles=always',
    'failHandles=soon',
    'wrong=everything',
    'reuse=yes',
    'memory=16',
    'chunkCache=1',
    'chunkCache=much',
    'limit=0',
    'limit=none',
    'memory=1e2',
    'tree=a/b',
    'tree=',
    'tag=a%20b',
  ])('%s is named, and the default stands in', (query) => {
    const { options, problems } = parseOptions(query);
    expect(options).toEqual(DEFAULT_OPTIONS);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(query.slice(0, query.indexOf('=')));
  });
});

describe('optionsQuery', () => {
  test('leaves out what is as by default, keeps what is not ours', () => {
    expect(optionsQuery(DEFAULT_OPTIONS, '?cache=never&lesson=3')).toBe('?lesson=3');
    expect(optionsQuery(DEFAULT_OPTIONS)).toBe('');
  });

  test('is read back as it was written', () => {
    const options = {
      cache: 'always',
      writeback: true,
      locks: true,
      like: 'virtiofsd',
      handles: 'mandatory',
      failHandles: 'once:1:EIO',
      wrong: 'ids-without-pin',
      reuse: true,
      chunkCache: 64,
      limit: 512,
      tree: 'x',
      memory: 256,
      tag: 'a&b',
    } as const;
    expect(parseOptions(optionsQuery(options)).options).toEqual(options);
  });
});
