// The counts that npm test prints: nothing that broke is taken for nothing that failed.
import { expect, test } from 'vitest';
import { playwrightCount, vitestCount } from './test-count.mjs';

const file = (status: string, tests: number) => ({
  status,
  assertionResults: Array.from({ length: tests }, () => ({})),
});

test('tests that passed and failed are counted', () => {
  const report = { numPassedTests: 5, numFailedTests: 2, testResults: [file('failed', 7)] };
  expect(vitestCount(report, 1)).toEqual({ passed: 5, failed: 2 });
});

test('a file that could not be loaded is a failure', () => {
  const report = { numPassedTests: 5, numFailedTests: 0, testResults: [file('passed', 5), file('failed', 0)] };
  expect(vitestCount(report, 1)).toEqual({ passed: 5, failed: 1 });
});

test('an error outside of every test is a failure', () => {
  expect(vitestCount({ numPassedTests: 5, numFailedTests: 0, testResults: [file('passed', 5)] }, 1)).toEqual({
    passed: 5,
    failed: 1,
  });
  expect(playwrightCount({ stats: { expected: 3, unexpected: 0, flaky: 0 }, errors: [] }, 1)).toEqual({
    passed: 3,
    failed: 1,
  });
});

test('a runner that wrote no report has failed', () => {
  expect(vitestCount(undefined, 137)).toEqual({ passed: 0, failed: 1 });
  expect(playwrightCount(undefined, 0)).toEqual({ passed: 0, failed: 1 });
});

test('a test that passed only at its second try has failed', () => {
  expect(playwrightCount({ stats: { expected: 3, unexpected: 1, flaky: 1 }, errors: [] }, 1)).toEqual({
    passed: 3,
    failed: 2,
  });
});
