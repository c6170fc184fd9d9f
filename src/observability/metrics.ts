import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

import { watchRequests } from './requests.ts';

/** The figures of this moment, as the tables give them. Counts are since the first start. */
export interface MetricValues {
  /** Items of the report queue by state. */
  readonly items: Readonly<Record<string, number>>;
  /** Milliseconds since 1970. */
  readonly oldestOpenAt: number | undefined;
  readonly reports: number;
  readonly ruleActionsLastHour: number;
  readonly firings: readonly { rule: string; mode: string; count: number }[];
  readonly actions: readonly { command: string; status: string; count: number }[];
  readonly work: readonly { by: string; what: string; count: number }[];
  /** What is begun and not ended, by kind. */
  readonly open: {
    readonly inbox: number;
    readonly outbox: number;
    readonly executions: number;
    readonly confirmations: number;
    readonly jobs: number;
  };
  /** Items that were claimed or settled since the last look. */
  readonly steps: readonly { what: string; by: string; tookMs: number }[];
}

/** What the metrics look at once the bot is built. */
export interface MetricSources {
  figures(): Promise<MetricValues>;
  /** Whether the bot can speak in the management room. */
  canSpeak(): boolean;
  sync(): { readonly ageMs: number | undefined; readonly failures: number };
  /** The lists of reports that are read. */
  reportReadings(): readonly { readonly kind: string; readonly ageMs: number }[];
}

export interface Metrics {
  readonly contentType: string;
  /** The bot is built; from now on these are looked at. */
  watch(sources: MetricSources): void;
  /** In Prometheus' text form. Several at a time share one look. */
  text(): Promise<string>;
  stop(): void;
}

const prefix = 'lawspeaker_';
/** From a network's best to the longest that a request may take. */
const requestSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** From a minute to a week: how long people take. */
const workSeconds = [60, 300, 900, 3600, 14_400, 43_200, 86_400, 259_200, 604_800];

/**
 * The metrics of one bot. The figures come from the database at each look, so that a restart loses
 * none; where it can't be read, those are left out and `lawspeaker_database_readable` is 0. Nothing
 * that users wrote becomes a label: the labels are names of commands, states, rules and moderators.
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

  gauge('info', 'What runs', ['version', 'node']).set(
    { version: options.version, node: process.versions.node },
    1,
  );
  const ready = gauge('ready', '1 where /health/ready says so');
  const canSpeak = gauge('can_speak', '1 where the bot can speak in the management room');
  const databaseReadable = gauge('database_readable', '1 where the last look could read it');
  const syncAge = gauge('sync_age_seconds', 'Since the homeserver last answered a sync');
  const syncFailures = counter('sync_failures', 'Syncs that failed since the start of the process');
  const readingAge = gauge(
    'report_reading_age_seconds',
    'Since a list of reports was last read: growing, nothing that is reported comes in',
    ['kind'],
  );
  const requests = histogram(
    'homeserver_request',
    'Until the homeserver began to answer; status none where it did not',
    ['api', 'method', 'status'],
    requestSeconds,
  );

  const items = gauge('report_items', 'Items of the report queue', ['state']);
  const oldestOpen = gauge(
    'report_oldest_open_seconds',
    'How long the oldest item that is not settled has been open; 0 where there is none',
  );
  const reports = counter('reports', 'Reports taken in');
  const claiming = histogram(
    'report_claim',
    'From the opening of an item to its first claim, by who claimed it',
    ['by'],
    workSeconds,
  );
  const settling = histogram(
    'report_resolve',
    'From the opening of an item to its first settlement, by how and by whom',
    ['state', 'by'],
    workSeconds,
  );
  const firings = counter('rule_firings', 'Items that a rule has fitted', ['rule', 'mode']);
  const ruleActions = gauge(
    'rule_actions_last_hour',
    'Actions of rules; at reports.maxActionsPerHour they only propose',
  );
  const actions = counter(
    'actions',
    'Ends of audited actions and refusals; one that was unknown first counts again when it is known',
    ['command', 'status'],
  );
  const work = counter(
    'work',
    'Audited actions asked for and confirmed, items claimed, resolved and dismissed, by whom',
    ['by', 'what'],
  );
  const open = {
    inbox: gauge('inbox_open', 'Commands and reactions that are not handled yet'),
    outbox: gauge('outbox_open', 'Messages that are not sent yet'),
    executions: gauge('executions_open', 'Actions without an outcome'),
    confirmations: gauge('confirmations_pending', 'Questions that wait for an answer'),
    jobs: gauge('jobs_waiting', 'Timed reversals that wait'),
  };
  const labelled = [items, firings, actions, work];
  const plain = [oldestOpen, reports, ruleActions, ...Object.values(open)];
  /** A count that is not known is left out: a 0 in its place would look like a loss, then a rush. */
  const hide = () => {
    labelled.forEach((metric) => metric.reset());
    plain.forEach((metric) => metric.remove());
  };
  hide();
  syncAge.remove();
  canSpeak.remove();

  const stopWatching = watchRequests(({ seconds, ...labels }) => requests.observe(labels, seconds));

  let sources: MetricSources | undefined;

  function show(figures: MetricValues): void {
    // Without a pause in between, so that nobody sees half of it.
    hide();
    Object.entries(figures.items).forEach(([state, count]) => items.set({ state }, count));
    const { oldestOpenAt } = figures;
    oldestOpen.set(
      oldestOpenAt === undefined ? 0 : Math.max(0, options.now() - oldestOpenAt) / 1000,
    );
    reports.inc(figures.reports);
    ruleActions.set(figures.ruleActionsLastHour);
    figures.firings.forEach(({ rule, mode, count }) => firings.inc({ rule, mode }, count));
    figures.actions.forEach(({ command, status, count }) =>
      actions.inc({ command, status }, count),
    );
    figures.work.forEach(({ by, what, count }) => work.inc({ by, what }, count));
    open.inbox.set(figures.open.inbox);
    open.outbox.set(figures.open.outbox);
    open.executions.set(figures.open.executions);
    open.confirmations.set(figures.open.confirmations);
    open.jobs.set(figures.open.jobs);
    for (const { what, by, tookMs } of figures.steps) {
      if (what === 'claimed') {
        claiming.observe({ by }, tookMs / 1000);
      } else {
        settling.observe({ state: what, by }, tookMs / 1000);
      }
    }
  }

  async function look(): Promise<string> {
    ready.set((await options.isReady()) ? 1 : 0);
    if (sources !== undefined) {
      canSpeak.set(sources.canSpeak() ? 1 : 0);
      const { ageMs, failures } = sources.sync();
      if (ageMs !== undefined) {
        syncAge.set(ageMs / 1000);
      }
      readingAge.reset();
      for (const { kind, ageMs: readMs } of sources.reportReadings()) {
        readingAge.set({ kind }, readMs / 1000);
      }
      syncFailures.reset();
      syncFailures.inc(failures);
      try {
        show(await sources.figures());
        databaseReadable.set(1);
      } catch (error) {
        options.onError(error);
        hide();
        databaseReadable.set(0);
      }
    }
    return registry.metrics();
  }

  let looking: Promise<string> | undefined;
  return {
    contentType: registry.contentType,
    watch(found) {
      sources = found;
    },
    async text() {
      looking ??= look().finally(() => (looking = undefined));
      return looking;
    },
    stop: stopWatching,
  };
}
