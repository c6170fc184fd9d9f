import type { Answer } from '../../chat/answers/answer.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import { parseUserId } from '../../core/ids.ts';
import { cardEvent } from '../../operations/answer/card.ts';
import { post } from '../../operations/answer/reply.ts';
import type { Outgoing, Reply, MessagePart } from '../../operations/answer/reply.ts';
import type { House } from '../../operations/house.ts';
import { nameOf } from '../../operations/members.ts';
import type { StoreTables } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import { cardOf, digestOf, noteOf, offeredReactions } from './card.ts';

const windowMs = 60_000;
/** A digest that has not grown for so long is over; what comes then begins another. */
const digestRestMs = 600_000;
/** A digest is edited at most so often. */
const digestEditMs = 5000;
const atOnce = 200;

/** A digest, as it is kept between starts. */
interface KeptDigest {
  readonly startedAt: number;
  readonly grewAt: number;
  readonly revision: number;
  /** How many items it tells of. */
  readonly shown: number;
  readonly shownAt: number;
}

const digestName = 'reports.digest';

/** Puts the queue into the room: a card for each item, edited as it changes, or a digest of many. */
export function createCards(
  house: House,
  settings: {
    readonly maxCardsPerMinute: number;
    /** What of the rules is worth saying on an item's card. */
    readonly nearRules: (item: ReportItem) => Promise<readonly string[]>;
  },
) {
  const { store } = house;

  async function answerFor(item: ReportItem): Promise<Answer> {
    const story = await house.services.reports.story(item);
    const nearRules = await settings.nearRules(item);
    return cardOf(story, { nameOf: name, nearRules });
  }

  function name(actor: string): string {
    const user = parseUserId(actor);
    return user === undefined ? actor.replace(/^rule:/u, 'rule ') : nameOf(house.members, user);
  }

  let placing: Promise<unknown> = Promise.resolve();

  /** Gives an item a card of its own, or, where there are too many, a place in the digest. */
  async function place(id: number, how: { readonly isUrgent: boolean }): Promise<void> {
    // One after the other, or several would see the same room for one more card.
    const placed = placing.then(async () => placeNext(id, how));
    placing = placed.catch(() => undefined);
    await placed;
  }

  async function placeNext(
    id: number,
    { isUrgent }: { readonly isUrgent: boolean },
  ): Promise<void> {
    const item = await store.reportItems.get(id);
    if (item === undefined || item.card === 'own') {
      return;
    }
    const recent = await store.reportCards.countSince(house.now() - windowMs);
    if (recent >= settings.maxCardsPerMinute && !isUrgent) {
      await fold(item);
      return;
    }
    const answer = await answerFor(item);
    await store.transaction(async (tables) => {
      await tables.reportCards.markPosted(id, 'own', house.now());
      const origin = { event: cardEvent(id), room: house.settings.managementRoom };
      await post(house, tables, 'answer', {
        kind: 'alert',
        origin,
        mentions: [],
        reply: replyOf(answer),
      });
      for (const [at, key] of offeredReactions(item).entries()) {
        await post(house, tables, `react-${at}`, { kind: 'reaction', origin, key });
      }
    });
    house.deliver(cardEvent(id));
  }

  async function fold(item: ReportItem): Promise<void> {
    const now = house.now();
    await store.transaction(async (tables) => {
      await tables.reportCards.markPosted(item.id, 'digest', now);
      const before = await keptDigest(tables);
      const isOver = before === undefined || now - before.grewAt > digestRestMs;
      await keepDigest(
        tables,
        isOver
          ? { startedAt: now, grewAt: now, revision: 0, shown: 0, shownAt: 0 }
          : { ...before, grewAt: now },
      );
    });
  }

  /** Edits the cards of items that have changed. Returns whether some have to wait. */
  async function refresh(): Promise<boolean> {
    let mustWait = false;
    for (const item of await store.reportCards.outdated(atOnce)) {
      if (item.card !== 'own') {
        await promote(item);
      } else if ((await store.outbox.open(cardEvent(item.id))).length > 0) {
        // What is on its way is sent first: only the newest state is worth an edit.
        mustWait = true;
      } else {
        await edit(item);
      }
    }
    return mustWait;
  }

  async function promote(item: ReportItem): Promise<void> {
    // In a digest, more reports alone are no reason for a card.
    const isWanted = item.card === 'none' || item.state === 'claimed';
    if (isWanted) {
      await place(item.id, { isUrgent: true });
    } else {
      await store.reportCards.markPosted(item.id, item.card, house.now());
    }
  }

  async function edit(item: ReportItem): Promise<void> {
    const answer = await answerFor(item);
    await store.transaction(async (tables) => {
      const revision = await tables.reportCards.markPosted(item.id, 'own', house.now());
      await postFor(tables, item.id, `edit-${revision}`, {
        kind: 'edit',
        reply: replyOf(answer),
      });
    });
    house.deliver(cardEvent(item.id));
  }

  /** Says in the threads what happened to items and is not said there yet. */
  async function note(): Promise<void> {
    for (const entry of await store.reportHistory.notShown(atOnce)) {
      const item = await store.reportItems.get(entry.itemId);
      await store.transaction(async (tables) => {
        await tables.reportHistory.markShown(entry.id);
        if (item?.card === 'own') {
          await tables.outbox.add(
            {
              eventId: cardEvent(item.id),
              stage: `note-${entry.id}` satisfies MessagePart,
              message: JSON.stringify({
                kind: 'alert',
                origin: {
                  event: cardEvent(item.id),
                  room: house.settings.managementRoom,
                  card: item.id,
                },
                mentions: [],
                reply: replyOf(noteOf(entry, name)),
              } satisfies Outgoing),
            },
            house.now(),
          );
        }
      });
      house.deliver(cardEvent(entry.itemId));
    }
  }

  /** Tells of the items that got no card. Returns whether there will be more to tell soon. */
  async function refreshDigest(): Promise<boolean> {
    const kept = await keptDigest(store);
    if (kept === undefined) {
      return false;
    }
    const digest = await store.reportCards.digest(kept.startedAt);
    const now = house.now();
    if (digest.items === kept.shown) {
      return false;
    }
    if (now - kept.shownAt < digestEditMs) {
      return true;
    }
    const origin = {
      event: `$ digest ${kept.startedAt}` as EventId,
      room: house.settings.managementRoom,
    };
    const reply = replyOf(digestOf(digest));
    await store.transaction(async (tables) => {
      const revision = kept.revision + 1;
      await keepDigest(tables, { ...kept, revision, shown: digest.items, shownAt: now });
      await (kept.revision === 0
        ? post(house, tables, 'answer', { kind: 'alert', origin, mentions: [], reply })
        : post(house, tables, `edit-${revision}`, { kind: 'edit', origin, reply }));
    });
    house.deliver(origin.event);
    return false;
  }

  async function postFor(
    tables: StoreTables,
    id: number,
    stage: MessagePart,
    message: Pick<Outgoing & { kind: 'edit' }, 'kind' | 'reply'>,
  ): Promise<void> {
    await post(house, tables, stage, {
      ...message,
      origin: { event: cardEvent(id), room: house.settings.managementRoom },
    });
  }

  return { place, refresh, note, refreshDigest };
}

