import { fileURLToPath } from 'node:url';

import { defineConfig } from 'vitest/config';

import { postgresFolder } from './dev/postgres/postgres.ts';

// Each test file, and each bot that is started, loads the same modules: they are compiled once.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(
  new URL('node_modules/.cache/node', import.meta.url),
);

/** Tests of what reads and writes the database, and those that crashes and races tell most to. They run on both. */
const testsOnBoth = [
  'test/cli/forget.test.ts',
  'test/store/migrations/0021-homeservers.test.ts',
  'test/store/store.test.ts',
  'test/store/postgres/*.test.ts',
  'test/store/tables/**/*.test.ts',
  'test/operations/execute/advance.test.ts',
  'test/operations/execute/interleavings.test.ts',
  'test/reports/intake/intake.test.ts',
];

const hasPostgres = postgresFolder() !== undefined;
if (!hasPostgres) {
  process.stderr.write('PostgreSQL is not installed: the tests of the store run on SQLite only\n');
}

/** Then everything that opens a store through `test/support/test-database.ts` does so on PostgreSQL. */
const allOnPostgres = process.env['LAWSPEAKER_TEST_DATABASE'] === 'postgres';
const postgresSetup = allOnPostgres ? ['test/support/postgres-setup.ts'] : [];

const integrationTests = 'test/**/*.integration.test.ts';

export default defineConfig({
  test: {
    reporters: ['default', './test/support/failed-tests.ts'],
    // Integration tests share their machine with a Synapse, and wait for it half of the time.
    maxWorkers: 3,
    // Loading the modules anew for each file takes as long as the tests of most.
    // So `vi.mock` can't be used: another file may have loaded the module before.
    isolate: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [integrationTests, ...(allOnPostgres ? [] : ['test/store/postgres/*.test.ts'])],
          globalSetup: postgresSetup,
          // Property tests run thousands of cases: a busy machine needs longer than the 5 s by default.
          testTimeout: 20_000,
        },
      },
      ...(hasPostgres && !allOnPostgres
        ? [
            {
              extends: true as const,
              test: {
                name: 'postgres',
                include: testsOnBoth,
                env: { LAWSPEAKER_TEST_DATABASE: 'postgres' },
                // One PostgreSQL for the run; it starts only where this project has tests to run.
                globalSetup: ['test/support/postgres-setup.ts'],
                testTimeout: 30_000,
                // A busy machine takes longer than the second that a poll has by default.
                expect: { poll: { timeout: 20_000 } },
              },
            },
          ]
        : []),
      {
        extends: true,
        test: {
          name: 'integration',
          include: [integrationTests],
          // One real Synapse for the run; it starts only where this project has tests to run.
          globalSetup: ['test/support/global-setup.ts', ...postgresSetup],
          // Longer than a moderator waits, who can say what was seen instead.
          testTimeout: 90_000,
          hookTimeout: 60_000,
          // A busy Synapse takes longer than the second that a poll has by default.
          expect: { poll: { timeout: 30_000 } },
        },
      },
    ],
  },
});
