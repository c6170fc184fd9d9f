import type { Connection } from '../schema.ts';

/** Named values that have to survive a restart, such as the sync token. */
export function syncState(db: Connection) {
  return {
    async get(name: string): Promise<string | undefined> {
      const row = await db
        .selectFrom('sync_state')
        .select('value')
        .where('name', '=', name)
        .executeTakeFirst();
      return row?.value;
    },

    async set(name: string, value: string | undefined): Promise<void> {
      if (value === undefined) {
        await db.deleteFrom('sync_state').where('name', '=', name).execute();
        return;
      }
      await db
        .insertInto('sync_state')
        .values({ name, value })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
        .execute();
    },
  };
}

export type SyncState = ReturnType<typeof syncState>;
