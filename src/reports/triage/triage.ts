import PQueue from 'p-queue';

import { isLate } from '../../core/async/patience.ts';
import { createWorker } from '../../core/async/worker.ts';
import { HomeserverError, LawspeakerError, UnreachableError, codeOf } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { SendPermission } from '../../operations/management-room.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import { createCards } from '../cards/cards.ts';
import type { CardsContext } from '../cards/cards.ts';
import type { ConfiguredReactions } from '../cards/configured-reactions.ts';
import type { GiveWay } from '../give-way.ts';
import {
  createPersonLookup,
  fetchDetails,
  readDetails,
  refreshReporters,
  storeDetails,
} from '../intake/report-details.ts';
import type { DetailsContext, FoundDetails, LookupContext } from '../intake/report-details.ts';
import { createRuleRunner } from '../rules/apply-rules.ts';
import type { RuleRunnerContext } from '../rules/apply-rules.ts';
import type { Rule } from '../rules/rule.ts';
import { createReminders } from './reminders.ts';
import type { RemindersContext } from './reminders.ts';
import { createRetries, firstRetryMs } from './retries.ts';

/** What working on the report queue needs. */
export type TriageContext = CardsContext &
  LookupContext &
  DetailsContext &
  RuleRunnerContext &
  RemindersContext & {
    readonly store: Pick<Store, 'reportWork' | 'transaction'>;
    readonly sendPermission: Pick<SendPermission, 'whyMissing'>;
    readonly log: Log;
  };

export interface Triage {
  /** Something in the queue has changed. */
  wake(): void;
  /** Resolves when nothing is in flight. */
  stop(): Promise<void>;
}

/** How many items that get cards are processed at the same time. */
const concurrency = 4;
/** To how many items rules are applied again before others get their turn. */
const rulesBatch = 25;
/** How many items of a digest are processed one after another and stored together. */
const digestBatch = 25;
const maxItemsAtOnce = 1000;
/** If the details take longer, the card is posted without them. */
const patienceMs = 3000;
/** After an error of the queue itself. */
const restartAfterMs = 2000;
/** After this many refusals, the homeserver will never tell the details. */
const maxTries = 3;
/** When to check again what could not be done now: an edit behind another one, or a digest. */
const soonMs = 1000;
/** On a stop, how long to wait for the homeserver. The next start asks again. */
const stopPatienceMs = 5000;

/**
 * Works on the report queue: fetches details of new items, posts their cards, applies the rules, and keeps
 * cards and threads up to date. The store knows what is to be done, so that a restart loses nothing.
 *
 * Of many items that arrive at once, those that get cards come first. The others are summarized right away,
 * and their details are fetched afterwards, one item after another. All of it gives way to commands.
 */
