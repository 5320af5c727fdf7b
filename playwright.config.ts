import { defineConfig } from '@playwright/test';

// The browsers are the machine's own, found by scripts/browsers.mjs and started by e2e/lab-test.ts: Playwright is to
// download none. One worker, because each test boots an emulated machine and two of them would only share the cores.
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  workers: 1,
  retries: 0,
  forbidOnly: true,
  timeout: 180_000,
  expect: { timeout: 60_000 },
  projects: [
    { name: 'chromium', testMatch: /^(?!.*firefox).*\.e2e\.ts$/ },
    { name: 'firefox', testMatch: /firefox\.e2e\.ts$/ },
  ],
});
