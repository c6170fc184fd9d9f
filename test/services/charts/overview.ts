import type { Overview } from '../../../src/services/bot/statistics-service.ts';

const day = 86_400_000;

/** Statistics with one value for each day. */
export function overview(values: readonly number[]): Overview {
  return {
    since: 0,
    until: values.length * day,
    stepMs: day,
    items: { open: 0, claimed: 0, resolved: 0, dismissed: 0 },
    oldestOpenAt: undefined,
    reports: values,
    closed: values,
    actions: values,
    done: values,
    failed: values.map(() => 0),
    refused: values.map(() => 1),
    kinds: [
      {
        command: 'a-command-with-a-very-long-name-that-no-longer-exists',
        done: 5,
        failed: 1,
        refused: 0,
      },
    ],
    kindsOfNewest: undefined,
    byRules: { actions: 1, closed: 0, sharePercent: 20, undone: 1 },
    resolved: 0,
    dismissed: 0,
    failedActions: 0,
    refusals: 0,
    medianClaimMs: 60_000,
    medianCloseMs: undefined,
    rules: [],
    workers: [],
    topSenders: [],
    topRooms: [],
  };
}
