import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

import { present } from '../core/present.ts';
import { watchRequests } from './requests.ts';

/** The current values, as the database has them. Counts are since the first start. */
export interface MetricValues {
  /** Items of the report queue by state. */
  readonly items: Readonly<Record<string, number>>;
  /** Milliseconds since 1970. */
  readonly oldestOpenAt: number | undefined;
  readonly reports: number;
  readonly ruleActionsLastHour: number;
  readonly ruleMatches: readonly { rule: string; mode: string; count: number }[];
  readonly actions: readonly { command: string; status: string; count: number }[];
  readonly work: readonly { by: string; what: string; count: number }[];
  /** How much is pending, by kind. */
  readonly pending: {
    readonly inbox: number;
    readonly outbox: number;
    readonly operations: number;
    readonly confirmations: number;
    readonly scheduled: number;
  };
  /** Items that were claimed, resolved or dismissed since the values were last read. */
  readonly steps: readonly { what: string; by: string; tookMs: number }[];
}

/** Where the values of the metrics come from. */
export interface MetricSources {
  values(): Promise<MetricValues>;
  /** The service that the homeserver delegates accounts to; undefined if it keeps them itself. */
  readonly accounts?: 'mas' | undefined;
  /** Whether each homeserver answers, and lets the bot work there. */
  homeservers(): readonly { readonly serverName: string; readonly isUp: boolean }[];
  /** Whether the bot can speak in the management room. */
  canSpeak(): boolean;
  sync(): { readonly ageMs: number | undefined; readonly failures: number };
  /** How long ago each list of reports was read. */
  reportReadings(): readonly {
    readonly kind: string;
    /** Set if it is not the first homeserver. */
    readonly serverName?: string;
    readonly ageMs: number;
  }[];
}

export interface Metrics {
  readonly contentType: string;
  /** Call it if another process leads: until there is a bot, only the versions and the process are shown. */
  standsBy(): void;
  /** Call it when the bot is built: from then on, these are read. */
  watch(sources: MetricSources): void;
  /** The metrics in Prometheus' text format. Concurrent calls share the result. */
  text(): Promise<string>;
  stop(): void;
}

const prefix = 'lawspeaker_';
/** From a fast local answer to the longest that a request may take. */
const requestSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** How long people take: from a minute to a week. */
const workSeconds = [60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200, 604_800];

/**
 * Creates the metrics of a bot. The values are read from the database each time, so that a restart does
 * not reset them. If the database can't be read, they are left out and `lawspeaker_database_readable` is
 * 0. Text of users never becomes a label: labels are names of
 * commands, states, rules, moderators and homeservers.
 */
