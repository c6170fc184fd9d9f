import { createHash } from 'node:crypto';

import type { Connection } from '../schema.ts';

/** Something to send to the room. `message` is JSON; the transport knows its form. */
export interface OutboxMessage {
  readonly id: number;
  /** The command that this answers. */
  readonly eventId: string;
  readonly transactionId: string;
  readonly message: string;
}

/**
 * The transaction ID of one part of an answer. It is the same for every try, so that Synapse doesn't send
 * the message twice.
 */
export function transactionIdFor(eventId: string, part: string): string {
  return `lawspeaker-${createHash('sha256').update(`${eventId} ${part}`).digest('hex').slice(0, 24)}`;
}

/** Messages to send. They are committed with what they report, and sent afterwards. */
export function outbox(db: Connection) {
  async function close(id: number, sentEventId: string | null, at: number): Promise<void> {
    await db
      .updateTable('outbox')
      .set({ closed_at: at, sent_event_id: sentEventId, message: '' })
      .where('id', '=', id)
      .execute();
  }

  return {
    /** Adds a message. If there is one for this part of an answer already, it stays as it is. */
    async add(
      message: { eventId: string; part: string; message: string },
      at: number,
    ): Promise<void> {
      await db
        .insertInto('outbox')
        .values({
          event_id: message.eventId,
          transaction_id: transactionIdFor(message.eventId, message.part),
          message: message.message,
          created_at: at,
          sent_event_id: null,
          closed_at: null,
        })
        .onConflict((conflict) => conflict.column('transaction_id').doNothing())
        .execute();
    },

    /** Messages that are not sent yet, for one command or for all, in order. */
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

    /**
     * The message was sent. Its content is deleted.
     *
     * @param sentEventId null if it turned out that there was nothing to send
     */
    markDelivered: async (id: number, sentEventId: string | null, at: number) =>
      close(id, sentEventId, at),

    /** The message will never be sent. Its content is deleted. */
    giveUp: async (id: number, at: number) => close(id, null, at),

    /** Records an event of the bot that is not in this database, as this part of an answer. */
    async remember(eventId: string, part: string, sentEventId: string, at: number): Promise<void> {
      const sent = { message: '', sent_event_id: sentEventId, closed_at: at };
      await db
        .insertInto('outbox')
        .values({
          event_id: eventId,
          transaction_id: transactionIdFor(eventId, part),
          created_at: at,
          ...sent,
        })
        .onConflict((conflict) => conflict.column('transaction_id').doUpdateSet(sent))
        .execute();
    },

    /** Whether there is any message for this command, sent or not. */
    async knows(eventId: string): Promise<boolean> {
      const row = await db
        .selectFrom('outbox')
        .select('id')
        .where('event_id', '=', eventId)
        .limit(1)
        .executeTakeFirst();
      return row !== undefined;
    },

    /** Whether there is a message for this part of an answer, sent or not. */
    async has(eventId: string, part: string): Promise<boolean> {
      const row = await db
        .selectFrom('outbox')
        .select('id')
        .where('transaction_id', '=', transactionIdFor(eventId, part))
        .executeTakeFirst();
      return row !== undefined;
    },

    /** When the message for this part of an answer was added, in milliseconds since 1970; undefined if there is none. */
    async addedAt(eventId: string, part: string): Promise<number | undefined> {
      const row = await db
        .selectFrom('outbox')
        .select('created_at')
        .where('transaction_id', '=', transactionIdFor(eventId, part))
        .executeTakeFirst();
      return row?.created_at;
    },

    /** Whether the message for this part of an answer is still to be sent. */
    async isPending(eventId: string, part: string): Promise<boolean> {
      const row = await db
        .selectFrom('outbox')
        .select('id')
        .where('transaction_id', '=', transactionIdFor(eventId, part))
        .where('closed_at', 'is', null)
        .executeTakeFirst();
      return row !== undefined;
    },

    /** The event ID of this part of an answer, if it was sent at `since` or later. */
    async sentEvent(eventId: string, part: string, since = 0): Promise<string | undefined> {
      const row = await db
        .selectFrom('outbox')
        .select('sent_event_id')
        .where('transaction_id', '=', transactionIdFor(eventId, part))
        .where('closed_at', '>=', since)
        .executeTakeFirst();
      return row?.sent_event_id ?? undefined;
    },

    /** The command that this event of the bot answers. */
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
