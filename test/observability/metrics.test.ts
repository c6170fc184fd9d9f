import { once } from 'node:events';
import { createServer, request } from 'node:http';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { createMetrics } from '../../src/observability/metrics.ts';
import type { MetricValues, Metrics } from '../../src/observability/metrics.ts';

const now = 1_000_000;

const values: MetricValues = {
  items: { open: 2, claimed: 1, resolved: 30, dismissed: 4 },
  oldestOpenAt: now - 90_000,
  reports: 55,
  ruleActionsLastHour: 2,
  ruleMatches: [{ rule: 'fresh "account"\n', mode: 'act', count: 3 }],
  actions: [{ command: 'deactivate', status: 'done', count: 7 }],
  work: [{ by: '@ana:x', what: 'claimed', count: 5 }],
  pending: { inbox: 1, outbox: 2, operations: 3, confirmations: 4, scheduled: 5 },
  steps: [
    { what: 'claimed', by: '@ana:x', tookMs: 61_000 },
    { what: 'resolved', by: 'rule:spam', tookMs: 500 },
  ],
};

let metrics: Metrics;
let isReady: boolean;
let errors: unknown[];
beforeEach(() => {
  isReady = true;
  errors = [];
  metrics = createMetrics({
    version: '1.2.3',
    isReady: async () => isReady,
    now: () => now,
    onError: (error) => errors.push(error),
  });
});
afterEach(() => metrics.stop());

const watch = (read: () => Promise<MetricValues>) =>
  metrics.watch({
    values: read,
    homeservers: () => [
      { serverName: 'example.com', isUp: true },
      { serverName: 'two.example', isUp: false },
    ],
    canSpeak: () => false,
    sync: () => ({ ageMs: 1500, failures: 2 }),
    reportReadings: () => [
      { kind: 'event', ageMs: 2500 },
      { kind: 'user', ageMs: 7500 },
    ],
  });

/** The samples by their whole name, without comments. */
async function samples(): Promise<Map<string, string>> {
  const lines = (await metrics.text()).split('\n').filter((line) => /^[^#]/u.test(line));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      line.slice(line.lastIndexOf(' ') + 1),
    ]),
  );
}

test('the values are shown as they are, with escaped labels', async () => {
  watch(async () => values);
  const shown = await samples();
  const expected = {
    'lawspeaker_report_items{state="open"}': '2',
    'lawspeaker_report_items{state="dismissed"}': '4',
    lawspeaker_report_oldest_open_seconds: '90',
    lawspeaker_reports_total: '55',
    lawspeaker_rule_actions_last_hour: '2',
    'lawspeaker_rule_firings_total{rule="fresh \\"account\\"\\n",mode="act"}': '3',
    'lawspeaker_actions_total{command="deactivate",status="done"}': '7',
    'lawspeaker_work_total{by="@ana:x",what="claimed"}': '5',
    lawspeaker_inbox_open: '1',
    lawspeaker_outbox_open: '2',
    lawspeaker_executions_open: '3',
    lawspeaker_confirmations_pending: '4',
    lawspeaker_jobs_waiting: '5',
    'lawspeaker_report_claim_seconds_bucket{le="60",by="@ana:x"}': '0',
    'lawspeaker_report_claim_seconds_bucket{le="300",by="@ana:x"}': '1',
    'lawspeaker_report_resolve_seconds_count{state="resolved",by="rule:spam"}': '1',
    lawspeaker_sync_age_seconds: '1.5',
    lawspeaker_sync_failures_total: '2',
    'lawspeaker_report_reading_age_seconds{kind="event"}': '2.5',
    'lawspeaker_report_reading_age_seconds{kind="user"}': '7.5',
    lawspeaker_ready: '1',
    'lawspeaker_homeserver_up{server="example.com"}': '1',
    'lawspeaker_homeserver_up{server="two.example"}': '0',
    lawspeaker_can_speak: '0',
    lawspeaker_database_readable: '1',
    [`lawspeaker_info{version="1.2.3",node="${process.versions.node}"}`]: '1',
  };
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, shown.get(name)]))).toEqual(
    expected,
  );
  expect([...shown.keys()].some((name) => name.startsWith('process_cpu_'))).toBe(true);
});

