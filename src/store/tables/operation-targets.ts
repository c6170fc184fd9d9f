import type { Selectable } from 'kysely';

import type { Connection } from '../database.ts';
import type { OperationTargetsTable, TargetState } from '../schema.ts';

/** One step that is done to one target of an operation. */
export interface OperationTarget {
  readonly position: number;
  readonly step: number;
  /** Undefined for a command without targets. */
  readonly target: string | undefined;
  readonly state: TargetState;
  /** Its audit entry. */
  readonly intent: number | undefined;
  /** The homeserver's own job that does it. */
  readonly serverJob: string | undefined;
  /** Why it failed or was left out. */
  readonly detail: string | undefined;
}

/** How many targets there are in each state. */
export type TargetCounts = Readonly<Partial<Record<TargetState, number>>>;

function targetOf(row: Selectable<OperationTargetsTable>): OperationTarget {
  return {
    position: row.position,
    step: row.step,
    target: row.target ?? undefined,
    state: row.state,
    intent: row.intent_id ?? undefined,
    serverJob: row.server_job ?? undefined,
    detail: row.detail ?? undefined,
  };
}

/** Rows in one statement: SQLite takes a limited number of values. */
const addedAtOnce = 500;

/** What an operation does to whom. The set never grows after the start. */
export function operationTargets(db: Connection) {
  return {
    /** Adds the targets of an operation that starts, in the order in which they are dealt with. */
    async add(
      operation: number,
      targets: readonly Pick<OperationTarget, 'position' | 'step' | 'target'>[],
    ): Promise<void> {
      for (let at = 0; at < targets.length; at += addedAtOnce) {
        await db
          .insertInto('operation_targets')
          .values(
            targets.slice(at, at + addedAtOnce).map(({ position, step, target }) => ({
              operation_id: operation,
              position,
              step,
              target: target?.toWellFormed() ?? null,
              state: 'waiting' as const,
              intent_id: null,
              server_job: null,
              detail: null,
            })),
          )
          .execute();
      }
    },

    /** All targets of an operation, in order. */
    async of(operation: number): Promise<OperationTarget[]> {
      const rows = await db
        .selectFrom('operation_targets')
        .selectAll()
        .where('operation_id', '=', operation)
        .orderBy('position')
        .orderBy('step')
        .execute();
      return rows.map(targetOf);
    },

    /** Changes the state of one target, and what goes with it. */
    async set(
      operation: number,
      { position, step }: Pick<OperationTarget, 'position' | 'step'>,
      change: Pick<OperationTarget, 'state'> &
        Partial<Pick<OperationTarget, 'intent' | 'serverJob' | 'detail'>>,
    ): Promise<void> {
      const { state, intent, serverJob, detail } = change;
      await db
        .updateTable('operation_targets')
        .set({
          state,
          ...(intent === undefined ? {} : { intent_id: intent }),
          ...(serverJob === undefined ? {} : { server_job: serverJob }),
          ...(detail === undefined ? {} : { detail }),
        })
        .where('operation_id', '=', operation)
        .where('position', '=', position)
        .where('step', '=', step)
        .execute();
    },

    /** Leaves out everything that an operation has not begun. */
    async skipWaiting(operation: number, detail: string): Promise<void> {
      await db
        .updateTable('operation_targets')
        .set({ state: 'skipped', detail })
        .where('operation_id', '=', operation)
        .where('state', '=', 'waiting')
        .execute();
    },

    async count(operation: number): Promise<TargetCounts> {
      const rows = await db
        .selectFrom('operation_targets')
        .select(['state', ({ fn }) => fn.countAll<number>().as('count')])
        .where('operation_id', '=', operation)
        .groupBy('state')
        .execute();
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    },
  };
}

export type OperationTargets = ReturnType<typeof operationTargets>;
