import { sql } from 'kysely';
import type { Selectable, Updateable } from 'kysely';

import { runPrepared } from '../../prepared.ts';
import type { Connection, OperationsTable, OperationState } from '../../schema.ts';
import { lastNumber, skipNumbers } from '../row-numbers.ts';

/** The states from which an operation can move to each state. A final state never changes. */
const sources: Readonly<Record<OperationState, readonly OperationState[]>> = {
  awaiting: [],
  scheduled: ['awaiting'],
  running: ['scheduled'],
  // The room may show that an operation ran that a restored database still lists as scheduled.
  done: ['running', 'scheduled'],
  partial: ['running', 'scheduled'],
  failed: ['running', 'scheduled'],
  unknown: ['running', 'scheduled'],
  cancelled: ['awaiting', 'scheduled', 'running'],
  expired: ['awaiting'],
};

/** Whether nothing more happens to an operation in this state. */
function isFinal(state: OperationState): boolean {
  return state !== 'awaiting' && state !== 'scheduled' && state !== 'running';
}

/**
 * Moves an operation to a state: the only way in which one changes. If several try at the same time, one of
 * them gets `true`.
 *
 * @param how.from only if it is in this state
 * @param how.expiringAfter only if it expires after that, in milliseconds since 1970
 */
export async function changeState(
  db: Connection,
  id: number | readonly number[],
  to: OperationState,
  how: {
    readonly from?: OperationState;
    readonly expiringAfter?: number;
    readonly at: number;
    readonly set?: Omit<Updateable<OperationsTable>, 'state' | 'id'>;
  },
): Promise<boolean> {
  const { from, expiringAfter, at, set = {} } = how;
  const ids = [id].flat();
  const { numUpdatedRows } = await db
    .updateTable('operations')
    .set({ ...set, state: to, ...(isFinal(to) ? { finished_at: at } : {}) })
    .where('id', 'in', ids)
    .where('state', 'in', from === undefined ? sources[to] : [from])
    .$if(expiringAfter !== undefined, (query) => query.where('expires_at', '>', expiringAfter ?? 0))
    .executeTakeFirst();
  return numUpdatedRows === BigInt(ids.length);
}

/** An operation. `invocation` is JSON. */
export interface Operation {
  readonly id: number;
  /** The event that caused it. */
  readonly eventId: string;
  /** Who asked: a user ID or `rule:NAME`. */
  readonly actor: string;
  readonly command: string;
  /** Empty for a reversal that has not started. */
  readonly invocation: string;
  /** The command line of a reversal: of a timer. */
  readonly line: string | null;
  /** What people confirm it by; null if nobody was asked. */
  readonly code: string | null;
  readonly state: OperationState;
  /** Who confirmed it; null if nobody was asked. */
  readonly confirmer: string | null;
  /** Who asked that it start nothing more. */
  readonly stopRequestedBy: string | null;
  /** Of a reversal: the audit entry that it takes back, and the event that asked for that. */
  readonly reverts: { readonly intent: number; readonly event: string } | null;
  readonly createdAt: number;
  /** When it runs, if that is not at once. */
  readonly notBefore: number | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
}

/** An operation in a list. `invocation` is also empty if it is long: it may name thousands of accounts. */
export interface ListedOperation extends Operation {
  readonly expiresAt: number | null;
}

const maxListedBytes = 10_000;

const listedColumns = [
  'id',
  'event_id',
  'actor',
  'command',
  'line',
  'code',
  'state',
  'decided_by',
  'stop_requested_by',
  'reverts_intent',
  'reverts_event',
  'created_at',
  'not_before',
  'started_at',
  'finished_at',
  'expires_at',
] as const;

/** What the pending operations of each state are ordered by. */
const orders = {
  awaiting: 'expires_at',
  scheduled: 'not_before',
  running: 'started_at',
} as const;

/** An operation that is new, or was confirmed just now. */
type NewOperation = Pick<Operation, 'actor' | 'command' | 'eventId' | 'invocation'> & {
  readonly roomId: string;
  readonly danger: string;
};

type ListedRow = Pick<Selectable<OperationsTable>, (typeof listedColumns)[number] | 'invocation'>;

function listedOf(row: ListedRow): ListedOperation {
  return { ...operationOf(row), expiresAt: row.expires_at };
}

