import type { Answer } from '../../chat/answers/answer.ts';
import { createSerialQueue } from '../../core/async/serial-queue.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import { parseUserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import { cardEvent } from '../../operations/answer/card.ts';
import { post } from '../../operations/answer/reply.ts';
import type {
  DeliverContext,
  MessagePart,
  Outgoing,
  PostContext,
  Reply,
} from '../../operations/answer/reply.ts';
import { nameOf, syntheticEvent } from '../../operations/management-room.ts';
import type { Members } from '../../operations/management-room.ts';
import type { Settings } from '../../operations/settings.ts';
import type { Services } from '../../services/services.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import type { GiveWay } from '../give-way.ts';
import { cardOf, digestOf, noteOf } from './card.ts';
import type { ConfiguredReactions } from './configured-reactions.ts';
import { updateReactions } from './reactions.ts';

/** What announcing something needs. */
export type AnnounceContext = PostContext & {
  readonly settings: Pick<Settings, 'managementRoom'>;
};

/** What showing reports in the room needs. */
export type CardsContext = AnnounceContext &
  DeliverContext & {
    readonly members: Pick<Members, 'displayName'>;
    readonly services: {
      readonly reports: Pick<Services['reports'], 'story'>;
    };
    readonly store: Pick<
      Store,
      'outbox' | 'reportCards' | 'reportHistory' | 'reportItems' | 'transaction' | 'syncState'
    >;
  };

const windowMs = 60_000;
/** A digest that has not grown for this long is complete. The next item starts another. */
const digestCompleteMs = 600_000;
/** The minimum time between two edits of a digest. */
const digestEditMs = 5000;
const maxAtOnce = 200;

/** A digest, as it survives restarts. */
interface StoredDigest {
  readonly startedAt: number;
  readonly grewAt: number;
  readonly revision: number;
  /** How many items it shows. */
  readonly shown: number;
  readonly shownAt: number;
}

const digestName = 'reports.digest';

