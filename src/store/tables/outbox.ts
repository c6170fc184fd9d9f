import { createHash } from 'node:crypto';

import type { Connection } from '../database.ts';

/** Something to be sent to the room. `message` is JSON; the transport knows its form. */
export interface OutboxMessage {
  readonly id: number;
  /** The command that this answers. */
  readonly eventId: string;
  readonly transactionId: string;
  readonly message: string;
}

/**
 * The transaction ID of one stage of an answer. The same for every try, so that Synapse answers a
 * repeated send with the first event.
 */
export function transactionIdFor(eventId: string, stage: string): string {
  return `lawspeaker-${createHash('sha256').update(`${eventId} ${stage}`).digest('hex').slice(0, 24)}`;
}

/** Answers, committed with what they report and sent afterwards. */
export function outbox(db: Connection) {
  return {
    /** Adds a message; one that is there already stays as it is. */
    async add(
      message: { eventId: string; stage: string; message: string },
      at: number,
    ): Promise<void> {
      await db
        .insertInto('outbox')
        .values({
          event_id: message.eventId,
          transaction_id: transactionIdFor(message.eventId, message.stage),
          message: message.message,
          created_at: at,
          sent_event_id: null,
          closed_at: null,
        })
        .onConflict((conflict) => conflict.column('transaction_id').doNothing())
        .execute();
    },

    /** Messages that are not sent yet, of one command or of all, in order. */
    async open(eventId?: string): Promise<OutboxMessage[]> {
      const rows = await db
        .selectFrom('outbox')
        .selectAll()
        .where('closed_at', 'is', null)
        .$if(eventId !== undefined, (query) => query.where('event_id', '=', eventId ?? ''))
        .orderBy('id')
        .execute();
      return rows.map((row) => ({
        id: row.id,
        eventId: row.event_id,
        transactionId: row.transaction_id,
        message: row.message,
      }));
    },

    /** Ends a message, sent as `sentEventId` or given up, and forgets its content. */
    async markDelivered(id: number, sentEventId: string | null, at: number): Promise<void> {
      await db
        .updateTable('outbox')
        .set({ closed_at: at, sent_event_id: sentEventId, message: '' })
        .where('id', '=', id)
        .execute();
    },

    /** Notes that an event of ours is this stage of an answer, which another database had sent. */
    async remember(eventId: string, stage: string, sentEventId: string, at: number): Promise<void> {
      const settled = { message: '', sent_event_id: sentEventId, closed_at: at };
      await db
        .insertInto('outbox')
        .values({
          event_id: eventId,
          transaction_id: transactionIdFor(eventId, stage),
          created_at: at,
          ...settled,
        })
        .onConflict((conflict) => conflict.column('transaction_id').doUpdateSet(settled))
        .execute();
    },

    /** Whether there is anything about this command, sent or not. */
    async knows(eventId: string): Promise<boolean> {
      const row = await db
        .selectFrom('outbox')
        .select('id')
        .where('event_id', '=', eventId)
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },

    /** Whether this stage of an answer was committed, sent or not. */
    async has(eventId: string, stage: string): Promise<boolean> {
      const row = await db
        .selectFrom('outbox')
        .select('id')
        .where('transaction_id', '=', transactionIdFor(eventId, stage))
        .executeTakeFirst();
      return row !== undefined;
    },

    /** Whether this stage of an answer was committed, and neither sent nor given up yet. */
    async isOnItsWay(eventId: string, stage: string): Promise<boolean> {
      const row = await db
        .selectFrom('outbox')
        .select('id')
        .where('transaction_id', '=', transactionIdFor(eventId, stage))
        .where('closed_at', 'is', null)
        .executeTakeFirst();
      return row !== undefined;
    },

    /** The event that one stage of an answer was sent as, not before `since`. */
    async sentEvent(eventId: string, stage: string, since = 0): Promise<string | undefined> {
      const row = await db
        .selectFrom('outbox')
        .select('sent_event_id')
        .where('transaction_id', '=', transactionIdFor(eventId, stage))
        .where('closed_at', '>=', since)
        .executeTakeFirst();
      return row?.sent_event_id ?? undefined;
    },

    /** The command that was answered by this event of ours. */
    async commandOf(sentEventId: string): Promise<string | undefined> {
      const row = await db
        .selectFrom('outbox')
        .select('event_id')
        .where('sent_event_id', '=', sentEventId)
        .executeTakeFirst();
      return row?.event_id;
    },
  };
}

export type Outbox = ReturnType<typeof outbox>;