function operationOf(row: Omit<ListedRow, 'expires_at'>): Operation {
  return {
    id: row.id,
    eventId: row.event_id,
    actor: row.actor,
    command: row.command,
    invocation: row.invocation ?? '',
    line: row.line,
    code: row.code,
    state: row.state,
    confirmer: row.decided_by,
    stopRequestedBy: row.stop_requested_by,
    reverts:
      row.reverts_intent === null
        ? null
        : { intent: row.reverts_intent, event: row.reverts_event ?? '' },
    createdAt: row.created_at,
    notBefore: row.not_before,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

/** A bulk with `--for` sets a timer for each of its accounts. */
const scheduledAtOnce = 1000;

/**
 * Operations that run or have run: at most one for each cause. Those that still
 * wait for a decision or a time are also read by `confirmations` and `timers`, which share the table.
 */
export function operations(db: Connection) {
  const all = () => db.selectFrom('operations').selectAll();
  const listed = () =>
    db.selectFrom('operations').select([
      ...listedColumns,
      sql<string | null>`
          CASE WHEN octet_length(invocation) <= ${maxListedBytes} THEN invocation END
        `.as('invocation'),
    ]);
  return {
    /**
     * Records the start, in the same transaction as its cause: of an operation that was scheduled, or of a
     * new one.
     *
     * @returns its number; undefined if it was started, or has ended, before
     */
    async start(operation: NewOperation, at: number): Promise<number | undefined> {
      const { eventId, roomId, ...fields } = operation;
      const row = await db
        .insertInto('operations')
        .values({
          ...fields,
          event_id: eventId,
          room_id: roomId,
          state: 'running',
          created_at: at,
          started_at: at,
        })
        .onConflict((conflict) => conflict.column('event_id').doNothing())
        .returning('id')
        .executeTakeFirst();
      if (row !== undefined) {
        return row.id;
      }
      const { id } = await all().where('event_id', '=', eventId).executeTakeFirstOrThrow();
      const isStarted = await changeState(db, id, 'running', {
        at,
        // A timer may take along others: then it is another command.
        set: { command: operation.command, invocation: operation.invocation, started_at: at },
      });
      return isStarted ? id : undefined;
    },

    /**
     * Schedules an operation, in the same transaction as its cause: one that was confirmed just now, or a
     * new one.
     *
     * @returns its number; undefined if it was scheduled or started, or has ended, before
     */
    async schedule(
      operation: NewOperation & { readonly notBefore: number },
      at: number,
    ): Promise<number | undefined> {
      const { eventId, roomId, notBefore, ...fields } = operation;
      const row = await db
        .insertInto('operations')
        .values({
          ...fields,
          event_id: eventId,
          room_id: roomId,
          state: 'scheduled',
          not_before: notBefore,
          created_at: at,
        })
        .onConflict((conflict) => conflict.column('event_id').doNothing())
        .returning('id')
        .executeTakeFirst();
      if (row !== undefined) {
        return row.id;
      }
      const confirmed = await db
        .updateTable('operations')
        .set({ not_before: notBefore, invocation: operation.invocation })
        .where('event_id', '=', eventId)
        .where('state', '=', 'scheduled')
        .where('not_before', 'is', null)
        .returning('id')
        .executeTakeFirst();
      return confirmed?.id;
    },

    /** Records the end. Returns false if it had ended before. */
    end: async (
      id: number,
      state: 'done' | 'partial' | 'failed' | 'unknown' | 'cancelled',
      at: number,
    ): Promise<boolean> => changeState(db, id, state, { at }),

    async get(id: number): Promise<Operation | undefined> {
      const row = await all().where('id', '=', id).executeTakeFirst();
      return row && operationOf(row);
    },

    async byEvent(eventId: string): Promise<Operation | undefined> {
      const row = await all().where('event_id', '=', eventId).executeTakeFirst();
      return row && operationOf(row);
    },

    /** A page of all operations, in any state, the newest first. */
    async newest(page: {
      readonly limit: number;
      /** The last one of the page before. */
      readonly before?: number | undefined;
    }): Promise<ListedOperation[]> {
      const { limit, before } = page;
      const rows = await listed()
        .$if(before !== undefined, (query) => query.where('id', '<', before ?? 0))
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return rows.map(listedOf);
    },

    /** The first operations in a state that is not final: by when they started, are due, or expire. */
    async first(state: keyof typeof orders, limit: number): Promise<ListedOperation[]> {
      const rows = await listed()
        .where('state', '=', state)
        .where(orders[state], 'is not', null)
        .orderBy(orders[state])
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(listedOf);
    },

    /** Operations that run, the oldest first. */
    async running(): Promise<Operation[]> {
      const rows = await all()
        .where('state', '=', 'running')
        .orderBy('started_at')
        .orderBy('id')
        .execute();
      return rows.map(operationOf);
    },

    /**
     * A page of the operations that run at a given time, timers too, the one that is due next first.
     *
     * @param after the last one of the page before
     */
    async scheduled(after?: Pick<Operation, 'id' | 'notBefore'>): Promise<Operation[]> {
      const rows = await all()
        .where('state', '=', 'scheduled')
        .where('not_before', 'is not', null)
        .$if(after !== undefined, (query) =>
          query.where(
            sql<boolean>`(not_before, id) > (${after?.notBefore ?? 0}, ${after?.id ?? 0})`,
          ),
        )
        .orderBy('not_before')
        .orderBy('id')
        .limit(scheduledAtOnce)
        .execute();
      return rows.map(operationOf);
    },

    /** Cancels an operation that is scheduled. Returns false if it was started, or has ended, before. */
    cancel: async (id: number, at: number): Promise<boolean> =>
      changeState(db, id, 'cancelled', { from: 'scheduled', at }),

    /** Whether somebody has asked that it start nothing more. */
    async isStopRequested(id: number): Promise<boolean> {
      const [row] = await runPrepared(db, 'stop of operations', { id }, (values) =>
        db.selectFrom('operations').select('stop_requested_by').where('id', '=', values.id),
      );
      return row !== undefined && row.stop_requested_by !== null;
    },

    /** Asks that a running operation start nothing more. Returns false if it is not running. */
    async requestStop(id: number, by: string): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('operations')
        .set({ stop_requested_by: by })
        .where('id', '=', id)
        .where('state', '=', 'running')
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },

    /** See `row-numbers.ts`. */
    lastNumber: async () => lastNumber(db, 'operations'),
    skipNumbers: async (upTo: number) => skipNumbers(db, 'operations', upTo),
  };
}

export type Operations = ReturnType<typeof operations>;

/** All operations that run at a given time, timers too, the one that is due next first. */
export async function allScheduled(
  operations: Pick<Operations, 'scheduled'>,
): Promise<Operation[]> {
  const found: Operation[] = [];
  for (;;) {
    const page = await operations.scheduled(found.at(-1));
    if (page.length === 0) {
      return found;
    }
    found.push(...page);
  }
}