export function createTriage(
  context: TriageContext,
  options: {
    readonly rules: readonly Rule[];
    readonly onCall: readonly UserId[];
    readonly maxCardsPerMinute: number;
    readonly remindAfterMs: number;
    readonly reactions: Pick<ConfiguredReactions, 'offeredOn' | 'changedAt'>;
    readonly giveWay: GiveWay;
  },
): Triage {
  const { store, log } = context;
  const { giveWay } = options;
  const findPerson = createPersonLookup(context);
  const runner = createRuleRunner(context, {
    ...options,
    cards: () => cards,
    refreshReporters: async (item) => refreshReporters(context, findPerson, item),
  });
  const cards = createCards(context, { ...options, nearRules: runner.nearRules });
  const queue = new PQueue({ concurrency });
  const inFlight = new Set<number>();
  /** Items in flight that will have a card and don't have it yet. */
  const withoutCard = new Set<number>();
  const retries = createRetries(context.now);
  let isStopped = false;

  /** Processes an item. If the details take long, `late` is the rest of the work, and others go on. */
  async function process(item: ReportItem): Promise<{ readonly late?: Promise<void> }> {
    if (isStopped) {
      return {};
    }
    const fetching = tryFetchDetails(item);
    if (await isLate(fetching, patienceMs)) {
      await placeCard(item);
      return { late: fetching.then(async (isDetailed) => finish(item, isDetailed)) };
    }
    await finish(item, await fetching);
    return {};
  }

  async function finish(item: ReportItem, isDetailed: boolean): Promise<void> {
    if (!isDetailed) {
      return;
    }
    await placeCard(item);
    await applyRules(item);
    await markDetailed([item]);
  }

  /** Nothing more is to be done about these items. If that is lost, they are processed again. */
  async function markDetailed(items: readonly ReportItem[]): Promise<void> {
    await store.transaction(
      async ({ reportWork }) => {
        for (const item of items) {
          await reportWork.markDetailed(item);
        }
      },
      { repeatable: true },
    );
    items.forEach(({ id }) => retries.forget(id));
  }

  async function placeCard({ id }: ReportItem): Promise<void> {
    await cards.place(id, { isUrgent: false });
    withoutCard.delete(id);
  }

  async function applyRules({ id }: ReportItem): Promise<void> {
    if (options.rules.length > 0) {
      await giveWay();
      await runner.apply(id);
    }
  }

  /** Returns whether that is all there is to find out; otherwise it is tried again. */
  async function tryFetchDetails(item: ReportItem): Promise<boolean> {
    const found = await fetchDetails(context, findPerson, item, giveWay);
    const isDone = isComplete(found);
    if (!isDone && mayStay(found)) {
      await placeCard(item);
    }
    return isDone;
  }

  /** Whether an item without all of its details is shown now, since the rest may never come. */
  function mayStay({ item, failure }: FoundDetails): boolean {
    return isAnswer(failure) || retries.tries(item.id) > 1;
  }

  /** Whether that is all there is to find out. If not, the item is processed again later. */
  function isComplete({ item, failure }: FoundDetails): boolean {
    if (failure === undefined) {
      return true;
    }
    const tries = retries.postpone(item.id);
    log.warn(
      { item: item.id, code: codeOf(failure), tries },
      'could not fetch the details of a report',
    );
    if (!(failure instanceof LawspeakerError)) {
      log.error(
        { item: item.id, err: failure },
        'handling a report failed because of an internal error',
      );
    }
    return isAnswer(failure) && tries >= maxTries;
  }

  function isDue({ id }: ReportItem): boolean {
    return !inFlight.has(id) && retries.isDue(id);
  }

  /**
   * Items that can be processed now, and whether others wait or are left. Those that wait for a homeserver that is away
   * hold up no newer ones, however many they are.
   *
   * @param read reads at most `maxItemsAtOnce` items that are newer than one
   */
  async function readDue(read: (after: number) => Promise<readonly ReportItem[]>) {
    const due: ReportItem[] = [];
    let waiting = 0;
    let after = 0;
    for (;;) {
      const items = await read(after);
      const found = items.filter(isDue);
      due.push(...found);
      waiting += items.length - found.length;
      const isMore = items.length === maxItemsAtOnce;
      if (!isMore || due.length + inFlight.size >= maxItemsAtOnce) {
        return { due: due.slice(0, maxItemsAtOnce), hasWaiting: waiting > 0, isMore };
      }
      after = items.at(-1)?.id ?? after;
    }
  }

  function start(item: ReportItem): void {
    inFlight.add(item.id);
    if (item.card === 'none') {
      withoutCard.add(item.id);
    }
    void queue
      .add(async () => process(item))
      .then(async ({ late }) => late)
      .catch((error: unknown) => {
        logError(error, 'handling a report failed');
        retries.postpone(item.id);
      })
      .finally(() => {
        inFlight.delete(item.id);
        withoutCard.delete(item.id);
        worker.wake();
      });
  }

  async function work(): Promise<void> {
    if (context.sendPermission.whyMissing() !== undefined) {
      // The worker is woken when the bot can send again.
      return;
    }
    const { due, hasWaiting, isMore } = await readDue(async (after) =>
      store.reportWork.withoutDetails('cards', maxItemsAtOnce, after),
    );
    let free = (await cards.countFree()) - withoutCard.size;
    const tooMany = due.filter(({ card }) => card === 'none' && (free -= 1) < 0);
    await cards.summarize(tooMany.map(({ id }) => id));
    const summarized = new Set(tooMany);
    due.filter((item) => !summarized.has(item)).forEach(start);
    let mustWait = await cards.refresh();
    // The cards come first: the digest is about the other items.
    if (withoutCard.size === 0 && (await cards.refreshDigest())) {
      mustWait = true;
    }
    await cards.postHistory();
    await reminders.postIfDue();
    if (mustWait || hasWaiting) {
      worker.wakeIn(soonMs);
    }
    if (isMore && due.length > 0) {
      worker.wake();
    }
    digestWorker.wake();
    rulesWorker.wake();
  }

  /** Applies rules again to items whose tags have changed. The homeserver is asked only if a rule matches. */
  async function applyRulesAgain(): Promise<void> {
    if (context.sendPermission.whyMissing() !== undefined) {
      // The worker is woken when the bot can send again.
      return;
    }
    const found = await readDue(async (after) =>
      store.reportWork.withNewTags(maxItemsAtOnce, after),
    );
    const due = found.due.slice(0, rulesBatch);
    for (const item of due) {
      if (isStopped) {
        return;
      }
      try {
        await applyRules(item);
        await store.reportWork.markRulesApplied(item);
        retries.forget(item.id);
      } catch (error) {
        logError(error, 'applying rules again failed');
        retries.postpone(item.id);
      }
    }
    if (due.length > 0) {
      worker.wake();
    }
    if (found.hasWaiting || found.due.length > due.length) {
      rulesWorker.wakeIn(due.length > 0 ? 0 : soonMs);
    }
  }

  /** Processes some items of a digest, and wakes the worker of their cards if rules have done something. */
  async function workOnDigest(): Promise<void> {
    if (context.sendPermission.whyMissing() !== undefined || withoutCard.size > 0) {
      // The worker is woken when the bot can send again, or when the cards are posted.
      return;
    }
    const found = await readDue(async (after) =>
      store.reportWork.withoutDetails('digest', maxItemsAtOnce, after),
    );
    const due = found.due.slice(0, digestBatch);
    if (due.length === 0) {
      if (found.hasWaiting) {
        digestWorker.wakeIn(soonMs);
      }
      return;
    }
    const all: FoundDetails[] = [];
    const away = new Map<string, UnreachableError>();
    for (const item of due) {
      if (isStopped) {
        return;
      }
      const failure = away.get(item.server);
      const details =
        failure === undefined
          ? await readDetails(context, findPerson, item, giveWay)
          : { item, reporters: new Map(), failure };
      all.push(details);
      if (details.failure instanceof UnreachableError) {
        away.set(item.server, details.failure);
      }
      if (withoutCard.size > 0) {
        break;
      }
    }
    await giveWay();
    await store.transaction(
      async (tables) => {
        for (const details of all) {
          await storeDetails(tables, details);
        }
      },
      { repeatable: true },
    );
    const done: ReportItem[] = [];
    for (const { item } of all.filter(isComplete)) {
      try {
        await applyRules(item);
        done.push(item);
      } catch (error) {
        logError(error, 'handling a report failed');
        retries.postpone(item.id);
      }
    }
    await markDetailed(done);
    if (options.rules.length > 0) {
      worker.wake();
    }
    digestWorker.wakeIn(all.length > done.length ? firstRetryMs : 0);
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
      worker.wakeIn(restartAfterMs);
    },
  });
  const digestWorker = createWorker({
    work: workOnDigest,
    onError(error) {
      logError(error, 'working on the reports of a digest failed');
      digestWorker.wakeIn(restartAfterMs);
    },
  });
  const rulesWorker = createWorker({
    work: applyRulesAgain,
    onError(error) {
      logError(error, 'applying rules again failed');
      rulesWorker.wakeIn(restartAfterMs);
    },
  });
  const reminders = createReminders(context, { ...options, onTick: worker.wake });

  return {
    wake: worker.wake,
    async stop() {
      isStopped = true;
      reminders.stop();
      await worker.stop();
      await isLate(
        Promise.all([queue.onIdle(), digestWorker.stop(), rulesWorker.stop()]),
        stopPatienceMs,
      );
    },
  };
}

/** If the homeserver does not answer, it is asked until it does. A refusal is an answer. */
function isAnswer(failure: unknown): boolean {
  return !(failure instanceof LawspeakerError) || failure instanceof HomeserverError;
}
