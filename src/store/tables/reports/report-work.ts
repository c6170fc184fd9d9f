import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { forgottenGlob } from '../../../core/forgotten.ts';
import { isNotLike } from '../../dialect.ts';
import type { Connection } from '../../schema.ts';
import { itemOf } from './report-items.ts';
import type { ReportItem } from './report-items.ts';

const maxReminded = 1000;
/** A busy room has hundreds of open reports. Every edit of a card is a message to everybody in the room. */
const maxCardsEdited = 10;
/** If a rule matches, the homeserver is asked about the reporters. */
const maxLookedAtAgain = 200;

/** What the bot itself still has to do about items of the queue: fetch details, apply rules, remind people. */
export function reportWork(db: Connection) {
  const all = () => db.selectFrom('report_items').selectAll();

  return {
    /**
     * Items whose details have to be fetched from the homeserver, oldest first.
     *
     * @param where in a digest, or in cards of their own now or soon
     * @param after the number of an item: only newer ones
     */
    async withoutDetails(
      where: 'cards' | 'digest',
      limit: number,
      after = 0,
    ): Promise<ReportItem[]> {
      const rows = await all()
        .where('needs_look', '=', 1)
        .where('id', '>', after)
        .where('card', where === 'digest' ? '=' : '!=', 'digest')
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(itemOf);
    },

    /** Stores details of an item. What is undefined stays as it is. */
    async setDetails(
      id: number,
      details: {
        readonly sender?: string | undefined;
        readonly senderCreatedAt?: number | undefined;
        readonly content?: string | undefined;
      },
    ): Promise<void> {
      const { sender, senderCreatedAt, content } = details;
      await db
        .updateTable('report_items')
        // Kysely leaves out columns that are undefined. A digest does not show what is stored here.
        .set({
          needs_card: sql<number>`CASE card WHEN 'digest' THEN needs_card ELSE 1 END`,
          sender,
          sender_created_at: senderCreatedAt,
          content,
        })
        .where('id', '=', id)
        // It may have been forgotten meanwhile.
        .where(isNotLike(db, sql`coalesce(sender, '')`, forgottenGlob))
        .execute();
    },

    /**
     * All details were fetched, and all rules were applied. Has no effect if the item was reported again in the
     * meantime.
     */
    async markDetailed({ id, reports }: Pick<ReportItem, 'id' | 'reports'>): Promise<void> {
      await db
        .updateTable('report_items')
        .set({ needs_look: 0 })
        .where('id', '=', id)
        .where('reports', '=', reports)
        .execute();
    },

    /**
     * Items with all details whose tags have changed, which rules see, oldest first.
     *
     * @param after the number of an item: only newer ones
     */
    async withNewTags(limit: number, after = 0): Promise<ReportItem[]> {
      const rows = await all()
        .where('needs_rules', '=', 1)
        .where('id', '>', after)
        .where('needs_look', '=', 0)
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(itemOf);
    },

    /** All rules were applied. Has no effect if the tags have changed in the meantime. */
    async markRulesApplied({
      id,
      tagChanges,
    }: Pick<ReportItem, 'id' | 'tagChanges'>): Promise<void> {
      await db
        .updateTable('report_items')
        .set({ needs_rules: 0 })
        .where('id', '=', id)
        .where('tag_changes', '=', tagChanges)
        .execute();
    },

    /**
     * The notes or tags of a user or room have changed: the newest cards about it show that. If rules see the change
     * as well, they are applied again to the newest open reports.
     */
    async showNotes(subject: string, { forRules }: { readonly forRules: boolean }): Promise<void> {
      const about = sql.ref(subject.startsWith('@') ? 'sender' : 'room_id');
      const newest = (condition: RawBuilder<unknown>, limit: number) => sql`
        SELECT id FROM report_items
        WHERE ${about} = ${subject} AND state IN ('open', 'claimed') AND is_backlog = 0 AND ${condition}
        ORDER BY id DESC LIMIT ${limit}`;
      await sql`
        UPDATE report_items SET needs_card = 1
        WHERE id IN (${newest(sql`card = 'own'`, maxCardsEdited)})`.execute(db);
      if (forRules) {
        await sql`
          UPDATE report_items SET needs_rules = 1, tag_changes = tag_changes + 1
          WHERE id IN (${newest(sql`true`, maxLookedAtAgain)})`.execute(db);
      }
    },

    /** Items that were opened before then, are still open or claimed, and need a reminder. */
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
        .orderBy('id')
        .limit(maxReminded)
        .execute();
      return rows.map(itemOf);
    },

    async markReminded(ids: readonly number[], at: number): Promise<void> {
      await db
        .updateTable('report_items')
        .set({ reminded_at: at })
        .where('id', 'in', ids)
        .execute();
    },
  };
}

export type ReportWork = ReturnType<typeof reportWork>;
