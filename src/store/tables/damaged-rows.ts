import type { Connection } from '../schema.ts';

/** A row that the bot could not read, as it was. */
export interface DamagedRow {
  /** The table that it was in. */
  readonly source: string;
  /** What identified it there. */
  readonly key: string;
  readonly content: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** Damaged rows of other tables. They are kept for people to repair; the bot doesn't read them. */
export function damagedRows(db: Connection) {
  return {
    async add({ source, key, content, reason }: DamagedRow, at: number): Promise<void> {
      await db
        .insertInto('damaged_rows')
        .values({ at, source, row_key: key, content, reason })
        .execute();
    },

    /** Oldest first. */
    async all(): Promise<DamagedRow[]> {
      return db
        .selectFrom('damaged_rows')
        .select(['source', 'row_key as key', 'content', 'reason'])
        .orderBy('id')
        .execute();
    },
  };
}

export type DamagedRows = ReturnType<typeof damagedRows>;
