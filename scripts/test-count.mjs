// How many tests passed and failed, from the reports that the runners write for machines.

/** @typedef {{ passed: number, failed: number }} Count */

/**
 * @typedef {object} VitestReport
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {{ status: string, assertionResults: unknown[] }[]} testResults
 *
 * @typedef {object} PlaywrightReport
 * @property {{ expected: number, unexpected: number, flaky: number }} stats
 * @property {unknown[]} errors
 */

/** A runner that ends with an error although no test failed has broken: that is one failure. @param {Count} count @param {number} status */
function withStatus(count, status) {
  return status !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
}

/**
 * @param {VitestReport | undefined} report
 * @param {number} status exit status of the runner
 * @returns {Count}
 */
export function vitestCount(report, status) {
  if (!report) return { passed: 0, failed: 1 };
  // A file that could not be loaded has no tests to count.
  const unloaded = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  return withStatus({ passed: report.numPassedTests, failed: report.numFailedTests + unloaded }, status);
}

/**
 * @param {PlaywrightReport | undefined} report
 * @param {number} status exit status of the runner
 * @returns {Count}
 */
export function playwrightCount(report, status) {
  if (!report) return { passed: 0, failed: 1 };
  const { expected, unexpected, flaky } = report.stats;
  return withStatus({ passed: expected, failed: unexpected + flaky + report.errors.length }, status);
}
