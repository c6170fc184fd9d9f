import PQueue from 'p-queue';

import { span } from '../../chat/answers/phrases.ts';
import { createBackoff } from '../../core/async/backoff.ts';
import type { Backoff, BackoffOptions } from '../../core/async/backoff.ts';
import { isLate } from '../../core/async/patience.ts';
import { createWorker } from '../../core/async/worker.ts';
import { minuteMs } from '../../core/duration.ts';
import { HomeserverError, LawspeakerError, codeOf } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { alertedPeople } from '../../operations/authorize/authorize.ts';
import type { RoomPeople } from '../../operations/authorize/authorize.ts';
import { syntheticEvent } from '../../operations/management-room.ts';
import type { SendPermission } from '../../operations/management-room.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import { reminderOf } from '../cards/card.ts';
import { announce, createCards } from '../cards/cards.ts';
import type { AnnounceContext, CardsContext } from '../cards/cards.ts';
import { createPersonLookup, fetchDetails, refreshReporters } from '../intake/report-details.ts';
import type { DetailsContext, LookupContext } from '../intake/report-details.ts';
import { createRuleRunner } from '../rules/apply-rules.ts';
import type { RuleRunnerContext } from '../rules/apply-rules.ts';
import type { Rule } from '../rules/rule.ts';

/** What working on the report queue needs. */
export type TriageContext = CardsContext &
  AnnounceContext &
  LookupContext &
  DetailsContext &
  RuleRunnerContext &
  RoomPeople & {
    readonly store: Pick<Store, 'reportItems' | 'transaction'>;
    readonly sendPermission: Pick<SendPermission, 'whyMissing'>;
    readonly log: Log;
  };

export interface Triage {
  /** Something in the queue has changed. */
  wake(): void;
  /** Resolves when nothing is in flight. */
  stop(): Promise<void>;
}

const concurrency = 8;
const maxItemsAtOnce = 200;
/** If the details take longer, the card is posted without them. */
const patienceMs = 3000;
const retries: BackoffOptions = { firstMs: 2000, maxMs: minuteMs };
/** After this many refusals, the homeserver will never tell the details. */
const maxTries = 3;
/** When to check again what could not be done now: an edit behind another one, or a digest. */
const soonMs = 1000;
/** On a stop, how long to wait for the homeserver. The next start asks again. */
const stopPatienceMs = 5000;
const reminderCheckMs = 30_000;

/** An item whose details could not be fetched. */
interface FailedItem {
  readonly tries: number;
  readonly retryAt: number;
  readonly backoff: Backoff;
}

/**
 * Works on the report queue: fetches details of new items, posts their cards, applies the rules, and keeps
 * cards and threads up to date. The store knows what is to be done, so that a restart loses nothing.
 */
