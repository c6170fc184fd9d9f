import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { createReplayInputs, readReplayData } from '../src/reports/rules/replay-input.ts';
import { exportAudit, exportFormats, exportWhole } from '../src/services/bot/audit-export.ts';
import { createHistoryService } from '../src/services/bot/history-service.ts';
import { createMetricValues } from '../src/services/bot/metric-values.ts';
import { createStatisticsService } from '../src/services/bot/statistics-service.ts';
import { openStore } from '../src/store/store.ts';
import type { Store } from '../src/store/store.ts';
import type { AuditFilter } from '../src/store/tables/audit/audit-search.ts';
import type { ItemQuery } from '../src/store/tables/reports/report-items.ts';
import { bulk, createLargeDatabase, frequent, rare, words } from './large-database.ts';
import { spread } from './measurement.ts';
import type { BenchmarkOptions, Measurement } from './measurement.ts';

const dayMs = 86_400_000;
/** The newest row of the database. The time is fixed, so that every run has the same content. */
const now = Date.parse('2026-11-27T12:00:00Z');

/** For queries whose answer a moderator waits for. */
const queryGoal = { p95: 20 };
/** For tasks during which everybody else waits. */
const loopGoal = { max: 50 };
/** An export holds only a few entries at a time. */
const exportGoal = { median: 50 };
/** Opening the database may take only this part of the bot's start. */
const openGoal = { p95: 100 };

export interface AuditBenchmarkOptions extends Pick<BenchmarkOptions, 'short'> {
  /** Rows of the audit log; there are a tenth as many reports. Default: a million, or 20,000 if `short`. */
  readonly rows?: number | undefined;
  /** A database that `createLargeDatabase` made, instead of a new one. */
  readonly file?: string | undefined;
}

type Query = (store: Store, round: number) => Promise<unknown>;

const page = 20;

const audit =
  (filter: AuditFilter): Query =>
  async (store) =>
    store.auditLog.search({ ...filter, limit: page });

const history =
  (kind: 'room' | 'user', id: string): Query =>
  async (store) => {
    const service = createHistoryService(store);
    await service.summary({ kind, id });
    await service.page({ kind, id }, { limit: page + 1 });
  };

/** What the list shows, and its total. */
const reports =
  (query: ItemQuery): Query =>
  async ({ reportItems }) => {
    await reportItems.search(query, { limit: page + 1 });
    await reportItems.count(query);
  };

const statistics =
  (days: number): Query =>
  async (store) =>
    createStatisticsService(store).overview(days * dayMs, now);

const longAgo = now - 650 * dayMs;

