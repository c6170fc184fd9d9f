import { randomInt } from 'node:crypto';

import type { Selectable } from 'kysely';

import type { Connection, OperationsTable } from '../../schema.ts';
import { changeState } from './operations.ts';

type Row = Selectable<OperationsTable>;

/** How a confirmation stands: an operation that got further was confirmed. */
export type ConfirmationState = 'pending' | 'confirmed' | 'cancelled' | 'expired';

export function confirmationState({
  state,
  started_at: startedAt,
  not_before: notBefore,
}: Pick<Row, 'state' | 'started_at' | 'not_before'>): ConfirmationState {
  switch (state) {
    case 'awaiting':
      return 'pending';
    case 'cancelled':
      // Otherwise it was confirmed, and stopped later.
      return startedAt === null && notBefore === null ? 'cancelled' : 'confirmed';
    case 'expired':
      return state;
    case 'scheduled':
    case 'running':
    case 'done':
    case 'partial':
    case 'failed':
    case 'unknown':
      return 'confirmed';
  }
}

/** A confirmation that the room was asked for. `invocation` is JSON. */
export interface Confirmation {
  /** The number of its operation. */
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
  readonly state: ConfirmationState;
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
    code: row.code ?? '',
    invocation: row.invocation ?? '',
    command: row.command,
    requester: row.actor,
    eventId: row.event_id,
    danger: row.danger,
    createdAt: row.created_at,
    expiresAt: row.expires_at ?? 0,
    state: confirmationState(row),
    decidedBy: row.decided_by,
    decisionEventId: row.decision_event_id,
  };
}

/** Operations that the room is, or was, asked to confirm. Each is decided once. */
export function confirmations(db: Connection) {
  const all = () => db.selectFrom('operations').selectAll().where('code', 'is not', null);

  return {
    /** Stores a confirmation with a new code. */
    async ask(
      confirmation: Pick<
        Confirmation,
        'invocation' | 'command' | 'requester' | 'eventId' | 'danger' | 'createdAt' | 'expiresAt'
      > & { readonly roomId: string },
    ): Promise<Confirmation> {
      const taken = new Set(
        (
          await db.selectFrom('operations').select('code').where('state', '=', 'awaiting').execute()
        ).map((row) => row.code),
      );
      let code = newCode();
      while (taken.has(code)) {
        code = newCode();
      }
      const row = await db
        .insertInto('operations')
        .values({
          code,
          invocation: confirmation.invocation,
          command: confirmation.command,
          actor: confirmation.requester,
          event_id: confirmation.eventId,
          room_id: confirmation.roomId,
          danger: confirmation.danger,
          created_at: confirmation.createdAt,
          expires_at: confirmation.expiresAt,
          state: 'awaiting',
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return confirmationOf(row);
    },

    /**
     * Decides a pending confirmation. It can only be confirmed before it expires; then it is scheduled. If
     * several people try at the same time, one of them gets `true`.
     */
    async decide(
      id: number,
      state: 'confirmed' | 'cancelled' | 'expired',
      by: { user: string; eventId: string } | undefined,
      at: number,
    ): Promise<boolean> {
      return changeState(db, id, state === 'confirmed' ? 'scheduled' : state, {
        from: 'awaiting',
        at,
        // It may have expired since it was read.
        ...(state === 'confirmed' ? { expiringAfter: at } : {}),
        set: {
          decided_by: by?.user ?? null,
          decision_event_id: by?.eventId ?? null,
          decided_at: at,
        },
      });
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
        .where('state', '=', 'awaiting')
        .$if(requester !== undefined, (query) => query.where('actor', '=', requester ?? ''))
        .orderBy('expires_at')
        .orderBy('id')
        .execute();
      return rows.map(confirmationOf);
    },
  };
}

export type Confirmations = ReturnType<typeof confirmations>;
