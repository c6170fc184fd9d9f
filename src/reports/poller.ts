import { setTimeout as wait } from 'node:timers/promises';

import { HomeserverError, LawspeakerError } from '../errors.ts';
import type { Log } from '../pipeline/house.ts';
import type { Store, StoreTables } from '../store/store.ts';
import { takeInReports } from './intake.ts';
import type { ReportSource } from './intake.ts';

export interface Poller {
  start(): void;
  /** Resolves when nothing is under way. */
  stop(): Promise<void>;
}

const longestPauseMs = 300_000;
/** All reports are read anew at most so often. */
const readAllEveryMs = 600_000;
/** A list that takes long to answer is asked less often: so many times as long as it took. */
const restFactor = 4;

/**
 * Asks for new reports every few seconds, since Synapse tells nobody of them; less often while the
 * homeserver suffers. Each list is read by itself: one that fails holds up no other.
 */
export function createPoller(options: {
  readonly store: Pick<Store, 'syncState' | 'transaction'>;
  readonly sources: readonly ReportSource[];
  readonly intervalMs: number;
  /** More reports than this at the first start are summed up. */
  readonly few: number;
  readonly now: () => number;
  readonly log: Log;
  /** There may be something new in the store. */
  readonly onNew: (kind: ReportSource['kind']) => void;
  readonly onBacklog: (
    tables: StoreTables,
    kind: ReportSource['kind'],
    total: number,
  ) => Promise<void>;
}): Poller {
  const { store, sources, intervalMs, few, now, log, onNew, onBacklog } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<unknown> = Promise.resolve();

  async function poll(source: ReportSource): Promise<void> {
    let readAllAt = Number.NEGATIVE_INFINITY;
    let pauseMs = intervalMs;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        const reading = await takeInReports(store, source, {
          few,
          mayReadAll: startedAt - readAllAt >= readAllEveryMs,
          now,
          onBacklog: async (tables, total) => onBacklog(tables, source.kind, total),
        });
        if (reading.hasReadAll) {
          readAllAt = startedAt;
        }
        if (reading.found > 0 || reading.backlog !== undefined) {
          onNew(source.kind);
        }
        const tookMs = performance.now() - startedAt;
        pauseMs = Math.min(Math.max(intervalMs, tookMs * restFactor), longestPauseMs);
      } catch (error) {
        if (isMissing(error)) {
          log.info({ kind: source.kind }, 'this homeserver has no such reports');
          return;
        }
        if (!(error instanceof LawspeakerError)) {
          log.error(
            { kind: source.kind, err: error },
            'reports could not be read by a fault of ours',
          );
        }
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
        if (!signal.aborted) {
          const code = error instanceof LawspeakerError ? error.code : 'internal';
          log.warn({ kind: source.kind, code, pauseMs }, 'reports could not be read, trying again');
        }
      }
      await wait(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  return {
    start() {
      running = Promise.all(sources.map(poll));
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Older servers have no reports of users. */
function isMissing(error: unknown): boolean {
  return error instanceof HomeserverError && error.status === 404;
}
