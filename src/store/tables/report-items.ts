import { sql } from 'kysely';
import type { Selectable } from 'kysely';

import type { Connection } from '../database.ts';
import type { ReportItemsTable } from '../schema.ts';
import { countFrom, newestNumber } from './numbers.ts';

type Row = Selectable<ReportItemsTable>;

export const itemStates = ['open', 'claimed', 'resolved', 'dismissed'] as const;
export type ItemState = (typeof itemStates)[number];

/** Something that was reported, however many have reported it: what people work on. */
export interface ReportItem {
  readonly id: number;
  readonly kind: 'event' | 'user';
  /** The event ID or user ID that was reported. */
  readonly subject: string;
  readonly roomId: string | null;
  /** Its alias or name, as the server last said. */
  readonly roomName: string | null;
  /** Who is accused; null where the server does not know the event any more. */
  readonly sender: string | null;
  readonly senderCreatedAt: number | null;
  /** What of the event was kept, as JSON; null where it was not looked at, or is gone. */
  readonly content: string | null;
  readonly state: ItemState;
  readonly reports: number;
  readonly lastReportAt: number;
  readonly createdAt: number;
  /** When it was first reported, or reported again after it had been settled. */
  readonly openedAt: number;
  /** How often it was settled and reported again. */
  readonly reopened: number;
  readonly claimedBy: string | null;
  readonly claimedAt: number | null;
  readonly closedBy: string | null;
  readonly closedAt: number | null;
  readonly note: string | null;
  /** Reported before the bot's first start: no rule acts on it. */
  readonly isBacklog: boolean;
  /** Where the room sees it: nowhere yet, in a card of its own, or as one of many in a digest. */
  readonly card: Row['card'];
  readonly cardAt: number | null;
  readonly cardRevision: number;
}

export interface ItemQuery {
  readonly states?: readonly ItemState[] | undefined;
  readonly roomId?: string | undefined;
  readonly sender?: string | undefined;
  readonly reporter?: string | undefined;
  /** Reported since then; milliseconds since 1970. */
  readonly since?: number | undefined;
}

/** A place in a list that stays where it is when items come and go. */
export interface ItemMark {
  readonly lastReportAt: number;
  readonly id: number;
}

/** What waits about one user. */
export interface WaitingAbout {
  readonly sender: string;
  readonly items: number;
}

/** Many items in a few lines. */
export interface Digest {
  readonly items: number;
  readonly reports: number;
  readonly senders: number;
  readonly topSenders: readonly { readonly name: string | null; readonly items: number }[];
  readonly topRooms: readonly { readonly name: string | null; readonly items: number }[];
}

const shownInDigest = 3;
/** More than another database can have told of one item. */
const toldElsewhere = 10_000;

/** What happened to an item, apart from reports and audited actions. */
export interface HistoryEntry {
  readonly id: number;
  readonly itemId: number;
  readonly at: number;
  readonly kind:
    | 'reopened'
    | 'claimed'
    | 'released'
    | 'resolved'
    | 'dismissed'
    | 'observed'
    | 'proposed';
  /** A user ID, or `rule:NAME`. */
  readonly actor: string | null;
  readonly detail: string | null;
}

function itemOf(row: Row): ReportItem {
  return {
    id: row.id,
    kind: row.kind,
    subject: row.subject,
    roomId: row.room_id,
    roomName: row.room_name,
    sender: row.sender,
    senderCreatedAt: row.sender_created_at,
    content: row.content,
    state: row.state,
    reports: row.reports,
    lastReportAt: row.last_report_at,
    createdAt: row.created_at,
    openedAt: row.opened_at,
    reopened: row.reopened,
    claimedBy: row.claimed_by,
    claimedAt: row.claimed_at,
    closedBy: row.closed_by,
    closedAt: row.closed_at,
    note: row.note,
    isBacklog: row.is_backlog === 1,
    card: row.card,
    cardAt: row.card_at,
    cardRevision: row.card_revision,
  };
}

