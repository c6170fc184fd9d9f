import { randomInt } from 'node:crypto';

import type { Selectable } from 'kysely';

import type { Connection } from './database.ts';
import type { ConfirmationsTable } from './tables.ts';

type Row = Selectable<ConfirmationsTable>;

/** A question that was asked in the room. `invocation` is JSON. */
export interface Confirmation {
  readonly id: number;
  readonly code: string;
  readonly invocation: string;
  readonly command: string;
  readonly requester: string;
  /** The command that asked. */
  readonly eventId: string;
  readonly danger: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly state: Row['state'];
  readonly settledBy: string | null;
  readonly settledEventId: string | null;
}

/** No 0/O, 1/I/L, 5/S: codes are read aloud and typed on phones. */
const alphabet = '2346789ABCDEFGHJKMNPQRTUVWXYZ';
const codeLength = 4;

function newCode(): string {
  return Array.from({ length: codeLength }, () => alphabet[randomInt(alphabet.length)]).join('');
}

function confirmationOf(row: Row): Confirmation {
  return {
    id: row.id,
    code: row.code,
    invocation: row.invocation,
    command: row.command,
    requester: row.requester,
    eventId: row.event_id,
    danger: row.danger,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    state: row.state,
    settledBy: row.settled_by,
    settledEventId: row.settled_event_id,
  };
}

/** Confirmations: asked once, settled once. */
export function confirmations(db: Connection) {
  const all = () => db.selectFrom('confirmations').selectAll();

  return {
    /** Stores a question under a fresh code. */
    async ask(
      question: Pick<
        Confirmation,
        'invocation' | 'command' | 'requester' | 'eventId' | 'danger' | 'createdAt' | 'expiresAt'
      >,
    ): Promise<Confirmation> {
      const taken = new Set(
        (
          await db
            .selectFrom('confirmations')
            .select('code')
            .where('state', '=', 'pending')
            .execute()
        ).map((row) => row.code),
      );
      let code = newCode();
      while (taken.has(code)) {
        code = newCode();
      }
      const row = await db
        .insertInto('confirmations')
        .values({
          code,
          invocation: question.invocation,
          command: question.command,
          requester: question.requester,
          event_id: question.eventId,
          danger: question.danger,
          created_at: question.createdAt,
          expires_at: question.expiresAt,
          state: 'pending',
          settled_by: null,
          settled_event_id: null,
          settled_at: null,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return confirmationOf(row);
    },

    /**
     * Settles a question that is still open; confirms it only while its time is not up. Of several who
     * try at once, one gets `true`.
     */
    async settle(
      id: number,
      state: 'confirmed' | 'cancelled' | 'expired',
      by: { user: string; eventId: string } | undefined,
      at: number,
    ): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('confirmations')
        .set({
          state,
          settled_by: by?.user ?? null,
          settled_event_id: by?.eventId ?? null,
          settled_at: at,
        })
        .where('id', '=', id)
        .where('state', '=', 'pending')
        // Its time can run out between being looked at and being confirmed.
        .$if(state === 'confirmed', (query) => query.where('expires_at', '>', at))
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },

    /** The latest question with this code, open or not. */
    async byCode(code: string): Promise<Confirmation | undefined> {
      const row = await all()
        .where('code', '=', code.toUpperCase())
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row && confirmationOf(row);
    },

    async byEvent(eventId: string): Promise<Confirmation | undefined> {
      const row = await all().where('event_id', '=', eventId).executeTakeFirst();
      return row && confirmationOf(row);
    },

    /** The question that this event has settled. */
    async bySettlingEvent(eventId: string): Promise<Confirmation | undefined> {
      const row = await all().where('settled_event_id', '=', eventId).executeTakeFirst();
      return row && confirmationOf(row);
    },

    /** Open questions, the next to expire first. */
    async pending(requester?: string): Promise<Confirmation[]> {
      const rows = await all()
        .where('state', '=', 'pending')
        .$if(requester !== undefined, (query) => query.where('requester', '=', requester ?? ''))
        .orderBy('expires_at')
        .execute();
      return rows.map(confirmationOf);
    },
  };
}

export type Confirmations = ReturnType<typeof confirmations>;
