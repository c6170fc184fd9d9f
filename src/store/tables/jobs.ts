import type { Selectable } from 'kysely';

import type { Connection } from '../database.ts';
import type { JobsTable } from '../schema.ts';
import { lastNumber, skipNumbers } from './row-numbers.ts';

/** A command line to run at a given time, to undo an action. */
export interface Job {
  readonly id: number;
  readonly line: string;
  readonly runAt: number;
  readonly state: JobsTable['state'];
  readonly askedBy: string;
  /** The audit entry of the action. */
  readonly intentId: number;
  /** The command that asked for the action. */
  readonly eventId: string;
  readonly roomId: string;
  readonly createdAt: number;
}

function jobOf(row: Selectable<JobsTable>): Job {
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

/** Scheduled jobs. Each ends once. */
export function jobs(db: Connection) {
  const all = () => db.selectFrom('jobs').selectAll();
  return {
    async add(job: Omit<Job, 'id' | 'state'>): Promise<number> {
      const { id } = await db
        .insertInto('jobs')
        .values({
          line: job.line,
          run_at: job.runAt,
          state: 'waiting',
          asked_by: job.askedBy,
          intent_id: job.intentId,
          event_id: job.eventId,
          room_id: job.roomId,
          created_at: job.createdAt,
          ended_at: null,
        })
        .returning('id')
        .executeTakeFirstOrThrow();
      return id;
    },

    async get(id: number): Promise<Job | undefined> {
      const row = await all().where('id', '=', id).executeTakeFirst();
      return row && jobOf(row);
    },

    /** Waiting jobs that undo what this command did. */
    async ofEvent(eventId: string): Promise<Job[]> {
      const rows = await all()
        .where('state', '=', 'waiting')
        .where('event_id', '=', eventId)
        .execute();
      return rows.map(jobOf);
    },

    /** Waiting jobs that undo what was done to this account, with the command that did it. */
    async waitingFor(account: string): Promise<(Job & { readonly action: string })[]> {
      const rows = await db
        .selectFrom('jobs')
        .innerJoin('audit_log', 'audit_log.id', 'jobs.intent_id')
        .selectAll('jobs')
        .select('audit_log.command as action')
        .where('jobs.state', '=', 'waiting')
        .where('audit_log.target', '=', account.toWellFormed())
        .orderBy('jobs.run_at')
        .execute();
      return rows.map((row) => ({ ...jobOf(row), action: row.action }));
    },

    /** See `row-numbers.ts`. */
    lastNumber: async () => lastNumber(db, 'jobs'),
    skipNumbers: async (upTo: number) => skipNumbers(db, 'jobs', upTo),

    /** Waiting jobs, the one that is due next first. */
    async waiting(limit = 1000): Promise<Job[]> {
      const rows = await all()
        .where('state', '=', 'waiting')
        .orderBy('run_at')
        .limit(limit)
        .execute();
      return rows.map(jobOf);
    },

    /** Ends a waiting job. Returns false if it had ended before. */
    async end(id: number, state: 'done' | 'failed' | 'stopped', at: number): Promise<boolean> {
      const { numUpdatedRows } = await db
        .updateTable('jobs')
        .set({ state, ended_at: at })
        .where('id', '=', id)
        .where('state', '=', 'waiting')
        .executeTakeFirst();
      return numUpdatedRows === 1n;
    },
  };
}

export type Jobs = ReturnType<typeof jobs>;
