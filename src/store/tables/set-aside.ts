import type { Connection } from '../database.ts';

/** A stored row that can't be read, as it was. */
export interface SetAside {
  /** The table that it stood in. */
  readonly source: string;
  /** What it was found by there. */
  readonly key: string;
  readonly content: string;
  /** What is wrong with it. */
  readonly reason: string;
}

/** Damaged rows: kept for whoever wants to mend them, and read by nobody here. */
export function setAside(db: Connection) {
  return {
    async add({ source, key, content, reason }: SetAside, at: number): Promise<void> {
      await db
        .insertInto('set_aside')
        .values({ at, source, row_key: key, content, reason })
        .execute();
    },

    /** The newest last. */
    async all(): Promise<SetAside[]> {
      return db
        .selectFrom('set_aside')
        .select(['source', 'row_key as key', 'content', 'reason'])
        .orderBy('id')
        .execute();
    },
  };
}

export type SetAsides = ReturnType<typeof setAside>;