/** The queries that people can make, by what they type. */
const queries: ReadonlyMap<string, Query> = new Map([
  ['audit', audit({})],
  ['audit --status failed', audit({ status: 'failed' })],
  ['audit --status unknown', audit({ status: 'unknown' })],
  ['audit --status open', audit({ status: 'open' })],
  ['audit --status protected', audit({ status: 'protected' })],
  ['audit --status without hits', audit({ status: 'cancelled' })],
  ['audit --by', audit({ by: frequent.moderator })],
  ['audit --by without hits', audit({ by: '@nobody:example.com' })],
  ['audit --target', audit({ target: frequent.user })],
  ['audit --target without hits', audit({ target: '@nobody:example.com' })],
  ['audit --command', audit({ command: frequent.command })],
  ['audit --command without hits', audit({ command: 'nothing' })],
  ['audit --until', audit({ until: longAgo })],
  ['audit --until without hits', audit({ until: now - 800 * dayMs })],
  ['audit --since without hits', audit({ since: now + dayMs })],
  ['audit --since --until', audit({ since: longAgo, until: longAgo + dayMs })],
  ['audit --by --status', audit({ by: rare.moderator, status: 'protected' })],
  ['audit --by --status open', audit({ by: rare.moderator, status: 'open' })],
  ['audit --by --status without hits', audit({ by: frequent.moderator, status: 'cancelled' })],
  ['audit --by --command', audit({ by: rare.moderator, command: rare.command })],
  ['audit --by --command without hits', audit({ by: frequent.moderator, command: 'nothing' })],
  ['audit --by --target', audit({ by: rare.moderator, target: frequent.user })],
  ['audit --by --until', audit({ by: frequent.moderator, until: longAgo })],
  ['audit --command --status', audit({ command: rare.command, status: 'protected' })],
  ['audit --command --until', audit({ command: frequent.command, until: longAgo })],
  ['audit --status --until', audit({ status: 'failed', until: longAgo })],
  ['audit --target --status', audit({ target: frequent.room, status: 'protected' })],
  ['audit --target --until', audit({ target: frequent.room, until: longAgo })],
  [
    'audit --by --command --status --until',
    audit({
      by: frequent.moderator,
      command: frequent.command,
      status: 'protected',
      until: longAgo,
    }),
  ],
  ['audit --target, a room with many entries', audit({ target: frequent.room })],
  ['audit --by --command, a bulk', audit({ by: bulk.moderator, command: bulk.command })],
  [
    'audit --by --command --status without hits, a bulk',
    audit({ by: bulk.moderator, command: bulk.command, status: 'failed' }),
  ],
  [
    'audit --by --status without hits, a confirmed bulk',
    audit({ by: bulk.confirmer, status: 'failed' }),
  ],
  ['audit --text', audit({ text: words.common })],
  ['audit --text, a rare word', audit({ text: words.rare })],
  ['audit --text, a word that occurs once', audit({ text: words.unique })],
  ['audit --text without hits', audit({ text: 'nothing' })],
  ['audit --text, a phrase', audit({ text: '"many rooms after a warning"' })],
  ['audit --text, words that never meet', audit({ text: 'crypto casino' })],
  ['audit --text, a user', audit({ text: frequent.user })],
  ['audit --text, a beginning that very many words have', audit({ text: 'case*' })],
  ['audit --text, a beginning that many words have', audit({ text: 'case1*' })],
  ['audit --text, a beginning that few words have', audit({ text: 'case999*' })],
  ['audit --text, a beginning without hits', audit({ text: 'nothing*' })],
  ['audit --text, the beginning of a word in every entry', audit({ text: 'exam*' })],
  ['audit --text, the beginning of a rare word', audit({ text: 'phish*' })],
  ['audit --text, three beginnings', audit({ text: 'user* exam* case*' })],
  ['audit --text, a beginning and a rare word', audit({ text: `case* ${words.rare}` })],
  ['audit --text, a beginning and words that never meet', audit({ text: 'case* crypto casino' })],
  ['audit --text --by, a beginning', audit({ text: 'case*', by: rare.moderator })],
  ['audit --text --by without hits, a beginning', audit({ text: 'case*', by: '@nobody:x' })],
  [
    'audit --text --by, a beginning that only others use, after 100,000 entries',
    audit({ text: 'case*', by: bulk.moderator }),
  ],
  ['audit --text --target, a beginning', audit({ text: 'case*', target: frequent.room })],
  ['audit --text --command, a beginning', audit({ text: 'case*', command: rare.command })],
  ['audit --text --status open, a beginning', audit({ text: 'case*', status: 'open' })],
  ['audit --text --status unknown, a beginning', audit({ text: 'case*', status: 'unknown' })],
  ['audit --text --until, a beginning', audit({ text: 'case*', until: longAgo })],
  [
    'audit --text --until, the beginning of a word in every entry',
    audit({ text: 'exam*', until: longAgo }),
  ],
  [
    'audit --text --operation, the beginning of a word in every entry, a bulk',
    audit({ text: 'exam*', eventId: bulk.eventId }),
  ],
  [
    'audit --text --status, a phrase with a beginning',
    audit({ text: '"warning case1"*', status: 'protected' }),
  ],
  ['audit --text --by', audit({ text: words.common, by: rare.moderator })],
  ['audit --text --by, a rare word', audit({ text: words.rare, by: frequent.moderator })],
  ['audit --text --by without hits', audit({ text: 'timer', by: frequent.moderator })],
  ['audit --text --target', audit({ text: words.common, target: frequent.user })],
  ['audit --text --target, a room', audit({ text: words.rare, target: frequent.room })],
  ['audit --text --command', audit({ text: words.common, command: rare.command })],
  ['audit --text --status done', audit({ text: words.common, status: 'done' })],
  ['audit --text --status failed', audit({ text: words.common, status: 'failed' })],
  ['audit --text --status unknown', audit({ text: words.rare, status: 'unknown' })],
  ['audit --text --status open', audit({ text: words.common, status: 'open' })],
  ['audit --text --status without hits', audit({ text: words.common, status: 'cancelled' })],
  ['audit --text --until', audit({ text: words.common, until: longAgo })],
  [
    'audit --text --since --until, a rare word',
    audit({ text: words.rare, since: longAgo, until: longAgo + 100 * dayMs }),
  ],
  ['audit --text --operation', audit({ text: words.common, eventId: '$command-1000' })],
  [
    'audit --text --by --command --status --until',
    audit({
      text: words.common,
      by: frequent.moderator,
      command: frequent.command,
      status: 'protected',
      until: longAgo,
    }),
  ],
  [
    'audit, !more at half of the log',
    async ({ auditLog }) => {
      const end = await auditLog.search({ limit: 1 });
      const before = Math.floor((end[0]?.id ?? 0) / 2);
      return auditLog.search({ limit: page, before });
    },
  ],
  ['stats --last 1d', statistics(1)],
  ['stats --last 30d', statistics(30)],
  ['stats --last 730d', statistics(730)],
  ['history of a user', history('user', '@user-1:example.com')],
  ['history of a user with many entries', history('user', frequent.user)],
  ['history of a reporter with many reports', history('user', frequent.reporter)],
  ['history of a room with many entries', history('room', frequent.room)],
  ['reports', reports({ states: ['open', 'claimed'] })],
  ['reports --state resolved', reports({ states: ['resolved'] })],
  ['reports --state all', reports({})],
  ['reports --state all --sender', reports({ sender: frequent.user })],
  ['reports --sender', reports({ states: ['open', 'claimed'], sender: frequent.user })],
  ['reports --state all --room', reports({ roomId: frequent.room })],
  ['reports --room', reports({ states: ['open', 'claimed'], roomId: frequent.room })],
  ['reports --state all --reporter', reports({ reporter: frequent.reporter })],
  ['reports --reporter', reports({ states: ['open', 'claimed'], reporter: frequent.reporter })],
  ['reports --state all --since', reports({ since: now - 365 * dayMs })],
  [
    'reports --state all, !more at half of the list',
    async ({ reportItems }) => {
      const after = { lastReportAt: now - 350 * dayMs, id: 1 };
      await reportItems.search({}, { limit: page + 1, after });
      await reportItems.count({});
    },
  ],
]);

