import type { Connection } from '../database.ts';

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
