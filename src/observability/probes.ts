import { createHealth } from './health.ts';
import type { Vitals } from './health.ts';
import { startHttp } from './http.ts';
import type { Pages } from './http.ts';
import { createMetrics } from './metrics.ts';
import type { MetricSources } from './metrics.ts';

/** What probes and metrics read. */
type ProbeInput = Vitals &
  Pick<MetricSources, 'accounts' | 'homeservers' | 'values' | 'reportReadings'> & {
    syncFailures(): number;
  };

/** The probes and metrics of the bot, over HTTP. */
export interface Probes {
  /** Call it when the bot is built: from then on, this is read. */
  watch(input: ProbeInput): void;
  /** Serves these pages, too, until it is called again. */
  serve(pages: Pages | undefined): void;
  /** Call it if another process leads: this one waits. */
  standsBy(): void;
  /** Call it when the bot has started. */
  started(): void;
  /** Call it when the bot no longer works, with the reason, such as `is stopping`. */
  over(what: string): void;
  close(): Promise<void>;
}

/** Used if no address is configured. */
const noProbes: Probes = {
  watch: () => undefined,
  serve: () => undefined,
  standsBy: () => undefined,
  started: () => undefined,
  over: () => undefined,
  close: async () => undefined,
};

/**
 * Serves probes and metrics. This starts before all other parts of the bot, so that the probes show what
 * the start is waiting for.
 *
 * @param address.written as it is in the configuration
 * @throws SetupError it can't listen there
 */
export async function openProbes(
  address: { readonly host: string; readonly port: number; readonly written: string } | undefined,
  options: {
    readonly version: string;
    readonly log: { error(fields: object, message: string): void };
  },
): Promise<Probes> {
  if (address === undefined) {
    return noProbes;
  }
  const { version, log } = options;
  const health = createHealth();
  const onError = (error: unknown) => {
    // When the bot stops, its database is closed.
    if (health.deathCause() === undefined) {
      log.error({ err: error }, 'could not read the metrics');
    }
  };
  const metrics = createMetrics({
    version,
    isReady: async () => (await health.faults()).length === 0,
    now: Date.now,
    onError,
  });
  let pages: Pages | undefined;
  try {
    const { host, port, written } = address;
    const { deathCause, faults } = health;
    const server = await startHttp({ host, port }, written, {
      deathCause,
      faults,
      metrics,
      pages: () => pages,
      onError,
    });
    return {
      ...health,
      serve(given) {
        pages = given;
      },
      standsBy() {
        health.standsBy();
        metrics.standsBy();
      },
      watch(input) {
        health.watch(input);
        metrics.watch({
          accounts: input.accounts,
          homeservers: input.homeservers,
          values: input.values,
          reportReadings: input.reportReadings,
          canSpeak: () => input.whyUnableToSend() === undefined,
          sync: () => ({ ageMs: input.syncAgeMs(), failures: input.syncFailures() }),
        });
        // The first reading counts everything, so do it now, while nobody waits for it.
        metrics.text().catch(onError);
      },
      async close() {
        metrics.stop();
        await server.stop();
      },
    };
  } catch (error) {
    metrics.stop();
    throw error;
  }
}