test('a second look counts nothing twice, and shows what is gone no more', async () => {
  let next = values;
  watch(async () => next);
  await metrics.text();
  next = { ...values, steps: [], ruleMatches: [], oldestOpenAt: undefined, reports: 56 };
  const shown = await samples();
  expect(shown.get('lawspeaker_reports_total')).toBe('56');
  expect(shown.get('lawspeaker_work_total{by="@ana:x",what="claimed"}')).toBe('5');
  expect(shown.get('lawspeaker_report_claim_seconds_count{by="@ana:x"}')).toBe('1');
  expect(shown.get('lawspeaker_report_oldest_open_seconds')).toBe('0');
  expect([...shown.keys()].some((name) => name.includes('rule_firings_total'))).toBe(false);
});

test('a process that stands by has nothing that an alert is about', async () => {
  const own = async () =>
    [...(await samples()).keys()].filter((name) => name.startsWith('lawspeaker_'));
  isReady = false;
  metrics.standsBy();
  expect(await own()).toEqual([expect.stringMatching(/^lawspeaker_info\{/u)]);
  isReady = true;
  watch(async () => values);
  expect(await own()).toEqual(
    expect.arrayContaining(['lawspeaker_ready', 'lawspeaker_database_readable']),
  );
});

test('what is not known is left out: no count falls to 0', async () => {
  const isFigure = (name: string) =>
    /^lawspeaker_.*(?:(?:reports|work|actions)_total|_open|_items)/u.test(name);
  isReady = false;
  let shown = await samples();
  expect([...shown.keys()].filter(isFigure)).toEqual([]);
  expect(shown.get('lawspeaker_ready')).toBe('0');
  let isBroken = false;
  watch(async () => {
    if (isBroken) {
      throw new Error('unreadable');
    }
    return values;
  });
  expect((await samples()).get('lawspeaker_reports_total')).toBe('55');
  isBroken = true;
  shown = await samples();
  expect([...shown.keys()].filter(isFigure)).toEqual([]);
  expect(shown.get('lawspeaker_database_readable')).toBe('0');
  expect(shown.get('lawspeaker_sync_age_seconds')).toBe('1.5');
  expect(errors).toHaveLength(1);
});

test('several looks at a time are one', async () => {
  let looks = 0;
  watch(async () => {
    looks += 1;
    return values;
  });
  const texts = await Promise.all([metrics.text(), metrics.text(), metrics.text()]);
  expect(looks).toBe(1);
  expect(new Set(texts).size).toBe(1);
});

test('requests are timed by what they ask, never by whom', async () => {
  const server = createServer((incoming, outgoing) => {
    if (incoming.url?.includes('broken') === true) {
      incoming.socket.destroy();
      return;
    }
    outgoing.statusCode = incoming.url?.includes('missing') === true ? 404 : 200;
    outgoing.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const ask = async (path: string, method = 'GET') =>
    new Promise<void>((resolve) => {
      request({ host: '127.0.0.1', port, path, method }, (response) => {
        response.resume().on('end', resolve);
      })
        .on('error', () => resolve())
        .end();
    });
  await ask('/_synapse/admin/v2/users/%40mallory%3Ax');
  await ask('/_synapse/admin/v2/users/%40missing%3Ax', 'PUT');
  await ask('/_synapse/admin/broken');
  await ask('/_matrix/client/v3/sync?since=s1');
  await ask('/_matrix/client/v3/rooms/x/send/m.room.message/1', 'PUT');
  await ask('/api/admin/v1/users/by-username/mallory');
  await ask('/oauth2/token', 'POST');
  server.close();
  const shown = await samples();
  const counts = [...shown].filter(([name]) => /request_seconds_count/u.test(name));
  const of = (api: string, method: string, status: string) =>
    `lawspeaker_homeserver_request_seconds_count{api="${api}",method="${method}",status="${status}"}`;
  expect(Object.fromEntries(counts)).toEqual({
    [of('admin', 'GET', '200')]: '1',
    [of('admin', 'PUT', '404')]: '1',
    [of('admin', 'GET', 'none')]: '1',
    [of('sync', 'GET', '200')]: '1',
    [of('client', 'PUT', '200')]: '1',
    [of('mas', 'GET', '200')]: '1',
    [of('mas', 'POST', '200')]: '1',
  });
  expect([...shown.keys()].join('\n')).not.toContain('mallory');
});