/** Tasks that take longer, and must leave the event loop free for others. */
const longTasks: ReadonlyMap<string, (store: Store) => Promise<unknown>> = new Map([
  ['audit verify', async ({ auditLog }: Store) => auditLog.verify()],
  [
    'audit export, 10 MB',
    async ({ auditLog }: Store) => exportWhole(auditLog, {}, { format: 'jsonl', limit: 20_000 }),
  ],
  [
    'audit export --status --until',
    async ({ auditLog }: Store) =>
      exportWhole(
        auditLog,
        { status: 'protected', until: longAgo + 100 * dayMs },
        { format: 'csv' },
      ),
  ],
  [
    'first reading of the metrics',
    async (store: Store) => createMetricValues(store, [], []).read(),
  ],
  ['stats --last 730d', async (store: Store) => statistics(730)(store, 0)],
  [
    'replay of all reports',
    async (store: Store) => createReplayInputs(await readReplayData(store)),
  ],
]);

/** Measures the audit log, the statistics and the report queue of a large database. */
export async function benchmarkAudit(options: AuditBenchmarkOptions): Promise<Measurement[]> {
  const { short, rows = short ? 20_000 : 1_000_000 } = options;
  const folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-bench-audit-'));
  try {
    const file = options.file ?? path.join(folder, 'lawspeaker.db');
    if (options.file === undefined) {
      await createLargeDatabase(file, { rows, reports: rows / 10, now });
    }
    const measured = [await measureOpening(file, short ? 2 : 10)];
    const store = await openStore(file);
    try {
      for (const [what, query] of queries) {
        measured.push(await measureQuery(what, store, query, short ? 2 : 30));
      }
      for (const [what, task] of longTasks) {
        measured.push(await measureLoop(what, async () => task(store)));
      }
      measured.push(await measureVerifying(store), ...(await measureExporting(store)));
      measured.push(await measureWriting(store, short ? 10 : 300));
    } finally {
      await store.close();
    }
    return measured;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureOpening(file: string, rounds: number): Promise<Measurement> {
  // This updates a database from an older version.
  await (await openStore(file)).close();
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    const store = await openStore(file);
    await store.statistics.countPending();
    times.push(performance.now() - start);
    await store.close();
  }
  return { what: 'opening the database', unit: 'ms', ...spread(times), goal: openGoal };
}

async function measureQuery(
  what: string,
  store: Store,
  query: Query,
  rounds: number,
): Promise<Measurement> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    await query(store, round);
    times.push(performance.now() - start);
    await sleep(1);
  }
  return { what, unit: 'ms', ...spread(times), goal: queryGoal };
}