export function createTriage(
  context: TriageContext,
  options: {
    readonly rules: readonly Rule[];
    readonly onCall: readonly UserId[];
    readonly maxCardsPerMinute: number;
    readonly remindAfterMs: number;
  },
): Triage {
  const { store, log } = context;
  const findPerson = createPersonLookup(context);
  const runner = createRuleRunner(context, {
    ...options,
    cards: () => cards,
    refreshReporters: async (item) => refreshReporters(context, findPerson, item),
  });
  const cards = createCards(context, { ...options, nearRules: runner.nearRules });
  const queue = new PQueue({ concurrency });
  const inFlight = new Set<number>();
  const failed = new Map<number, FailedItem>();
  let isStopped = false;

  /** Processes an item. If the details take long, `late` is the rest of the work, and others go on. */
  async function process(item: ReportItem): Promise<{ readonly late?: Promise<void> }> {
    if (isStopped) {
      return {};
    }
    const fetching = tryFetchDetails(item);
    if (await isLate(fetching, patienceMs)) {
      await cards.place(item.id, { isUrgent: false });
      return { late: fetching.then(async (isDetailed) => finish(item, isDetailed)) };
    }
    await finish(item, await fetching);
    return {};
  }

  async function finish(item: ReportItem, isDetailed: boolean): Promise<void> {
    if (!isDetailed) {
      return;
    }
    await cards.place(item.id, { isUrgent: false });
    await runner.apply(item.id);
    await store.reportItems.markDetailed(item);
    failed.delete(item.id);
  }

  /** Returns whether that is all there is to find out; otherwise it is tried again. */
  async function tryFetchDetails(item: ReportItem): Promise<boolean> {
    try {
      await fetchDetails(context, findPerson, item);
      return true;
    } catch (error) {
      const { tries } = postpone(item);
      log.warn(
        { item: item.id, code: codeOf(error), tries },
        'could not fetch the details of a report',
      );
      if (!(error instanceof LawspeakerError)) {
        log.error(
          { item: item.id, err: error },
          'handling a report failed because of an internal error',
        );
      }
      // If the homeserver does not answer, it is asked until it does. A refusal is an answer.
      const isFinal = !(error instanceof LawspeakerError) || error instanceof HomeserverError;
      if (isFinal && tries >= maxTries) {
        return true;
      }
      if (isFinal || tries > 1) {
        await cards.place(item.id, { isUrgent: false });
      }
      return false;
    }
  }

  function postpone({ id }: ReportItem): FailedItem {
    const { tries = 0, backoff = createBackoff(retries) } = failed.get(id) ?? {};
    const postponed = { tries: tries + 1, backoff, retryAt: context.now() + backoff.next() };
    failed.set(id, postponed);
    return postponed;
  }

  function start(item: ReportItem): void {
    inFlight.add(item.id);
    void queue
      .add(async () => process(item))
      .then(async ({ late }) => late)
      .catch((error: unknown) => {
        logError(error, 'handling a report failed');
        postpone(item);
      })
      .finally(() => {
        inFlight.delete(item.id);
        worker.wake();
      });
  }

  async function work(): Promise<void> {
    if (context.sendPermission.whyMissing() !== undefined) {
      // It is woken when the bot can speak again.
      return;
    }
    const now = context.now();
    const items = await store.reportItems.withoutDetails(maxItemsAtOnce);
    const due = items.filter(
      ({ id }) => !inFlight.has(id) && (failed.get(id)?.retryAt ?? 0) <= now,
    );
    due.forEach(start);
    const mustWait = [await cards.refresh(), await cards.refreshDigest()].includes(true);
    await cards.postHistory();
    await remind();
    if (mustWait || items.length > due.length) {
      worker.wakeIn(soonMs);
    }
  }

  const remindEveryMs = Math.min(reminderCheckMs, options.remindAfterMs);
  let remindedAt = Number.NEGATIVE_INFINITY;
  async function remind(): Promise<void> {
    const now = context.now();
    if (options.remindAfterMs === 0 || now - remindedAt < remindEveryMs) {
      return;
    }
    remindedAt = now;
    const items = await store.reportItems.overdue(now - options.remindAfterMs);
    if (items.length === 0) {
      return;
    }
    const name = `reminder ${now}`;
    await store.transaction(async (tables) => {
      await tables.reportItems.markReminded(
        items.map(({ id }) => id),
        now,
      );
      const answer = reminderOf(items, span(options.remindAfterMs));
      const mentions = alertedPeople(context, options.onCall);
      await announce(context, tables, { name, answer, mentions });
    });
    context.deliver(syntheticEvent(name));
  }

  function logError(error: unknown, message: string): void {
    if (error instanceof LawspeakerError) {
      log.warn({ code: error.code }, message);
    } else {
      log.error({ err: error }, message);
    }
  }

  const worker = createWorker({
    work,
    onError(error) {
      logError(error, 'working on the report queue failed');
      worker.wakeIn(retries.firstMs);
    },
  });
  const ticking = remindEveryMs === 0 ? undefined : setInterval(worker.wake, remindEveryMs);
  ticking?.unref();

  return {
    wake: worker.wake,
    async stop() {
      isStopped = true;
      clearInterval(ticking);
      await worker.stop();
      await isLate(queue.onIdle(), stopPatienceMs);
    },
  };
}
