import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { greatest } from '../../dialect.ts';
import type { Connection } from '../../schema.ts';

/** Something that happened to an item, other than reports and audited actions. */
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

const columns = ['id', 'item_id as itemId', 'at', 'kind', 'actor', 'detail'] as const;

/**
 * How long after the item was opened somebody claimed it, or decided. Null if this is not the first claim or
 * decision since it was opened, and for entries of other kinds.
 */
function timeTaken(
  db: Connection,
  { itemId, at, kind }: Omit<HistoryEntry, 'id'>,
): RawBuilder<number> | null {
  if (kind !== 'claimed' && kind !== 'resolved' && kind !== 'dismissed') {
    return null;
  }
  const isClaim = sql.raw(kind === 'claimed' ? '' : 'NOT');
  return sql<number>`(
    SELECT CASE WHEN EXISTS (
      SELECT 1 FROM report_history AS earlier
      WHERE earlier.item_id = item.id AND earlier.id > coalesce(opening.id, 0)
        AND earlier.kind IN ('claimed', 'resolved', 'dismissed')
        AND ${isClaim} earlier.kind = 'claimed'
    ) THEN NULL
    ELSE ${greatest(db, sql`0`, sql`${at} - coalesce(opening.at, item.created_at)`)} END
    FROM report_items AS item
    LEFT JOIN report_history AS opening ON opening.id = (
      SELECT max(id) FROM report_history WHERE item_id = item.id AND kind = 'reopened'
    )
    WHERE item.id = ${itemId}
  )`;
}

/** The history of each item of the report queue. The thread of the item's card shows it. */
export function reportHistory(db: Connection) {
  return {
    /** @param options.isShown the thread shows it already, so that no note is posted */
    async add(
      entry: Omit<HistoryEntry, 'id'>,
      { isShown }: { readonly isShown: boolean },
    ): Promise<void> {
      await db
        .insertInto('report_history')
        .values({
          item_id: entry.itemId,
          at: entry.at,
          kind: entry.kind,
          actor: entry.actor,
          detail: entry.detail,
          needs_note: isShown ? 0 : 1,
          took_ms: timeTaken(db, entry),
        })
        .execute();
    },

    /** Oldest first. */
    async ofItem(itemId: number): Promise<HistoryEntry[]> {
      return db
        .selectFrom('report_history')
        .select(columns)
        .where('item_id', '=', itemId)
        .orderBy('id')
        .execute();
    },

    /** Entries that the threads do not show yet, oldest first. */
    async notShown(limit: number): Promise<HistoryEntry[]> {
      return db
        .selectFrom('report_history')
        .select(columns)
        .where('needs_note', '=', 1)
        .orderBy('id')
        .limit(limit)
        .execute();
    },

    async markShown(id: number): Promise<void> {
      await db.updateTable('report_history').set({ needs_note: 0 }).where('id', '=', id).execute();
    },
  };
}

export type ReportHistory = ReturnType<typeof reportHistory>;
