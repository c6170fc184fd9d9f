import { sql } from 'kysely';

import type { Connection } from '../database.ts';

/** A room event that was taken in. `event` is the event as JSON. */
export interface InboxEvent {
  readonly eventId: string;
  readonly type: string;
  readonly sender: string;
  readonly event: string;
}

/** Events taken in from the room: each is handled once, however often it comes. */
export function inbox(db: Connection) {
  return {
    /** Takes events in; returns those that were not known. */
    async take(events: readonly InboxEvent[], at: number): Promise<InboxEvent[]> {
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

    /** Ends an event and forgets its content; what is kept is that it was seen. */
    async handled(eventId: string, at: number): Promise<void> {
      await db
        .updateTable('inbox')
        .set({ handled_at: at, event: null })
        .where('event_id', '=', eventId)
        .execute();
    },

    /** Events that were taken in and never handled, oldest first. */
    async open(): Promise<InboxEvent[]> {
      const rows = await db
        .selectFrom('inbox')
        .selectAll()
        .where('handled_at', 'is', null)
        .orderBy('received_at')
        // What came together is handled in the order in which it came.
        .orderBy(sql`rowid`)
        .execute();
      return rows.map((row) => ({
        eventId: row.event_id,
        type: row.type,
        sender: row.sender,
        event: row.event ?? '{}',
      }));
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