export function createMetrics(options: {
  readonly version: string;
  isReady(): Promise<boolean>;
  now(): number;
  onError(error: unknown): void;
}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const gauge = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ) => new Gauge({ name: `${prefix}${name}`, help, labelNames, registers });
  const counter = <Label extends string = never>(
    name: string,
    help: string,
    labelNames: Label[] = [],
  ) => new Counter({ name: `${prefix}${name}_total`, help, labelNames, registers });
  const histogram = <Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    buckets: number[],
  ) => new Histogram({ name: `${prefix}${name}_seconds`, help, labelNames, buckets, registers });

  const info = gauge('info', 'The running versions', ['version', 'node', 'accounts']);
  const versions = { version: options.version, node: process.versions.node };
  info.set(versions, 1);
  const ready = gauge('ready', '1 if /health/ready says ready');
  const canSpeak = gauge('can_speak', '1 if the bot can speak in the management room');
  const databaseReadable = gauge('database_readable', '1 if the database could be read');
  const syncAge = gauge('sync_age_seconds', 'Time since the homeserver last answered a sync');
  const syncFailures = counter('sync_failures', 'Syncs that have failed since the process started');
  const homeserverUp = gauge(
    'homeserver_up',
    '1 if the homeserver answers and the bot can work there',
    ['server'],
  );
  const readingAge = gauge(
    'report_reading_age_seconds',
    'Time since a list of reports or new accounts was last read; while it grows, no new ones arrive',
    ['kind', 'server'],
  );
  const requests = histogram(
    'homeserver_request',
    'Time until the homeserver or MAS answered; status none if it did not',
    ['api', 'method', 'status'],
    requestSeconds,
  );

  const items = gauge('report_items', 'Items of the report queue', ['state']);
  const oldestOpen = gauge(
    'report_oldest_open_seconds',
    'How long the oldest open or claimed item has been open; 0 if there is none',
  );
  const reports = counter('reports', 'Reports received');
  const claiming = histogram(
    'report_claim',
    'From the opening of an item to its first claim, by who claimed it',
    ['by'],
    workSeconds,
  );
  const closing = histogram(
    'report_resolve',
    'From the opening of an item to its first resolution or dismissal, by whom',
    ['state', 'by'],
    workSeconds,
  );
  const ruleMatches = counter('rule_firings', 'Items that a rule has matched', ['rule', 'mode']);
  const ruleActions = gauge(
    'rule_actions_last_hour',
    'Actions of rules; from reports.maxActionsPerHour on, they only propose',
  );
  const actions = counter(
    'actions',
    'Outcomes of audited actions, and refusals; an unknown outcome counts again when it is known',
    ['command', 'status'],
  );
  const work = counter(
    'work',
    'Audited actions requested and confirmed, and items claimed, resolved and dismissed, by whom',
    ['by', 'what'],
  );
  const pending = {
    inbox: gauge('inbox_open', 'Commands and reactions that are not handled yet'),
    outbox: gauge('outbox_open', 'Messages that are not sent yet'),
    operations: gauge('executions_open', 'Actions without an outcome'),
    confirmations: gauge('confirmations_pending', 'Pending confirmations'),
    scheduled: gauge('jobs_waiting', 'Operations that are scheduled, and timers'),
  };
  const labelled = [items, ruleMatches, actions, work];
  const plain = [oldestOpen, reports, ruleActions, ...Object.values(pending)];
  /** An unknown count is left out: a 0 would look like a loss, and later like a rush. */
  const hide = () => {
    labelled.forEach((metric) => metric.reset());
    plain.forEach((metric) => metric.remove());
  };
  hide();
  // Nothing of this is known before there is a bot.
  [syncAge, syncFailures, canSpeak, databaseReadable].forEach((metric) => metric.remove());

  const stopWatching = watchRequests(({ seconds, ...labels }) => requests.observe(labels, seconds));

  let sources: MetricSources | undefined;
  let standsBy = false;

  function show(values: MetricValues): void {
    // Synchronous, so that nobody reads half of it.
    hide();
    Object.entries(values.items).forEach(([state, count]) => items.set({ state }, count));
    const { oldestOpenAt } = values;
    oldestOpen.set(
      oldestOpenAt === undefined ? 0 : Math.max(0, options.now() - oldestOpenAt) / 1000,
    );
    reports.inc(values.reports);
    ruleActions.set(values.ruleActionsLastHour);
    values.ruleMatches.forEach(({ rule, mode, count }) => ruleMatches.inc({ rule, mode }, count));
    values.actions.forEach(({ command, status, count }) => actions.inc({ command, status }, count));
    values.work.forEach(({ by, what, count }) => work.inc({ by, what }, count));
    pending.inbox.set(values.pending.inbox);
    pending.outbox.set(values.pending.outbox);
    pending.operations.set(values.pending.operations);
    pending.confirmations.set(values.pending.confirmations);
    pending.scheduled.set(values.pending.scheduled);
    for (const { what, by, tookMs } of values.steps) {
      if (what === 'claimed') {
        claiming.observe({ by }, tookMs / 1000);
      } else {
        closing.observe({ state: what, by }, tookMs / 1000);
      }
    }
  }

  async function read(): Promise<string> {
    if (standsBy) {
      // It is as it should be, and must not alert anybody.
      ready.remove();
    } else {
      ready.set((await options.isReady()) ? 1 : 0);
    }
    if (sources !== undefined) {
      canSpeak.set(sources.canSpeak() ? 1 : 0);
      const { ageMs, failures } = sources.sync();
      if (ageMs !== undefined) {
        syncAge.set(ageMs / 1000);
      }
      homeserverUp.reset();
      for (const { serverName: server, isUp } of sources.homeservers()) {
        homeserverUp.set({ server }, isUp ? 1 : 0);
      }
      readingAge.reset();
      for (const { kind, serverName: server, ageMs: readMs } of sources.reportReadings()) {
        readingAge.set({ kind, ...present({ server }) }, readMs / 1000);
      }
      syncFailures.reset();
      syncFailures.inc(failures);
      try {
        show(await sources.values());
        databaseReadable.set(1);
      } catch (error) {
        options.onError(error);
        hide();
        databaseReadable.set(0);
      }
    }
    return registry.metrics();
  }

  let reading: Promise<string> | undefined;
  return {
    contentType: registry.contentType,
    standsBy() {
      standsBy = true;
    },
    watch(found) {
      standsBy = false;
      sources = found;
      const { accounts } = found;
      if (accounts !== undefined) {
        info.reset();
        info.set({ ...versions, accounts }, 1);
      }
    },
    async text() {
      reading ??= read().finally(() => (reading = undefined));
      return reading;
    },
    stop: stopWatching,
  };
}
