import type { Registry } from '../chat/command/declaration.ts';
import { recordCommandsIn } from '../chat/command/registry.ts';
import { writeListenAddress } from '../config/listen.ts';
import type { Config } from '../config/schema.ts';
import { version } from '../core/version.ts';
import type { RoomSync } from '../matrix/sync/sync.ts';
import { usualLongPollMs } from '../matrix/sync/sync.ts';
import type { Logger } from '../observability/log.ts';
import { openProbes } from '../observability/probes.ts';
import type { Probes } from '../observability/probes.ts';
import type { SendPermission } from '../operations/management-room.ts';
import { isOnSignUps } from '../reports/sign-ups/sign-up-rule.ts';
import type { ReportReading } from '../services/bot/bot-operations.ts';
import { createMetricValues } from '../services/bot/metric-values.ts';
import type { Store } from '../store/store.ts';
import type { Homeservers } from './homeservers.ts';
import { usualReportTroubleMs } from './timing.ts';
import type { Timing } from './timing.ts';

const usualSyncMarginMs = 15_000;

/** Opens the address of probes and metrics. @throws SetupError it can't be opened */
export async function openConfiguredProbes(
  { http: { listen } }: Pick<Config, 'http'>,
  log: Logger,
): Promise<Probes> {
  return openProbes(
    listen === 'off' ? undefined : { ...listen, written: writeListenAddress(listen) },
    { version, log },
  );
}

/** Lets the probes watch the running bot. */
export function watchBot(
  probes: Probes,
  {
    config,
    store,
    registry,
    sync,
    readings,
    sendPermission,
    homeservers,
    masFault,
    timing,
  }: {
    readonly config: Config;
    readonly store: Store;
    readonly registry: Pick<Registry, 'all'>;
    readonly sync: RoomSync;
    /** How reading each of the homeserver's lists goes. */
    readonly readings: () => ReportReading[];
    readonly sendPermission: Pick<SendPermission, 'whyMissing'>;
    /** Only the first counts for whether the bot is ready. */
    readonly homeservers: Homeservers;
    /** Undefined if the homeserver keeps its accounts itself. */
    readonly masFault: (() => string | undefined) | undefined;
    readonly timing: Timing;
  },
): void {
  const { longPollMs = usualLongPollMs, syncMarginMs = usualSyncMarginMs } = timing;
  const rules = config.reports.rules.map((rule) => ({
    rule: rule.name,
    mode: isOnSignUps(rule) ? ('alert' as const) : rule.mode,
  }));
  probes.watch({
    syncAgeMs: () => sync.ageMs,
    syncFailures: () => sync.health.failures,
    homeservers: () => [
      { serverName: homeservers.first.serverName, isUp: sync.health.online },
      ...homeservers.states().map(({ serverName, version: known, trouble }) => ({
        serverName,
        isUp: known !== undefined && trouble === undefined,
      })),
    ],
    reportReadings: readings,
    maxSyncAgeMs: 2 * longPollMs + syncMarginMs,
    whyUnableToSend: sendPermission.whyMissing,
    maxReportFailureMs: timing.reportTroubleMs ?? usualReportTroubleMs,
    ...(masFault === undefined ? {} : { masFault, accounts: 'mas' as const }),
    readDatabase: store.statistics.ping,
    values: createMetricValues(store, rules, recordCommandsIn(registry)).read,
  });
}
