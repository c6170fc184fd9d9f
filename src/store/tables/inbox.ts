import { sql } from 'kysely';

import type { Connection } from '../schema.ts';

/** A room event that was received. `event` is JSON. */
export interface InboxEvent {
  readonly eventId: string;
  readonly type: string;
  readonly sender: string;
  readonly event: string;
}

/** Received events of the room. Each is handled once, however often it is delivered. */
export function inbox(db: Connection) {
  return {
    /** Stores events. Returns those that are new. */
    async add(events: readonly InboxEvent[], at: number): Promise<InboxEvent[]> {
      const fresh: InboxEvent[] = [];
      for (const event of events) {
        const { numInsertedOrUpdatedRows } = await db
          .insertInto('inbox')
          .values({
            event_id: event.eventId,
            type: event.type,
            sender: event.sender,
            event: event.event,
            received_at: at,
            handled_at: null,
          })
          .onConflict((conflict) => conflict.column('event_id').doNothing())
          .executeTakeFirst();
        if (numInsertedOrUpdatedRows === 1n) {
          fresh.push(event);
        }
      }
      return fresh;
    },

    /** The event was handled. Its content is deleted; its ID stays, to recognize it again. */
    async markHandled(eventId: string, at: number): Promise<void> {
      await db
        .updateTable('inbox')
        .set({ handled_at: at, event: null })
        .where('event_id', '=', eventId)
        .execute();
    },

    /** Events that were not handled yet, oldest first. */
    async open(): Promise<InboxEvent[]> {
      const rows = await db
        .selectFrom('inbox')
        .selectAll()
        .where('handled_at', 'is', null)
        .orderBy('received_at')
        // Events of one sync are handled in their order.
        .orderBy(sql`rowid`)
        .execute();
      return rows.map((row) => ({
        eventId: row.event_id,
        type: row.type,
        sender: row.sender,
        event: row.event ?? '{}',
      }));
    },

    /** Whether this event was received, and is not handled yet. */
    async isOpen(eventId: string): Promise<boolean> {
      const row = await db
        .selectFrom('inbox')
        .select('event_id')
        .where('event_id', '=', eventId)
        .where('handled_at', 'is', null)
        .executeTakeFirst();
      return row !== undefined;
    },

    async has(eventId: string): Promise<boolean> {
      const row = await db
        .selectFrom('inbox')
        .select('event_id')
        .where('event_id', '=', eventId)
        .executeTakeFirst();
      return row !== undefined;
    },
  };
}

export type Inbox = ReturnType<typeof inbox>;
