import { expect, test } from 'vitest';

import { StoreError } from '../../src/core/errors.ts';
import { createHealth } from '../../src/observability/health.ts';
import type { ReportReading } from '../../src/services/bot/bot-operations.ts';

const well = {
  syncAgeMs: () => 10,
  maxSyncAgeMs: 75_000,
  whyUnableToSend: (): string | undefined => undefined,
  reportReadings: (): ReportReading[] => [],
  maxReportFailureMs: 300_000,
  readDatabase: async () => undefined,
};

test('a bot that starts is alive, and not ready', async () => {
  const health = createHealth();
  expect(health.deathCause()).toBeUndefined();
  expect(await health.faults()).toEqual(['the bot is starting: waiting for the homeserver']);
  health.watch(well);
  expect(await health.faults()).toEqual(['the bot is starting']);
  health.started();
  expect(await health.faults()).toEqual([]);
});

test('syncing that stopped makes it not ready, whatever else is well', async () => {
  const health = createHealth();
  let ageMs: number | undefined;
  health.watch({ ...well, syncAgeMs: () => ageMs });
  health.started();
  expect(await health.faults()).toEqual(['sync: the homeserver has not answered yet']);
  ageMs = 75_000;
  expect(await health.faults()).toEqual([]);
  ageMs = 90_400;
  expect(await health.faults()).toEqual([
    'sync: the homeserver last answered 90 s ago, more than 75 s',
  ]);
  expect(health.deathCause()).toBeUndefined();
});

test('reports that can’t be read for long make it not ready', async () => {
  const health = createHealth();
  let forMs = 299_000;
  const why = 'the homeserver refused (403 M_FORBIDDEN)';
  health.watch({
    ...well,
    reportReadings: () => [
      { kind: 'event', ageMs: forMs, failing: { forMs, why } },
      { kind: 'user', ageMs: 10, failing: undefined },
    ],
  });
  health.started();
  expect(await health.faults()).toEqual([]);
  forMs = 300_000;
  expect(await health.faults()).toEqual([`reports of messages: not readable for 300 s: ${why}`]);
});

test('a bot that can’t speak in the management room is not ready, and says why', async () => {
  const health = createHealth();
  let why: string | undefined = 'its account is suspended';
  health.watch({ ...well, whyUnableToSend: () => why });
  health.started();
  expect(await health.faults()).toEqual([
    'speech: the bot can’t speak in the management room: its account is suspended',
  ]);
  expect(health.deathCause()).toBeUndefined();
  why = undefined;
  expect(await health.faults()).toEqual([]);
});

test('a database that fails, or does not answer, is named', async () => {
  const health = createHealth({ databasePatienceMs: 20 });
  let readDatabase: () => Promise<void> = async () => {
    throw new StoreError('the database failed (SQLITE_IOERR)');
  };
  health.watch({ ...well, readDatabase: async () => readDatabase() });
  health.started();
  expect(await health.faults()).toEqual(['database: the database failed (SQLITE_IOERR)']);
  readDatabase = async () => new Promise(() => undefined);
  expect(await health.faults()).toEqual(['database: no answer within 0.02 s']);
});

test('a bot that is over is neither, for its first reason', async () => {
  const health = createHealth();
  health.watch(well);
  health.started();
  health.over('can’t go on');
  health.over('is stopping');
  health.started();
  expect(health.deathCause()).toBe('the bot can’t go on');
  expect(await health.faults()).toEqual(['the bot can’t go on']);
});
