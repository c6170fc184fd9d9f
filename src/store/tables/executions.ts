import { sql } from 'kysely';

import type { Connection } from '../database.ts';

/** A command that runs, and is resumed after a crash. `invocation` is JSON. */
export interface Execution {
  readonly eventId: string;
  readonly invocation: string;
  readonly confirmer: string | null;
}

/** Executions of commands: at most one for each command event. */
export function executions(db: Connection) {
  return {
    /** Records the start, in the same transaction as its cause. Returns false if it was started before. */
    async begin(execution: Execution, at: number): Promise<boolean> {
      const { numInsertedOrUpdatedRows } = await db
        .insertInto('executions')
        .values({
          event_id: execution.eventId,
          invocation: execution.invocation,
          confirmer: execution.confirmer,
          started_at: at,
          finished_at: null,
        })
        .onConflict((conflict) => conflict.column('event_id').doNothing())
        .executeTakeFirst();
      return numInsertedOrUpdatedRows === 1n;
    },

    async finish(eventId: string, at: number): Promise<void> {
      await db
        .updateTable('executions')
        .set({ finished_at: at })
        .where('event_id', '=', eventId)
        .execute();
    },

    /** Executions without an end, oldest first. */
    async open(): Promise<Execution[]> {
      const rows = await db
        .selectFrom('executions')
        .selectAll()
        .where('finished_at', 'is', null)
        .orderBy('started_at')
        .orderBy(sql`rowid`)
        .execute();
      return rows.map((row) => ({
        eventId: row.event_id,
        invocation: row.invocation,
        confirmer: row.confirmer,
      }));
    },
  };
}

export type Executions = ReturnType<typeof executions>;
