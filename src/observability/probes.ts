import { createHealth } from './health.ts';
import type { Vitals } from './health.ts';
import { startHttp } from './http.ts';
import { createMetrics } from './metrics.ts';
import type { MetricSources } from './metrics.ts';

/** What the probes look at once the bot is built. */
export type Watched = Vitals &
  Pick<MetricSources, 'figures' | 'reportReadings'> & { syncFailures(): number };

/** Health and metrics, as the bot feeds them. */
export interface Probes {
  /** The bot is built; from now on this is looked at. */
  watch(watched: Watched): void;
  /** The start is done. */
  started(): void;
  /** It works no more, and why: `is stopping`. */
  over(what: string): void;
  close(): Promise<void>;
}

/** For a bot that nobody looks at. */
const noProbes: Probes = {
  watch: () => undefined,
  started: () => undefined,
  over: () => undefined,
  close: async () => undefined,
};

/**
 * Opens the address for probes and metrics, before anything else of the bot is there: that it still
 * waits for something can be seen there, too.
 *
 * @param address.written as the configuration has it; undefined for none
 * @throws SetupError it can't be listened on
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
    // What ends takes its database with it.
    if (health.deathCause() === undefined) {
      log.error({ err: error }, 'the metrics could not be read');
    }
  };
  const metrics = createMetrics({
    version,
    isReady: async () => (await health.faults()).length === 0,
    now: Date.now,
    onError,
  });
  try {
    const { host, port, written } = address;
    const { deathCause, faults } = health;
    const server = await startHttp({ host, port }, written, {
      deathCause,
      faults,
      metrics,
      onError,
    });
    return {
      ...health,
      watch(watched) {
        health.watch(watched);
        metrics.watch({
          figures: watched.figures,
          reportReadings: watched.reportReadings,
          canSpeak: () => watched.silence() === undefined,
          sync: () => ({ ageMs: watched.syncAgeMs(), failures: watched.syncFailures() }),
        });
        // The first look goes along all there is: better now than while somebody waits.
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
