import type { Selectable } from 'kysely';

import type { Connection, OperationsTable, OperationState } from '../../schema.ts';
import { hasTarget } from '../audit/audit-target.ts';
import { changeState } from './operations.ts';

/** A command line to run at a given time, to undo an action. */
export interface Timer {
  /** The number of its operation. */
  readonly id: number;
  readonly line: string;
  readonly runAt: number;
  readonly state: 'scheduled' | 'done' | 'failed' | 'stopped';
  readonly askedBy: string;
  /** The audit entry of the action. */
  readonly intentId: number;
  /** The command that asked for the action. */
  readonly eventId: string;
  readonly roomId: string;
  readonly createdAt: number;
}

function timerState(state: OperationState): Timer['state'] {
  switch (state) {
    case 'scheduled':
    case 'running':
      return 'scheduled';
    case 'done':
      return 'done';
    case 'cancelled':
      return 'stopped';
    case 'awaiting':
    case 'expired':
    case 'partial':
    case 'failed':
    case 'unknown':
      return 'failed';
  }
}

function timerOf(row: Selectable<OperationsTable>): Timer {
  return {
    id: row.id,
    line: row.line ?? '',
    runAt: row.not_before ?? 0,
    state: timerState(row.state),
    askedBy: row.actor,
    intentId: row.reverts_intent ?? 0,
    eventId: row.reverts_event ?? '',
    roomId: row.room_id,
    createdAt: row.created_at,
  };
}

/** The event that stands for a timer: it runs once under this ID. */
export function timerEvent({ id, createdAt }: Pick<Timer, 'id' | 'createdAt'>): string {
  return `$timer-${id}-${createdAt}`;
}

const endStates = { done: 'done', failed: 'failed', stopped: 'cancelled' } as const;

/** A statement has a limited number of parameters. */
const endedAtOnce = 500;

/** Operations that take another one back at a given time. Each ends once. */
export function timers(db: Connection) {
  const all = () => db.selectFrom('operations').selectAll().where('line', 'is not', null);
  return {
    async add(timer: Omit<Timer, 'id' | 'state'>): Promise<number> {
      const { id } = await db
        .insertInto('operations')
        .values({
          // The final event ID contains the row number, which is not known yet.
          event_id: `$timer-of-${timer.intentId}`,
          room_id: timer.roomId,
          actor: timer.askedBy,
          command: timer.line.split(' ', 1)[0] ?? '',
          line: timer.line,
          danger: 'change',
          state: 'scheduled',
          not_before: timer.runAt,
          reverts_intent: timer.intentId,
          reverts_event: timer.eventId,
          created_at: timer.createdAt,
        })
        .returning('id')
        .executeTakeFirstOrThrow();
      await db
        .updateTable('operations')
        .set({ event_id: timerEvent({ id, createdAt: timer.createdAt }) })
        .where('id', '=', id)
        .execute();
      return id;
    },

    async get(id: number): Promise<Timer | undefined> {
      const row = await all().where('id', '=', id).executeTakeFirst();
      return row && timerOf(row);
    },

    /** Scheduled timers that undo what this command did. */
    async ofEvent(eventId: string): Promise<Timer[]> {
      const rows = await all()
        .where('state', '=', 'scheduled')
        .where('reverts_event', '=', eventId)
        .orderBy('not_before')
        .orderBy('id')
        .execute();
      return rows.map(timerOf);
    },

    /** All timers that were set to undo what this command did, whatever became of them. */
    async everOfEvent(eventId: string): Promise<Timer[]> {
      const rows = await all().where('reverts_event', '=', eventId).orderBy('id').execute();
      return rows.map(timerOf);
    },

    /** Scheduled timers that undo what was done to this account, with the command that did it. */
    async scheduledFor(account: string): Promise<(Timer & { readonly action: string })[]> {
      const rows = await db
        .selectFrom('operations')
        .innerJoin('audit_log', 'audit_log.id', 'operations.reverts_intent')
        .selectAll('operations')
        .select('audit_log.command as action')
        .where('operations.state', '=', 'scheduled')
        .where(hasTarget(db, [account.toWellFormed()]))
        .orderBy('operations.not_before')
        .orderBy('operations.id')
        .execute();
      return rows.map((row) => ({ ...timerOf(row), action: row.action }));
    },

    /** Scheduled timers, the one that is due next first. */
    async scheduled(): Promise<Timer[]> {
      const rows = await all()
        .where('state', '=', 'scheduled')
        .orderBy('not_before')
        .orderBy('id')
        .execute();
      return rows.map(timerOf);
    },

    /** Scheduled timers with a line that begins with these words, the one that is due next first. */
    async scheduledWith(words: string): Promise<Timer[]> {
      const rows = await all()
        .where('state', '=', 'scheduled')
        .where('line', 'like', `${words} %`)
        .orderBy('not_before')
        .orderBy('id')
        .execute();
      return rows.map(timerOf);
    },

    /** Ends a scheduled timer. Returns false if it had ended, or was started, before. */
    async end(id: number, state: 'done' | 'failed' | 'stopped', at: number): Promise<boolean> {
      return changeState(db, id, endStates[state], { from: 'scheduled', at });
    },

    /** Ends scheduled timers. What had ended, or was started, before is left as it is. */
    async endAll(ids: readonly number[], state: 'done' | 'failed', at: number): Promise<void> {
      for (let from = 0; from < ids.length; from += endedAtOnce) {
        const some = ids.slice(from, from + endedAtOnce);
        await changeState(db, some, endStates[state], { from: 'scheduled', at });
      }
    },
  };
}

export type Timers = ReturnType<typeof timers>;
