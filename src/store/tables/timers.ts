import type { Selectable } from 'kysely';

import type { Connection } from '../database.ts';
import type { TimersTable } from '../schema.ts';
import { lastNumber, skipNumbers } from './row-numbers.ts';

/** A command line to run at a given time, to undo an action. */
export interface Timer {
  readonly id: number;
  readonly line: string;
  readonly runAt: number;
  readonly state: TimersTable['state'];
  readonly askedBy: string;
  /** The audit entry of the action. */
  readonly intentId: number;
  /** The command that asked for the action. */
  readonly eventId: string;
  readonly roomId: string;
  readonly createdAt: number;
}

function timerOf(row: Selectable<TimersTable>): Timer {
  return {
    id: row.id,
    line: row.line,
    runAt: row.run_at,
    state: row.state,
    askedBy: row.asked_by,
    intentId: row.intent_id,
    eventId: row.event_id,
    roomId: row.room_id,
    createdAt: row.created_at,
  };
}

/** What runs at a given time. Each ends once. */
export function timers(db: Connection) {
  const all = () => db.selectFrom('timers').selectAll();
  return {
    async add(timer: Omit<Timer, 'id' | 'state'>): Promise<number> {
      const { id } = await db
        .insertInto('timers')
        .values({
          line: timer.line,
          run_at: timer.runAt,
          state: 'waiting',
          asked_by: timer.askedBy,
          intent_id: timer.intentId,
          event_id: timer.eventId,
          room_id: timer.roomId,
          created_at: timer.createdAt,
          ended_at: null,
        })
        .returning('id')
        .executeTakeFirstOrThrow();
      return id;
    },

    async get(id: number): Promise<Timer | undefined> {
      const row = await all().where('id', '=', id).executeTakeFirst();
      return row && timerOf(row);
    },

    /** Waiting timers that undo what this command did. */
    async ofEvent(eventId: string): Promise<Timer[]> {
      const rows = await all()
        .where('state', '=', 'waiting')
        .where('event_id', '=', eventId)
        .execute();
      return rows.map(timerOf);
    },

    /** Waiting timers that undo what was done to this account, with the command that did it. */
    async waitingFor(account: string): Promise<(Timer & { readonly action: string })[]> {
      const rows = await db
        .selectFrom('timers')
        .innerJoin('audit_log', 'audit_log.id', 'timers.intent_id')
        .selectAll('timers')
        .select('audit_log.command as action')
        .where('timers.state', '=', 'waiting')
        .where('audit_log.target', '=', account.toWellFormed())
        .orderBy('timers.run_at')
        .execute();
      return rows.map((row) => ({ ...timerOf(row), action: row.action }));
    },

    /** See `row-numbers.ts`. */
    lastNumber: async () => lastNumber(db, 'timers'),
    skipNumbers: async (upTo: number) => skipNumbers(db, 'timers', upTo),

    /** Waiting timers, the one that is due next first. */
    async waiting(limit = 1000): Promise<Timer[]> {
      const rows = await all()
        .where('state', '=', 'waiting')
        .orderBy('run_at')
        .limit(limit)
        .execute();
      return rows.map(timerOf);
    },

    /** Ends a waiting job. Returns false if it had ended before. */
    async end(id: number, state: 'done' | 'failed' | 'stopped', at: number): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('timers')
        .set({ state, ended_at: at })
        .where('id', '=', id)
        .where('state', '=', 'waiting')
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
  };
}

export type Timers = ReturnType<typeof timers>;