export type Cards = ReturnType<typeof createCards>;

async function keptDigest(tables: Pick<StoreTables, 'syncState'>): Promise<KeptDigest | undefined> {
  const kept = await tables.syncState.get(digestName);
  return kept === undefined ? undefined : (JSON.parse(kept) as KeptDigest);
}

async function keepDigest(
  tables: Pick<StoreTables, 'syncState'>,
  digest: KeptDigest,
): Promise<void> {
  await tables.syncState.set(digestName, JSON.stringify(digest));
}

/** Nobody has asked for it. */
export function replyOf(answer: Answer): Reply {
  return { command: 'report', status: 'done', audit: [], answer };
}

/** Tells the room something of its own accord, once under this name, and calls people. */
export async function announce(
  house: House,
  tables: StoreTables,
  message: {
    readonly name: string;
    readonly answer: Answer;
    readonly mentions?: readonly UserId[];
    /** In the thread of this item's card. */
    readonly item?: number;
  },
): Promise<EventId> {
  const event = `$ ${message.name}` as EventId;
  await post(house, tables, 'alert', {
    kind: 'alert',
    origin: {
      event,
      room: house.settings.managementRoom,
      ...(message.item === undefined ? {} : { card: message.item }),
    },
    mentions: message.mentions ?? [],
    reply: replyOf(message.answer),
  });
  return event;
}