/** Shows the queue in the room: a card for each item, edited when it changes, or a digest of many. */
export function createCards(
  context: CardsContext,
  settings: {
    readonly maxCardsPerMinute: number;
    /** What to say about rules on an item's card. */
    readonly nearRules: (item: ReportItem, tables: StoreTables) => Promise<readonly string[]>;
    readonly reactions: Pick<ConfiguredReactions, 'offeredOn' | 'changedAt'>;
    readonly giveWay: GiveWay;
  },
) {
  const { store } = context;
  const { reactions } = settings;

  /**
   * What the card says, read in the transaction that posts it: a claim that came between the two would never be shown.
   */
  async function answerFor(tables: StoreTables, item: ReportItem): Promise<Answer> {
    const story = await context.services.reports.story(item, context.now(), tables);
    const nearRules = await settings.nearRules(item, tables);
    return cardOf(story, { nameOf: name, nearRules, reactions: reactions.offeredOn(item) });
  }

  function reactionContextFor(item: ReportItem): Parameters<typeof updateReactions>[2] {
    return {
      settings: context.settings,
      keys: reactions.offeredOn(item).map(({ emoji }) => emoji),
      changedAt: reactions.changedAt,
      now: context.now,
    };
  }

  function name(actor: string): string {
    const user = parseUserId(actor);
    return user === undefined ? actor.replace(/^rule:/u, 'rule ') : nameOf(context.members, user);
  }

  // One after another: otherwise several items could take the last card of a minute.
  const placing = createSerialQueue();

  /** Posts a card for an item. If there are too many, the item is counted in a digest instead. */
  async function place(id: number, how: { readonly isUrgent: boolean }): Promise<void> {
    await placing.run(async () => placeNext(id, how));
  }

  async function placeNext(
    id: number,
    { isUrgent }: { readonly isUrgent: boolean },
  ): Promise<void> {
    const item = await store.reportItems.get(id);
    if (item === undefined || item.card === 'own' || (item.card === 'digest' && !isUrgent)) {
      return;
    }
    if (!isUrgent && (await countFree()) === 0) {
      await summarize([id]);
      return;
    }
    await settings.giveWay();
    await store.transaction(async (tables) => {
      const { item: current } = await tables.reportCards.markPosted(id, 'own', context.now());
      const origin = { event: cardEvent(id), room: context.settings.managementRoom };
      await post(context, tables, 'answer', {
        kind: 'alert',
        origin,
        mentions: [],
        reply: replyOf(await answerFor(tables, current)),
      });
      await updateReactions(tables.outbox, current, reactionContextFor(current));
    });
    context.deliver(cardEvent(id));
  }

  /** How many more items may have a card now. */
  async function countFree(): Promise<number> {
    const recent = await store.reportCards.countSince(context.now() - windowMs);
    return Math.max(0, settings.maxCardsPerMinute - recent);
  }

  /** Counts items in a digest. A digest only shows sums, so nothing is read about the items. */
  async function summarize(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) {
      return;
    }
    const now = context.now();
    await store.transaction(async (tables) => {
      if ((await tables.reportCards.summarize(ids, now)) === 0) {
        return;
      }
      const before = await readDigest(tables);
      const isComplete = before === undefined || now - before.grewAt > digestCompleteMs;
      await writeDigest(
        tables,
        isComplete
          ? { startedAt: now, grewAt: now, revision: 0, shown: 0, shownAt: 0 }
          : { ...before, grewAt: now },
      );
    });
  }

  /** Edits the cards of items that have changed. Returns whether some of them have to wait. */
  async function refresh(): Promise<boolean> {
    let mustWait = false;
    await store.reportCards.keepInDigest(context.now());
    for (const item of await store.reportCards.outdated(maxAtOnce)) {
      if (item.card !== 'own') {
        await place(item.id, { isUrgent: true });
      } else if ((await store.outbox.open(cardEvent(item.id))).length > 0) {
        // Pending messages are sent first: only the latest state is worth an edit.
        mustWait = true;
      } else {
        await edit(item.id);
      }
    }
    return mustWait;
  }

  async function edit(id: number): Promise<void> {
    await store.transaction(async (tables) => {
      const { item, revision } = await tables.reportCards.markPosted(id, 'own', context.now());
      await postFor(tables, id, `edit-${revision}`, {
        kind: 'edit',
        reply: replyOf(await answerFor(tables, item)),
      });
      await updateReactions(tables.outbox, item, reactionContextFor(item));
    });
    context.deliver(cardEvent(id));
  }

  /** Posts new history entries in the threads of the cards. */
  async function postHistory(): Promise<void> {
    for (const entry of await store.reportHistory.notShown(maxAtOnce)) {
      const item = await store.reportItems.get(entry.itemId);
      await store.transaction(async (tables) => {
        await tables.reportHistory.markShown(entry.id);
        if (item?.card === 'own') {
          await tables.outbox.add(
            {
              eventId: cardEvent(item.id),
              part: `note-${entry.id}` satisfies MessagePart,
              message: JSON.stringify({
                kind: 'alert',
                origin: {
                  event: cardEvent(item.id),
                  room: context.settings.managementRoom,
                  card: item.id,
                },
                mentions: [],
                reply: replyOf(noteOf(entry, name)),
              } satisfies Outgoing),
            },
            context.now(),
          );
        }
      });
      context.deliver(cardEvent(entry.itemId));
    }
  }

  /** Posts or edits the digest of the items without cards. Returns whether it has to be edited again soon. */
  async function refreshDigest(): Promise<boolean> {
    const stored = await readDigest(store);
    if (stored === undefined) {
      return false;
    }
    const digest = await store.reportCards.digest(stored.startedAt);
    const now = context.now();
    if (digest.items === stored.shown) {
      return false;
    }
    if (now - stored.shownAt < digestEditMs) {
      return true;
    }
    const origin = {
      event: syntheticEvent(`digest ${stored.startedAt}`),
      room: context.settings.managementRoom,
    };
    const reply = replyOf(digestOf(digest));
    await store.transaction(async (tables) => {
      const revision = stored.revision + 1;
      await writeDigest(tables, { ...stored, revision, shown: digest.items, shownAt: now });
      await (stored.revision === 0
        ? post(context, tables, 'answer', { kind: 'alert', origin, mentions: [], reply })
        : post(context, tables, `edit-${revision}`, { kind: 'edit', origin, reply }));
    });
    context.deliver(origin.event);
    return false;
  }

  async function postFor(
    tables: StoreTables,
    id: number,
    part: MessagePart,
    message: Pick<Outgoing & { kind: 'edit' }, 'kind' | 'reply'>,
  ): Promise<void> {
    await post(context, tables, part, {
      ...message,
      origin: { event: cardEvent(id), room: context.settings.managementRoom },
    });
  }

  return { place, countFree, summarize, refresh, postHistory, refreshDigest };
}

export type Cards = ReturnType<typeof createCards>;

async function readDigest(
  tables: Pick<StoreTables, 'syncState'>,
): Promise<StoredDigest | undefined> {
  const stored = await tables.syncState.get(digestName);
  return stored === undefined ? undefined : (JSON.parse(stored) as StoredDigest);
}

async function writeDigest(
  tables: Pick<StoreTables, 'syncState'>,
  digest: StoredDigest,
): Promise<void> {
  await tables.syncState.set(digestName, JSON.stringify(digest));
}

/** A reply that no command asked for. */
function replyOf(answer: Answer): Reply {
  return { command: 'report', status: 'done', audit: [], answer };
}

/** Posts a message that no command asked for, once for each name, and mentions people. */
export async function announce(
  context: AnnounceContext,
  tables: StoreTables,
  message: {
    readonly name: string;
    readonly answer: Answer;
    readonly mentions?: readonly UserId[];
    /** In the thread of this item's card. */
    readonly item?: number;
  },
): Promise<EventId> {
  const event = syntheticEvent(message.name);
  await post(context, tables, 'alert', {
    kind: 'alert',
    origin: {
      event,
      room: context.settings.managementRoom,
      ...present({ card: message.item }),
    },
    mentions: message.mentions ?? [],
    reply: replyOf(message.answer),
  });
  return event;
}
