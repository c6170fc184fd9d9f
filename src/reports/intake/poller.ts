import { createBackoff } from '../../core/async/backoff.ts';
import { isLate } from '../../core/async/patience.ts';
import { createWorker } from '../../core/async/worker.ts';
import type { Worker } from '../../core/async/worker.ts';
import { minuteMs } from '../../core/duration.ts';
import { HomeserverError, LawspeakerError, codeOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { ReportReading } from '../../services/bot/bot-operations.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { GiveWay } from '../give-way.ts';
import { importReports } from './intake.ts';
import type { ReportSource } from './intake.ts';
import { atWorkMs, pollPause } from './poll-pause.ts';
import { createTrouble } from './trouble.ts';

export interface Poller {
  start(): void;
  /** Reads at once: the homeserver is reachable again. */
  hurry(): void;
  /** Somebody is at work in the room: reads more often for a while. */
  noteActivity(): void;
  /** Reads at once. Resolves when each list is read or has failed, after a second at the latest. */
  refresh(): Promise<void>;
  /** How reading each list goes. */
  readings(): ReportReading[];
  /** Resolves when nothing is in flight. */
  stop(): Promise<void>;
}

const maxPauseMs = 5 * minuteMs;
/** The minimum time between two readings of all reports. */
const readAllEveryMs = 10 * minuteMs;
/** How soon lists are read when somebody comes to work. Their command goes first. */
const soonMs = 1000;
/** How long an answer may wait for the newest reports. */
const refreshPatienceMs = 1000;
/** After a slow answer the pause is this many times as long as the answer took. */
const restFactor = 4;

/** How reading a list goes. Times are by `performance.now()`, which nobody sets back. */
interface Reading {
  readonly source: ReportSource;
  /** When the list was last read, or when the bot started. */
  readAtMs: number;
  /** Set while the list can't be read. */
  failure?: { readonly sinceMs: number; readonly error: unknown };
  /** The homeserver may have started again with other settings. */
  isHurried: boolean;
  /** Called when the list has been read, or could not be. */
  readonly waiting: (() => void)[];
}

/** A list and what reads it. */
interface ListPoller {
  readonly reading: Reading;
  readonly worker: Worker;
}

/**
 * Asks for new reports every few seconds, since Synapse does not push them: more or less often, see
 * `pollPause`, and less often while the homeserver has trouble. Each list is read by itself, so that one
 * that fails doesn't hold up another.
 */
export function createPoller(options: {
  readonly store: Pick<Store, 'dataLoss' | 'syncState' | 'transaction'>;
  readonly sources: readonly ReportSource[];
  /** As configured. */
  readonly intervalMs: number;
  /** If there are more reports than this at the first start, they get no cards. */
  readonly few: number;
  readonly now: () => number;
  readonly log: Log;
  readonly giveWay: GiveWay;
  /** There may be new reports in the store. */
  readonly onNew: (kind: ReportSource['kind']) => void;
  readonly onBacklog: (
    tables: StoreTables,
    kind: ReportSource['kind'],
    total: number,
  ) => Promise<void>;
  /** How long a list must fail before `onTrouble` is called. */
  readonly troubleAfterMs: number;
  /**
   * Called with an error when a list has failed for long, and without one when all lists can be read
   * again. Returns whether it has told people: if so, it is not called again for the same thing.
   */
  readonly onTrouble: (error?: unknown) => Promise<boolean>;
}): Poller {
  const { store, sources, intervalMs, few, now, log, giveWay, onNew, onBacklog } = options;
  const { troubleAfterMs, onTrouble } = options;
  let lists: readonly ListPoller[] = [];
  const trouble = createTrouble({ log, afterMs: troubleAfterMs, onTrouble });
  let eventAtMs = Number.NEGATIVE_INFINITY;
  let reportAtMs = Number.NEGATIVE_INFINITY;

  /** The pause that the lists need by now. */
  function usualPauseMs(kind: ReportSource['kind']): number {
    const nowMs = performance.now();
    return pollPause(kind, intervalMs, {
      eventMs: nowMs - eventAtMs,
      reportMs: nowMs - reportAtMs,
    });
  }

  async function succeeded(reading: Reading): Promise<void> {
    reading.readAtMs = performance.now();
    delete reading.failure;
    if (lists.every(({ reading }) => reading.failure === undefined)) {
      await trouble.isOver();
    }
  }

  async function failed(reading: Reading, error: unknown): Promise<void> {
    const nowMs = performance.now();
    const { sinceMs = nowMs } = reading.failure ?? {};
    reading.failure = { sinceMs, error };
    await trouble.lasts(nowMs - sinceMs, error);
  }

  /** The list could be read, but is it complete? */
  async function checkCompleteness(reading: Reading): Promise<void> {
    try {
      await reading.source.assertComplete?.({ isFresh: reading.isHurried });
      reading.isHurried = false;
    } catch (error) {
      log.warn(
        { kind: reading.source.kind, code: codeOf(error) },
        'the homeserver does not list all reports',
      );
      await failed(reading, error);
      return;
    }
    await succeeded(reading);
  }

  function createListPoller(source: ReportSource, startedAt: number): ListPoller {
    const { kind } = source;
    const readAtMs = performance.now();
    const reading: Reading = { source, readAtMs, isHurried: false, waiting: [] };
    const backoff = createBackoff({ firstMs: intervalMs * 2, maxMs: maxPauseMs });
    let isOffered = true;
    let readAllAt = Number.NEGATIVE_INFINITY;

    /** Returns how long to pause. */
    async function read(signal: AbortSignal): Promise<number> {
      const readingAt = performance.now();
      const result = await importReports(store, source, {
        startedAt,
        few,
        mayReadAll: readingAt - readAllAt >= readAllEveryMs,
        now,
        giveWay,
        signal,
        onBacklog: async (tables, total) => onBacklog(tables, kind, total),
      });
      if (result.hasReadAll) {
        readAllAt = readingAt;
      }
      if (result.found > 0 || result.backlog !== undefined) {
        reportAtMs = performance.now();
        onNew(kind);
        // The other list may also have new reports. A list that fails keeps its pauses.
        const others = lists.filter(({ reading: other }) => other.failure === undefined);
        others.forEach(({ worker: other }) => other.wakeIn(usualPauseMs(kind)));
      }
      isOffered = true;
      await checkCompleteness(reading);
      const tookMs = performance.now() - readingAt;
      const pauseMs = Math.max(usualPauseMs(kind), Math.min(tookMs * restFactor, maxPauseMs));
      backoff.reset(Math.max(intervalMs, pauseMs) * 2);
      return pauseMs;
    }

    /** Returns how long to pause. */
    async function handleFailure(error: unknown, signal: AbortSignal): Promise<number> {
      if (signal.aborted) {
        return maxPauseMs;
      }
      if (isNotOffered(source, error)) {
        if (isOffered) {
          log.info({ kind }, 'this homeserver has no such reports');
        }
        isOffered = false;
        await succeeded(reading);
        // Later the homeserver may have been updated.
        return maxPauseMs;
      }
      const pauseMs = backoff.next();
      if (!(error instanceof LawspeakerError)) {
        log.error({ kind, err: error }, 'reading reports failed because of an internal error');
      }
      log.warn({ kind, code: codeOf(error), pauseMs }, 'could not read reports, trying again');
      await failed(reading, error);
      return pauseMs;
    }

    const worker = createWorker({
      async work(signal) {
        const waiting = reading.waiting.splice(0);
        let pauseMs: number;
        try {
          pauseMs = await read(signal);
        } catch (error) {
          pauseMs = await handleFailure(error, signal);
        }
        worker.wakeIn(pauseMs);
        waiting.forEach((resolve) => resolve());
      },
      onError(error) {
        log.error({ kind, err: error }, 'reading reports failed because of an internal error');
        worker.wakeIn(maxPauseMs);
      },
    });
    return { reading, worker };
  }

  return {
    start() {
      const startedAt = now();
      lists = sources.map((source) => createListPoller(source, startedAt));
      lists.forEach(({ worker }) => worker.wake());
    },
    hurry() {
      trouble.answers();
      lists.forEach(({ reading, worker }) => {
        reading.isHurried = true;
        worker.wake();
      });
    },
    noteActivity() {
      const nowMs = performance.now();
      if (nowMs - eventAtMs >= atWorkMs) {
        lists.forEach(({ worker }) => worker.wakeIn(Math.min(soonMs, intervalMs)));
      }
      eventAtMs = nowMs;
    },
    async refresh() {
      const read = lists.map(async ({ reading, worker }) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        reading.waiting.push(resolve);
        worker.wake();
        return promise;
      });
      await isLate(Promise.all(read), refreshPatienceMs);
    },
    readings() {
      const nowMs = performance.now();
      return lists.map(({ reading: { source, readAtMs, failure } }) => ({
        kind: source.kind,
        ageMs: nowMs - readAtMs,
        failing: failure && { forMs: nowMs - failure.sinceMs, why: wordsOf(failure.error) },
      }));
    },
    async stop() {
      await Promise.all(lists.map(async ({ worker }) => worker.stop()));
    },
  };
}

/** An error in words for people. */
export function wordsOf(error: unknown): string {
  return error instanceof LawspeakerError ? error.message : 'an internal error of the bot';
}

/**
 * Older homeservers have no reports of users, and say so. Any other 404 is trouble, such as a wrong
 * address or a proxy that is being set up.
 */
function isNotOffered({ kind }: ReportSource, error: unknown): boolean {
  return (
    kind === 'user' &&
    error instanceof HomeserverError &&
    error.status === 404 &&
    error.errcode === 'M_UNRECOGNIZED'
  );
}