/** The items of the report queue, and what people did with them. */
export function reportItems(db: Connection) {
  const all = () => db.selectFrom('report_items').selectAll();

  /** Adds to an item's history; what was not said in its thread is noted there. */
  async function record(
    entry: Omit<HistoryEntry, 'id'>,
    { isSaid }: { readonly isSaid: boolean },
  ): Promise<void> {
    await db
      .insertInto('report_history')
      .values({
        item_id: entry.itemId,
        at: entry.at,
        kind: entry.kind,
        actor: entry.actor,
        detail: entry.detail,
        needs_note: isSaid ? 0 : 1,
      })
      .execute();
  }

  const matching = (query: ItemQuery) => {
    const { states, roomId, sender, reporter, since } = query;
    return db
      .selectFrom('report_items')
      .$if(states !== undefined, (items) => items.where('state', 'in', states ?? []))
      .$if(roomId !== undefined, (items) => items.where('room_id', '=', roomId ?? ''))
      .$if(sender !== undefined, (items) => items.where('sender', '=', sender ?? ''))
      .$if(since !== undefined, (items) => items.where('last_report_at', '>=', since ?? 0))
      .$if(reporter !== undefined, (items) =>
        items.where('id', 'in', (expression) =>
          expression
            .selectFrom('reports')
            .select('reports.item_id')
            .where('reports.reporter', '=', reporter ?? ''),
        ),
      );
  };

  return {
    record,

    async get(id: number): Promise<ReportItem | undefined> {
      const row = await all().where('id', '=', id).executeTakeFirst();
      return row && itemOf(row);
    },

    /** A page of items, the last reported first. */
    async search(
      query: ItemQuery,
      page: { readonly limit: number; readonly after?: ItemMark | undefined },
    ): Promise<ReportItem[]> {
      const { limit, after } = page;
      const rows = await matching(query)
        .selectAll()
        .$if(after !== undefined, (items) =>
          items.where(
            sql<boolean>`(last_report_at, id) < (${after?.lastReportAt ?? 0}, ${after?.id ?? 0})`,
          ),
        )
        .orderBy('last_report_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map(itemOf);
    },

    async count(query: ItemQuery): Promise<number> {
      const { count } = await matching(query)
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return count;
    },

    /** How many items are open or claimed about each of these users, where there are any. */
    async waitingAbout(senders: readonly string[]): Promise<WaitingAbout[]> {
      const rows = await db
        .selectFrom('report_items')
        .select(['sender', ({ fn }) => fn.countAll<number>().as('items')])
        .where('sender', 'in', senders)
        .where('state', 'in', ['open', 'claimed'])
        .groupBy('sender')
        .execute();
      return rows.map(({ sender, items }) => ({ sender: sender ?? '', items }));
    },

    /** How many items there are in each state. */
    async countByState(): Promise<Record<ItemState, number>> {
      const rows = await db
        .selectFrom('report_items')
        .select(['state', ({ fn }) => fn.countAll<number>().as('count')])
        .groupBy('state')
        .execute();
      const counts = { open: 0, claimed: 0, resolved: 0, dismissed: 0 };
      rows.forEach(({ state, count }) => (counts[state] = count));
      return counts;
    },

    /** Items about the same account that were there before this one. */
    async earlier(item: Pick<ReportItem, 'id' | 'sender'>): Promise<ReportItem[]> {
      if (item.sender === null) {
        return [];
      }
      const rows = await all()
        .where('sender', '=', item.sender)
        .where('id', '<', item.id)
        .orderBy('id', 'desc')
        .limit(1000)
        .execute();
      return rows.map(itemOf);
    },

    /**
     * Moves an item to a state. A claim of one that is settled opens it again.
     *
     * @param isSaid whether the thread of its card shows it anyway
     */
    async move(
      id: number,
      to: {
        readonly state: ItemState;
        readonly by: string;
        readonly note?: string | undefined;
        readonly isSaid: boolean;
      },
      at: number,
    ): Promise<void> {
      const { state, by, note, isSaid } = to;
      const isClosed = state === 'resolved' || state === 'dismissed';
      await db
        .updateTable('report_items')
        .set({
          state,
          needs_card: 1,
          note: note ?? null,
          closed_by: isClosed ? by : null,
          closed_at: isClosed ? at : null,
          ...(state === 'claimed' ? { claimed_by: by, claimed_at: at } : {}),
          ...(state === 'open' ? { claimed_by: null, claimed_at: null } : {}),
        })
        .where('id', '=', id)
        .execute();
      const kind = state === 'open' ? 'released' : state;
      await record({ itemId: id, at, kind, actor: by, detail: note ?? null }, { isSaid });
    },

    async history(itemId: number): Promise<HistoryEntry[]> {
      return db
        .selectFrom('report_history')
        .select(['id', 'item_id as itemId', 'at', 'kind', 'actor', 'detail'])
        .where('item_id', '=', itemId)
        .orderBy('id')
        .execute();
    },

    /** Items whose content and people have not been looked at, oldest first. */
    async unseen(limit: number): Promise<ReportItem[]> {
      const rows = await all().where('needs_look', '=', 1).orderBy('id').limit(limit).execute();
      return rows.map(itemOf);
    },

    /** All is known of an item that was to be found out, as long as nobody else has reported it since. */
    async looked({ id, reports }: Pick<ReportItem, 'id' | 'reports'>): Promise<void> {
      await db
        .updateTable('report_items')
        .set({ needs_look: 0 })
        .where('id', '=', id)
        .where('reports', '=', reports)
        .execute();
    },

    /** Keeps what looking at an item has found; what is undefined stays as it is. */
    async keep(
      id: number,
      found: {
        readonly sender?: string | undefined;
        readonly senderCreatedAt?: number | undefined;
        readonly content?: string | undefined;
      },
    ): Promise<void> {
      const { sender, senderCreatedAt, content } = found;
      await db
        .updateTable('report_items')
        .set({
          needs_card: 1,
          ...(sender === undefined ? {} : { sender }),
          ...(senderCreatedAt === undefined ? {} : { sender_created_at: senderCreatedAt }),
          ...(content === undefined ? {} : { content }),
        })
        .where('id', '=', id)
        .execute();
    },

    /** Items whose card says something else than is so, oldest first. */
    async uncarded(limit: number): Promise<ReportItem[]> {
      const rows = await all()
        .where('needs_card', '=', 1)
        // The first card is put there when the item is looked at.
        .where((item) => item.or([item('card', '!=', 'none'), item('needs_look', '=', 0)]))
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(itemOf);
    },

    /** An item's card was put into the outbox; returns its revision. */
    async carded(id: number, card: Row['card'], at: number): Promise<number> {
      const { card_revision: revision } = await db
        .updateTable('report_items')
        .set(({ eb }) => ({
          card,
          card_at: eb.fn.coalesce('card_at', eb.val(at)),
          card_revision: eb('card_revision', '+', 1),
          needs_card: 0,
        }))
        .where('id', '=', id)
        .returning('card_revision')
        .executeTakeFirstOrThrow();
      return revision;
    },

    /** A card of its own is wanted for an item that has none. */
    async wantCard(id: number): Promise<void> {
      await db
        .updateTable('report_items')
        .set({ needs_card: 1, card: 'none' })
        .where('id', '=', id)
        .where('card', '=', 'digest')
        .execute();
    },

    /** How many cards of their own were put into the room since then. */
    async cardsSince(at: number): Promise<number> {
      const { count } = await db
        .selectFrom('report_items')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('card', '=', 'own')
        .where('card_at', '>=', at)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** What a digest tells: items that got no card of their own since then. */
    async digest(since: number): Promise<Digest> {
      const folded = db
        .selectFrom('report_items')
        .where('card', '=', 'digest')
        .where('card_at', '>=', since);
      const [sums, senders, rooms] = await Promise.all([
        folded
          .select(({ fn }) => [
            fn.countAll<number>().as('items'),
            fn.coalesce(fn.sum<number>('reports'), sql<number>`0`).as('reports'),
            fn.count<number>('sender').distinct().as('senders'),
          ])
          .executeTakeFirstOrThrow(),
        folded
          .select(['sender as name', ({ fn }) => fn.countAll<number>().as('items')])
          .where('sender', 'is not', null)
          .groupBy('sender')
          .orderBy('items', 'desc')
          .limit(shownInDigest)
          .execute(),
        folded
          .select(['room_name as name', ({ fn }) => fn.countAll<number>().as('items')])
          .where('room_name', 'is not', null)
          .groupBy('room_name')
          .orderBy('items', 'desc')
          .limit(shownInDigest)
          .execute(),
      ]);
      return { ...sums, topSenders: senders, topRooms: rooms };
    },

    /** History that the threads do not show yet. */
    async unnoted(limit: number): Promise<HistoryEntry[]> {
      return db
        .selectFrom('report_history')
        .select(['id', 'item_id as itemId', 'at', 'kind', 'actor', 'detail'])
        .where('needs_note', '=', 1)
        .orderBy('id')
        .limit(limit)
        .execute();
    },

    async noted(historyId: number): Promise<void> {
      await db
        .updateTable('report_history')
        .set({ needs_note: 0 })
        .where('id', '=', historyId)
        .execute();
    },

    newestNumber: async () => newestNumber(db, 'report_items'),

    countFrom: async (next: number) => countFrom(db, 'report_items', next),

    /**
     * Leaves all items to people, as if they had been reported before the first start, since what was
     * done about them is not known any more. What the room is told of them next is told anew, and not
     * taken for what another database has told.
     */
    async leaveToPeople(): Promise<void> {
      await db
        .updateTable('report_items')
        .set(({ eb }) => ({
          is_backlog: 1,
          card_revision: eb('card_revision', '+', toldElsewhere),
        }))
        .execute();
      const told = await newestNumber(db, 'report_history');
      await countFrom(db, 'report_history', told + toldElsewhere);
    },

    /** Items that have been waiting since before then, and were not reminded of since. */
    async overdue(openedBefore: number): Promise<ReportItem[]> {
      const rows = await all()
        .where('state', 'in', ['open', 'claimed'])
        .where('opened_at', '<=', openedBefore)
        .where((item) =>
          item.or([
            item('reminded_at', 'is', null),
            item('reminded_at', '<', item.ref('opened_at')),
          ]),
        )
        .where('is_backlog', '=', 0)
        .orderBy('opened_at')
        .limit(1000)
        .execute();
      return rows.map(itemOf);
    },

    async reminded(ids: readonly number[], at: number): Promise<void> {
      await db
        .updateTable('report_items')
        .set({ reminded_at: at })
        .where('id', 'in', ids)
        .execute();
    },

    /** A rule fits an item: returns false where it has before. */
    async fire(
      match: { readonly itemId: number; readonly rule: string; readonly mode: RuleMode },
      at: number,
    ): Promise<boolean> {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('rule_firings')
        .values({
          item_id: match.itemId,
          rule: match.rule,
          mode: match.mode,
          at,
          ended_at: null,
        })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },

    /** All that a rule does about an item was begun. */
    async endMatch(itemId: number, rule: string, at: number): Promise<void> {
      await db
        .updateTable('rule_firings')
        .set({ ended_at: at })
        .where('item_id', '=', itemId)
        .where('rule', '=', rule)
        .execute();
    },

    /** The rules that have fitted an item. */
    async firings(itemId: number): Promise<RuleMatch[]> {
      return db
        .selectFrom('rule_firings')
        .select(['rule', 'mode', 'at', 'ended_at as endedAt'])
        .where('item_id', '=', itemId)
        .orderBy('at')
        .execute();
    },
  };
}

/** A rule that fitted an item: it does so once. */
export interface RuleMatch {
  readonly rule: string;
  readonly mode: RuleMode;
  readonly at: number;
  /** Null while some of its lines may still have to be run. */
  readonly endedAt: number | null;
}

export type RuleMode = 'act' | 'propose' | 'observe';

export type ReportItems = ReturnType<typeof reportItems>;
