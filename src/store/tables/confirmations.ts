import { randomInt } from 'node:crypto';

import type { Selectable } from 'kysely';

import type { Connection } from '../database.ts';
import type { ConfirmationsTable } from '../schema.ts';

type Row = Selectable<ConfirmationsTable>;

/** A confirmation that the room was asked for. `invocation` is JSON. */
export interface Confirmation {
  readonly id: number;
  readonly code: string;
  readonly invocation: string;
  readonly command: string;
  readonly requester: string;
  /** The event of the command. */
  readonly eventId: string;
  readonly danger: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly state: Row['state'];
  readonly decidedBy: string | null;
  readonly decisionEventId: string | null;
}

/** Without 0/O, 1/I/L and 5/S: codes are read aloud and typed on phones. */
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
    decidedBy: row.decided_by,
    decisionEventId: row.decision_event_id,
  };
}

/** Confirmations. Each is decided once. */
export function confirmations(db: Connection) {
  const all = () => db.selectFrom('confirmations').selectAll();

  return {
    /** Stores a confirmation with a new code. */
    async ask(
      confirmation: Pick<
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
          invocation: confirmation.invocation,
          command: confirmation.command,
          requester: confirmation.requester,
          event_id: confirmation.eventId,
          danger: confirmation.danger,
          created_at: confirmation.createdAt,
          expires_at: confirmation.expiresAt,
          state: 'pending',
          decided_by: null,
          decision_event_id: null,
          decided_at: null,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return confirmationOf(row);
    },

    /**
     * Decides a pending confirmation. It can only be confirmed before it expires. If several people try at
     * the same time, one of them gets `true`.
     */
    async decide(
      id: number,
      state: 'confirmed' | 'cancelled' | 'expired',
      by: { user: string; eventId: string } | undefined,
      at: number,
    ): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('confirmations')
        .set({
          state,
          decided_by: by?.user ?? null,
          decision_event_id: by?.eventId ?? null,
          decided_at: at,
        })
        .where('id', '=', id)
        .where('state', '=', 'pending')
        // It may have expired since it was read.
        .$if(state === 'confirmed', (query) => query.where('expires_at', '>', at))
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },

    /** The latest confirmation with this code, pending or not. */
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

    /** The confirmation that this event decided. */
    async byDecisionEvent(eventId: string): Promise<Confirmation | undefined> {
      const row = await all().where('decision_event_id', '=', eventId).executeTakeFirst();
      return row && confirmationOf(row);
    },

    /** Pending confirmations, the next to expire first. */
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
