import { sql } from 'kysely';

import type { Connection, ReportItemsTable } from '../../schema.ts';
import { lastNumber, skipNumbers } from '../row-numbers.ts';
import { itemOf } from './report-items.ts';
import type { ReportItem } from './report-items.ts';

/** Sums over many items, and what most of them are about. */
export interface Digest {
  readonly items: number;
  readonly reports: number;
  readonly senders: number;
  readonly topSenders: readonly { readonly name: string | null; readonly items: number }[];
  readonly topRooms: readonly { readonly name: string | null; readonly items: number }[];
}

const shownInDigest = 3;
/** More than a lost database can have posted about one item. */
const maxLost = 10_000;

/** How the room sees the items of the report queue: in cards, or many in a digest. */
export function reportCards(db: Connection) {
  return {
    /**
     * Counts those of the items that have no card yet in a digest.
     *
     * @returns how many there were
     */
    async summarize(ids: readonly number[], at: number): Promise<number> {
      const { numUpdatedRows } = await db
        .updateTable('report_items')
        .set({ card: 'digest', card_at: at, needs_card: 0 })
        .where('id', 'in', ids)
        .where('card', '=', 'none')
        .executeTakeFirst();
      return Number(numUpdatedRows);
    },

    /** More reports are not a reason to give an item of a digest a card, unless somebody claims it. */
    async keepInDigest(at: number): Promise<void> {
      await db
        .updateTable('report_items')
        .set(({ eb }) => ({ needs_card: 0, card_at: eb.fn.coalesce('card_at', eb.val(at)) }))
        .where('needs_card', '=', 1)
        .where('card', '=', 'digest')
        .where('state', '!=', 'claimed')
        .execute();
    },

    /** Items whose card is not up to date, oldest first. */
    async outdated(limit: number): Promise<ReportItem[]> {
      const rows = await db
        .selectFrom('report_items')
        .selectAll()
        .where('needs_card', '=', 1)
        // The first card is posted when the item's details are fetched.
        .where((item) => item.or([item('card', '!=', 'none'), item('needs_look', '=', 0)]))
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(itemOf);
    },

    /** An item's card is in the outbox. Returns the item as it is now, and the card's revision. */
    async markPosted(
      id: number,
      card: ReportItemsTable['card'],
      at: number,
    ): Promise<{ readonly item: ReportItem; readonly revision: number }> {
      const row = await db
        .updateTable('report_items')
        .set(({ eb }) => ({
          card,
          card_at: eb.fn.coalesce('card_at', eb.val(at)),
          card_revision: eb('card_revision', '+', 1),
          needs_card: 0,
        }))
        .where('id', '=', id)
        .returningAll()
        .executeTakeFirstOrThrow();
      return { item: itemOf(row), revision: row.card_revision };
    },

    /** Asks for a card for an item that so far is only counted in a digest. */
    async request(id: number): Promise<void> {
      await db
        .updateTable('report_items')
        .set({ needs_card: 1, card: 'none' })
        .where('id', '=', id)
        .where('card', '=', 'digest')
        .execute();
    },

    /** Asks for the card of an item to be edited, if it has one. */
    async renew(id: number): Promise<void> {
      await db
        .updateTable('report_items')
        .set({ needs_card: 1 })
        .where('id', '=', id)
        .where('card', '=', 'own')
        .execute();
    },

    /** How many cards were posted since then. */
    async countSince(at: number): Promise<number> {
      const { count } = await db
        .selectFrom('report_items')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('card', '=', 'own')
        .where('card_at', '>=', at)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** Sums over the items that have been counted in a digest since then. */
    async digest(since: number): Promise<Digest> {
      const items = db
        .selectFrom('report_items')
        .where('card', '=', 'digest')
        .where('card_at', '>=', since);
      const [sums, senders, rooms] = await Promise.all([
        items
          .select(({ fn }) => [
            fn.countAll<number>().as('items'),
            fn.coalesce(fn.sum<number>('reports'), sql<number>`0`).as('reports'),
            fn.count<number>('sender').distinct().as('senders'),
          ])
          .executeTakeFirstOrThrow(),
        items
          .select(['sender as name', ({ fn }) => fn.countAll<number>().as('items')])
          .where('sender', 'is not', null)
          .groupBy('sender')
          .orderBy('items', 'desc')
          .orderBy('sender')
          .limit(shownInDigest)
          .execute(),
        items
          .select(['room_name as name', ({ fn }) => fn.countAll<number>().as('items')])
          .where('room_name', 'is not', null)
          .groupBy('room_name')
          .orderBy('items', 'desc')
          .orderBy('room_name')
          .limit(shownInDigest)
          .execute(),
      ]);
      return { ...sums, topSenders: senders, topRooms: rooms };
    },

    /**
     * Makes sure that what is posted about items from now on is new to the homeserver, although a lost
     * database may have posted later edits and notes than this one knows.
     */
    async skipRevisions(): Promise<void> {
      await db
        .updateTable('report_items')
        .set(({ eb }) => ({ card_revision: eb('card_revision', '+', maxLost) }))
        .execute();
      const last = await lastNumber(db, 'report_history');
      await skipNumbers(db, 'report_history', last + maxLost);
    },
  };
}

export type ReportCards = ReturnType<typeof reportCards>;
