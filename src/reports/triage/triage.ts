import { setTimeout as wait } from 'node:timers/promises';

import PQueue from 'p-queue';

import { span } from '../../chat/answers/phrases.ts';
import { HomeserverError, LawspeakerError, codeOf } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { alertedPeople } from '../../operations/authorize/roles.ts';
import type { House } from '../../operations/house.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import { reminderOf } from '../cards/card.ts';
import { announce, createCards } from '../cards/cards.ts';
import { createPeople, describe, lookAtWitnesses } from '../intake/people.ts';
import { createRuleRunner } from '../rules/apply-rules.ts';
import type { Rule } from '../rules/rule.ts';

export interface Triage {
  /** Something in the queue has changed. */
  wake(): void;
  /** Resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** Items that are looked at side by side. */
const atOnce = 8;
const maxUnseen = 200;
/** A homeserver that takes longer to show a message does not keep its card from the room. */
const patienceMs = 3000;
const firstRetryMs = 2000;
const maxRetryMs = 60_000;
/** A server that fails so often to show a message never will. */
const maxTries = 3;
/** What waits (an edit behind another, a digest) is looked at again after this. */
const soonMs = 1000;
/** What the homeserver does not answer by then is asked again at the next start. */
const stopPatienceMs = 5000;
const reminderEveryMs = 30_000;

/**
 * Works on the queue: looks at what is new, puts it into the room, applies the rules, and keeps cards
 * and threads true. All that it has to do stands in the store, so that it goes on after a restart.
 */
export function createTriage(
  house: House,
  options: {
    readonly rules: readonly Rule[];
    readonly onCall: readonly UserId[];
    readonly maxCardsPerMinute: number;
    readonly remindAfterMs: number;
  },
): Triage {
  const { store, log } = house;
  const askPerson = createPeople(house);
  const runner = createRuleRunner(house, {
    ...options,
    cards: () => cards,
    lookAtWitnesses: async (item) => lookAtWitnesses(house, askPerson, item),
  });
  const cards = createCards(house, { ...options, nearRules: runner.nearRules });
  const queue = new PQueue({ concurrency: atOnce });
  /** Items under way, and when to try again with those that failed. */
  const inFlight = new Set<number>();
  const failed = new Map<number, { readonly tries: number; readonly retryAt: number }>();
  let isWorking = false;
  let isWanted = false;
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let work: Promise<void> = Promise.resolve();

  /** Looks at an item. What takes long is awaited by nobody here: `late` is what is left to do. */
  async function handle(item: ReportItem): Promise<{ readonly late?: Promise<void> }> {
    if (stopping.signal.aborted) {
      return {};
    }
    const looking = look(item);
    if (await isLate(looking)) {
      await cards.place(item.id, { isUrgent: false });
      return { late: looking.then(async (isKnown) => finish(item, isKnown)) };
    }
    await finish(item, await looking);
    return {};
  }

  async function finish(item: ReportItem, isKnown: boolean): Promise<void> {
    if (!isKnown) {
      return;
    }
    await cards.place(item.id, { isUrgent: false });
    await runner.apply(item.id);
    await store.reportItems.markDetailed(item);
    failed.delete(item.id);
  }

  /** Whether all that could be found out was; else it is tried again. */
  async function look(item: ReportItem): Promise<boolean> {
    try {
      await describe(house, askPerson, item);
      return true;
    } catch (error) {
      const tries = (failed.get(item.id)?.tries ?? 0) + 1;
      log.warn({ item: item.id, code: codeOf(error), tries }, 'a report could not be looked at');
      if (!(error instanceof LawspeakerError)) {
        log.error(
          { item: item.id, err: error },
          'a report could not be looked at by a fault of ours',
        );
      }
      // Without an answer, it is waited for; a refusal is an answer.
      const isFinal = !(error instanceof LawspeakerError) || error instanceof HomeserverError;
      if (isFinal && tries >= maxTries) {
        return true;
      }
      const delayMs = Math.min(firstRetryMs * 2 ** (tries - 1), maxRetryMs);
      failed.set(item.id, { tries, retryAt: house.now() + delayMs });
      if (isFinal || tries > 1) {
        await cards.place(item.id, { isUrgent: false });
      }
      return false;
    }
  }

  function take(item: ReportItem): void {
    inFlight.add(item.id);
    void queue
      .add(async () => handle(item))
      .then(async ({ late }) => late)
      .catch((error: unknown) => {
        complain(error, 'a report could not be handled');
        failed.set(item.id, { tries: 1, retryAt: house.now() + firstRetryMs });
      })
      .finally(() => {
        inFlight.delete(item.id);
        wake();
      });
  }

  async function round(): Promise<void> {
    if (house.sendPermission.whyMissing() !== undefined) {
      // Woken when it can speak again.
      return;
    }
    const now = house.now();
    const unseen = await store.reportItems.withoutDetails(maxUnseen);
    const due = unseen.filter(
      ({ id }) => !inFlight.has(id) && (failed.get(id)?.retryAt ?? 0) <= now,
    );
    due.forEach(take);
    const mustWait = [await cards.refresh(), await cards.refreshDigest()].includes(true);
    await cards.note();
    await remind();
    const isRetryPending = unseen.length > due.length;
    if (mustWait || isRetryPending) {
      later(soonMs);
    }
  }

  const reminderMs = Math.min(reminderEveryMs, options.remindAfterMs);
  let remindedAt = Number.NEGATIVE_INFINITY;
  async function remind(): Promise<void> {
    const now = house.now();
    if (options.remindAfterMs === 0 || now - remindedAt < reminderMs) {
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
      const mentions = alertedPeople(house, options.onCall);
      await announce(house, tables, { name, answer, mentions });
    });
    house.deliver(`$ ${name}`);
  }

  function complain(error: unknown, what: string): void {
    if (error instanceof LawspeakerError) {
      log.warn({ code: error.code }, what);
    } else {
      log.error({ err: error }, what);
    }
  }

  function later(delayMs: number): void {
    clearTimeout(timer);
    timer = setTimeout(wake, delayMs);
    timer.unref();
  }

  function wake(): void {
    isWanted = true;
    if (isWorking || stopping.signal.aborted) {
      return;
    }
    isWorking = true;
    work = (async () => {
      while (isWanted && !stopping.signal.aborted) {
        isWanted = false;
        try {
          await round();
        } catch (error) {
          complain(error, 'the report queue could not be worked on');
          later(firstRetryMs);
        }
      }
      isWorking = false;
    })();
  }

  const ticking = reminderMs === 0 ? undefined : setInterval(wake, reminderMs);
  ticking?.unref();

  return {
    wake,
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      clearInterval(ticking);
      await work;
      await Promise.race([queue.onIdle(), wait(stopPatienceMs, undefined, { ref: false })]);
    },
  };
}

/** Whether a promise takes longer than one wants to wait for it. */
async function isLate(promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(true), patienceMs);
  });
  try {
    return await Promise.race([promise.then(() => false), late]);
  } finally {
    clearTimeout(timer);
  }
}
