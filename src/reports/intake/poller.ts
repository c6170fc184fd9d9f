import { HomeserverError, LawspeakerError, codeOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { ReportReading } from '../../services/bot/bot-operations.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import { takeInReports } from './intake.ts';
import type { ReportSource } from './intake.ts';

export interface Poller {
  start(): void;
  /** Asks at once: a homeserver that was away is back. */
  hurry(): void;
  /** How reading goes, a list each. */
  readings(): ReportReading[];
  /** Resolves when nothing is under way. */
  stop(): Promise<void>;
}

const maxPauseMs = 300_000;
/** All reports are read anew at most so often. */
const readAllEveryMs = 600_000;
/** A list that takes long to answer is asked less often: so many times as long as it took. */
const restFactor = 4;

/** A list, and how reading it goes. Times are by `performance.now()`, which nobody sets back. */
interface Reading {
  readonly source: ReportSource;
  /** Or begun with. */
  readAtMs: number;
  /** Since it was read last, or begun with, it could not be. */
  failure?: { readonly sinceMs: number; readonly error: unknown };
}

/**
 * Asks for new reports every few seconds, since Synapse tells nobody of them; less often while the
 * homeserver suffers. Each list is read by itself: one that fails holds up no other.
 */
export function createPoller(options: {
  readonly store: Pick<Store, 'dataLoss' | 'syncState' | 'transaction'>;
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
  /** What fails for so long is told. */
  readonly troubleAfterMs: number;
  /**
   * A list can't be read for long, and why; without an error: all can be read again. Returns whether
   * that is told: what is told is not told twice.
   */
  readonly onTrouble: (error?: unknown) => Promise<boolean>;
}): Poller {
  const { store, sources, intervalMs, few, now, log, onNew, onBacklog } = options;
  const { troubleAfterMs, onTrouble } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const readings = new Set<Reading>();
  const resting = new Set<() => void>();
  let running: Promise<unknown> = Promise.resolve();

  async function rest(pauseMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        resting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, pauseMs);
      timer.unref();
      resting.add(end);
    });
  }

  /** The lists that can't be read mostly fail for one reason: one message tells of all. */
  let isTroubleTold = false;

  async function succeeded(reading: Reading): Promise<void> {
    reading.readAtMs = performance.now();
    delete reading.failure;
    if (isTroubleTold && [...readings].every(({ failure }) => failure === undefined)) {
      await tell();
    }
  }

  async function failed(reading: Reading, error: unknown): Promise<void> {
    const nowMs = performance.now();
    const { sinceMs = nowMs } = reading.failure ?? {};
    reading.failure = { sinceMs, error };
    if (!isTroubleTold && nowMs - sinceMs >= troubleAfterMs) {
      await tell(error);
    }
  }

  /** It could be read. Does it list what it should? */
  async function judge(reading: Reading): Promise<void> {
    try {
      await reading.source.assertComplete?.();
    } catch (error) {
      log.warn({ kind: reading.source.kind, code: codeOf(error) }, 'not all reports are listed');
      await failed(reading, error);
      return;
    }
    await succeeded(reading);
  }

  async function tell(error?: unknown): Promise<void> {
    // At once, or the other list would tell it, too.
    isTroubleTold = error !== undefined;
    let isTold = false;
    try {
      isTold = await onTrouble(error);
    } catch (untold) {
      log.warn({ code: codeOf(untold) }, 'that reports can’t be read could not be told');
    }
    if (!isTold) {
      isTroubleTold = error === undefined;
    }
  }

  async function complain(reading: Reading, error: unknown, pauseMs: number): Promise<void> {
    const { kind } = reading.source;
    if (!(error instanceof LawspeakerError)) {
      log.error({ kind, err: error }, 'reports could not be read by a fault of ours');
    }
    if (!signal.aborted) {
      log.warn({ kind, code: codeOf(error), pauseMs }, 'reports could not be read, trying again');
      await failed(reading, error);
    }
  }

  async function poll(source: ReportSource): Promise<void> {
    const reading: Reading = { source, readAtMs: performance.now() };
    readings.add(reading);
    let isOffered = true;
    let readAllAt = Number.NEGATIVE_INFINITY;
    let pauseMs = intervalMs;
    while (!signal.aborted) {
      const startedAt = performance.now();
      try {
        const taken = await takeInReports(store, source, {
          few,
          mayReadAll: startedAt - readAllAt >= readAllEveryMs,
          now,
          onBacklog: async (tables, total) => onBacklog(tables, source.kind, total),
        });
        if (taken.hasReadAll) {
          readAllAt = startedAt;
        }
        if (taken.found > 0 || taken.backlog !== undefined) {
          onNew(source.kind);
        }
        isOffered = true;
        await judge(reading);
        const tookMs = performance.now() - startedAt;
        pauseMs = Math.min(Math.max(intervalMs, tookMs * restFactor), maxPauseMs);
      } catch (error) {
        if (isNotOffered(source, error)) {
          // It is asked for again: the homeserver may be updated, and its figure must not vanish.
          if (isOffered) {
            log.info({ kind: source.kind }, 'this homeserver has no such reports');
          }
          isOffered = false;
          pauseMs = maxPauseMs;
          await succeeded(reading);
        } else {
          pauseMs = Math.min(pauseMs * 2, maxPauseMs);
          await complain(reading, error, pauseMs);
        }
      }
      if (!signal.aborted) {
        await rest(pauseMs);
      }
    }
  }

  const endRests = () => resting.forEach((end) => end());

  return {
    start() {
      running = Promise.all(sources.map(poll));
    },
    hurry: endRests,
    readings() {
      const nowMs = performance.now();
      return [...readings].map(({ source, readAtMs, failure }) => ({
        kind: source.kind,
        ageMs: nowMs - readAtMs,
        failing: failure && { forMs: nowMs - failure.sinceMs, why: wordsOf(failure.error) },
      }));
    },
    async stop() {
      stopping.abort();
      endRests();
      await running;
    },
  };
}

/** What an error of any kind says to people. */
export function wordsOf(error: unknown): string {
  return error instanceof LawspeakerError ? error.message : 'the bot has a fault of its own';
}

/**
 * Older servers have no reports of users, and say so. Any other 404 is trouble: a proxy that is being
 * set up, say, or the wrong address.
 */
function isNotOffered({ kind }: ReportSource, error: unknown): boolean {
  return (
    kind === 'user' &&
    error instanceof HomeserverError &&
    error.status === 404 &&
    error.errcode === 'M_UNRECOGNIZED'
  );
}
