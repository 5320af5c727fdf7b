import { expect, it } from 'vitest';
import { nodeidsOf } from './nodeids.ts';

const options = { handles: undefined, failHandles: undefined, wrong: undefined };

it('without options nodeids are the inodes’ own, and nothing is wrong', () => {
  expect(nodeidsOf(options)).toEqual({
    mode: undefined,
    failure: undefined,
    idsWithoutPin: false,
    constantGeneration: false,
  });
});

it.each([
  ['ids-without-pin', true, false],
  ['constant-generation', false, true],
  ['both', true, true],
] as const)('the mistake %s', (wrong, idsWithoutPin, constantGeneration) => {
  expect(nodeidsOf({ ...options, wrong })).toMatchObject({ idsWithoutPin, constantGeneration });
});

it.each([
  ['once:1', { when: 'once', at: 1, errno: 'EOPNOTSUPP' }],
  ['from:20:EOVERFLOW', { when: 'from', at: 20, errno: 'EOVERFLOW' }],
  ['first:3', { when: 'first', at: 3, errno: 'EOPNOTSUPP' }],
])('handles that fail: %s', (failHandles, failure) => {
  expect(nodeidsOf({ ...options, handles: 'prefer', failHandles })).toMatchObject({ mode: 'prefer', failure });
});

it.each(['', 'once', 'once:0', 'never:1', 'once:1:', 'once:1:ENONSENSE', 'once:1:EIO:', 'first:9999999999'])(
  'handles that fail: %j is refused',
  (failHandles) => {
    expect(() => nodeidsOf({ ...options, failHandles })).toThrow(RangeError);
  },
);
