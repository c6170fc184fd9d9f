import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { UnreachableError } from '../../src/errors.ts';
import type { ReportSource } from '../../src/reports/intake.ts';
import { createPoller } from '../../src/reports/poller.ts';
import type { Poller } from '../../src/reports/poller.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';

let folder: string;
let store: Store;
let poller: Poller;
let isUp: boolean;
/** Undefined: all can be read again. */
let told: unknown[];
let isToldToAnybody: boolean;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-poller-'));
  store = await openStore(path.join(folder, 'lawspeaker.db'));
  isUp = true;
  told = [];
  isToldToAnybody = true;
});
afterEach(async () => {
  await poller.stop();
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const down = new UnreachableError('GET /reports', 'does not answer', false);

/** An hour between two questions: what comes before is hurried. */
function start(kinds: readonly ReportSource['kind'][] = ['event', 'user']): void {
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  poller = createPoller({
    store,
    sources: kinds.map((kind) => ({
      kind,
      async page() {
        if (!isUp) {
          throw down;
        }
        return { reports: [], total: 0, next: null };
      },
    })),
    intervalMs: 3_600_000,
    few: 10,
    now: Date.now,
    log,
    onNew: () => undefined,
    onBacklog: async () => undefined,
    troubleAfterMs: 0,
    async onTrouble(error) {
      told.push(error);
      return isToldToAnybody;
    },
  });
  poller.start();
}

const failing = () => poller.readings().map((reading) => reading.failing?.why);

test('asks at once when it is hurried', async () => {
  isUp = false;
  start(['event']);
  await expect.poll(failing).toEqual(['the homeserver does not answer']);
  isUp = true;
  poller.hurry();
  await expect.poll(failing).toEqual([undefined]);
  expect(poller.readings()[0]?.ageMs).toBeLessThan(60_000);
});

test('tells that lists can’t be read once for all of them, and when the last can be', async () => {
  isUp = false;
  start();
  await expect.poll(failing).toEqual([down.message, down.message]);
  expect(told).toEqual([down]);
  isUp = true;
  poller.hurry();
  await expect.poll(() => told).toEqual([down, undefined]);
  expect(failing()).toEqual([undefined, undefined]);
});

test('what could not be told is told when it can be', async () => {
  isUp = false;
  isToldToAnybody = false;
  start(['event']);
  await expect.poll(() => told).toEqual([down]);
  isToldToAnybody = true;
  await expect.poll(() => (poller.hurry(), told)).toEqual([down, down]);
  poller.hurry();
  isUp = true;
  poller.hurry();
  await expect.poll(() => (poller.hurry(), told)).toEqual([down, down, undefined]);
});
