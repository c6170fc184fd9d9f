import { expect, test, vi } from 'vitest';

import { UnreachableError } from '../../../src/core/errors.ts';
import { createPoller } from '../../../src/reports/intake/poller.ts';
import { openTestStore } from '../../support/test-database.ts';

test('however long the homeserver is away, it is asked again every five minutes', async () => {
  const store = await openTestStore();
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const poller = createPoller({
    store,
    sources: [
      {
        serverName: 'x',
        kind: 'event',
        async page() {
          throw new UnreachableError('GET /reports', 'does not answer', false);
        },
      },
    ],
    intervalMs: 60_000,
    few: 10,
    now: Date.now,
    log,
    onNew: () => undefined,
    giveWay: async () => undefined,
    onBacklog: async () => undefined,
    troubleAfterMs: 3_600_000,
    onTrouble: async () => true,
  });
  const pauses = () =>
    log.warn.mock.calls.flatMap(([fields]) => {
      const { pauseMs } = fields as { pauseMs?: number };
      return pauseMs ?? [];
    });
  try {
    poller.start();
    // What rests is woken, and asks again.
    await expect
      .poll(() => (poller.hurry(), pauses().length), { timeout: 10_000 })
      .toBeGreaterThan(4);
    expect(pauses().slice(0, 2)).toEqual([120_000, 240_000]);
    expect(
      pauses()
        .slice(2)
        .every((pauseMs) => pauseMs === 300_000),
    ).toBe(true);
  } finally {
    await poller.stop();
    await store.close();
  }
});