/** Measures how late the event loop is while `task` runs. */
async function measureLoop(what: string, task: () => Promise<unknown>): Promise<Measurement> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  // The monitor measures only from its second tick on.
  await sleep(20);
  await task();
  await sleep(20);
  delay.disable();
  const ms = (nanoseconds: number) => nanoseconds / 1e6;
  return {
    what: `event loop during ${what}`,
    unit: 'ms',
    median: ms(delay.percentile(50)),
    p95: ms(delay.percentile(95)),
    max: ms(delay.max),
    goal: loopGoal,
  };
}

/** Measures how many rows of the chain are verified in a second. */
async function measureVerifying({ auditLog }: Store): Promise<Measurement> {
  const start = performance.now();
  const { count, fault } = await auditLog.verify();
  if (fault !== undefined) {
    throw new Error(`row ${fault.id} of the benchmark’s own database is ${fault.kind}`);
  }
  const seconds = (performance.now() - start) / 1000;
  return { what: 'rows verified by audit verify', unit: 'per second', median: count / seconds };
}

/** Measures how many entries are exported in a second, and how much memory grows while all of them are. */
async function measureExporting({ auditLog }: Store): Promise<Measurement[]> {
  const measured: Measurement[] = [];
  for (const format of exportFormats) {
    let entries = 0;
    let peak = 0;
    const before = process.memoryUsage().rss;
    const start = performance.now();
    for await (const { count } of exportAudit(auditLog, {}, { format })) {
      entries += count;
      peak = Math.max(peak, process.memoryUsage.rss());
    }
    const seconds = (performance.now() - start) / 1000;
    const what = `${entries.toLocaleString('en')} entries exported as ${format}`;
    measured.push(
      { what, unit: 'per second', median: entries / seconds },
      {
        what: '… memory added by that',
        unit: 'MB',
        median: Math.max(0, peak - before) / 1e6,
        goal: exportGoal,
      },
    );
  }
  return measured;
}

/** Measures writing an intent and its outcome, each in its own transaction, as an operation writes them. */
async function measureWriting(store: Store, rounds: number): Promise<Measurement> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const intent = {
      actor: frequent.moderator,
      command: frequent.command,
      arguments: {},
      target: `@user-${round}:example.com`,
      eventId: `$bench-${round}`,
      roomId: '!management:example.com',
    };
    const start = performance.now();
    const id = await store.transaction(async ({ auditLog }) => auditLog.begin(intent, now));
    await store.transaction(async ({ auditLog }) => auditLog.finish(id, { status: 'done' }, now));
    times.push(performance.now() - start);
  }
  return { what: 'writing an intent and its outcome', unit: 'ms', ...spread(times) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string' },
      file: { type: 'string' },
      short: { type: 'boolean', default: false },
    },
  });
  const { rows, file, short } = values;
  const measured = await benchmarkAudit({
    short,
    file,
    rows: rows === undefined ? undefined : Number(rows),
  });
  console.table(
    measured.map(({ what, median, p95, max, goal }) => ({
      what,
      median: median.toFixed(2),
      p95: p95?.toFixed(2),
      max: max?.toFixed(2),
      goal: goal === undefined ? '' : JSON.stringify(goal),
    })),
  );
}
