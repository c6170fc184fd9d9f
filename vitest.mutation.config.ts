import { defineConfig } from 'vitest/config';

/**
 * The tests that mutation testing runs again and again: those that need no homeserver, without the
 * fuzz tests and those that start processes, which take seconds each.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      'test/**/*.integration.test.ts',
      'test/{cli,dev,faults,fuzz}/**',
      'test/reports/rules/replay.test.ts',
      // It sets the umask, which a worker thread can't.
      'test/store/files/private-files.test.ts',
    ],
    isolate: false,
    maxWorkers: 1,
    // Stryker has a timeout of its own for mutants that never end.
    testTimeout: 60_000,
  },
});
