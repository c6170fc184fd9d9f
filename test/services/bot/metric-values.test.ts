import { afterEach, beforeEach, expect, test } from 'vitest';

import { createMetricValues } from '../../../src/services/bot/metric-values.ts';
import { openReportStore } from '../../support/report-store.ts';
import type { ReportStore } from '../../support/report-store.ts';

let queue: ReportStore;
beforeEach(async () => {
  queue = await openReportStore();
});
afterEach(async () => queue[Symbol.asyncDispose]());

test('counts are of all time, and each duration is given once', async () => {
  const values = createMetricValues(queue.store, [{ rule: 'spam', mode: 'act' }], ['tag']);
  const item = await queue.report({ at: 10 });
  await queue.move(item, 'claimed', '@ana:x', 20);
  await queue.move(item, 'resolved', '@ana:x', 40);
  const origin = { arguments: {}, eventId: '$e', roomId: '!r:x' };
  await queue.store.transaction(async ({ auditLog }) => {
    const intent = { ...origin, actor: 'timer:7', confirmer: '@ben:x', command: 'redact' };
    const id = await auditLog.begin(intent, 50);
    await auditLog.finish(id, { status: 'done' }, 60);
  });
  const counts = {
    items: { open: 0, claimed: 0, resolved: 1, dismissed: 0 },
    reports: 1,
    actions: [{ command: 'redact', status: 'done', count: 1 }],
    work: [
      { by: '@ana:x', what: 'claimed', count: 1 },
      { by: '@ana:x', what: 'resolved', count: 1 },
      { by: '@ben:x', what: 'confirmed', count: 1 },
      { by: 'timer', what: 'asked', count: 1 },
    ],
    ruleMatches: [{ rule: 'spam', mode: 'act', count: 0 }],
  };
  expect(await values.read()).toMatchObject({
    ...counts,
    steps: [
      { what: 'claimed', by: '@ana:x', tookMs: 10 },
      { what: 'resolved', by: '@ana:x', tookMs: 30 },
    ],
  });
  expect(await values.read()).toMatchObject({ ...counts, steps: [] });
  await queue.move(await queue.report({ at: 100 }), 'dismissed', 'rule:spam', 103);
  expect(await values.read()).toMatchObject({
    items: { ...counts.items, dismissed: 1 },
    steps: [{ what: 'dismissed', by: 'rule:spam', tookMs: 3 }],
  });
});
