import { sql } from 'kysely';
import type { Selectable } from 'kysely';

import { present } from '../../../core/present.ts';
import { runPrepared } from '../../prepared.ts';
import type { Connection, OperationTargetsTable, TargetState } from '../../schema.ts';

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
  /** What the account was like before the operation, as JSON; undefined for a step that is not the first. */
  readonly before: string | undefined;
}

/** How many targets there are in each state. */
export type TargetCounts = Readonly<Partial<Record<TargetState, number>>>;

/** How many targets there are, and with how many of them nothing is left to do. */
export interface TargetProgress {
  readonly targets: number;
  readonly finished: number;
}

function targetOf(row: Selectable<OperationTargetsTable>): OperationTarget {
  return {
    position: row.position,
    step: row.step,
    target: row.target ?? undefined,
    state: row.state,
    intent: row.intent_id ?? undefined,
    serverJob: row.server_job ?? undefined,
    detail: row.detail ?? undefined,
    before: row.before ?? undefined,
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
              before: null,
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

    /** A page of the targets of an operation, in order. */
    async page(
      operation: number,
      page: {
        readonly limit: number;
        /** The last one of the page before. */
        readonly after?: Pick<OperationTarget, 'position' | 'step'> | undefined;
      },
    ): Promise<OperationTarget[]> {
      const { limit, after } = page;
      const rows = await db
        .selectFrom('operation_targets')
        .selectAll()
        .where('operation_id', '=', operation)
        .$if(after !== undefined, (query) =>
          query.where(
            sql<boolean>`(position, step) > (${after?.position ?? 0}, ${after?.step ?? 0})`,
          ),
        )
        .orderBy('position')
        .orderBy('step')
        .limit(limit)
        .execute();
      return rows.map(targetOf);
    },

    /** Changes the state of one target, and what goes with it. */
    async set(
      operation: number,
      { position, step }: Pick<OperationTarget, 'position' | 'step'>,
      change: Pick<OperationTarget, 'state'> &
        Partial<Pick<OperationTarget, 'before' | 'detail' | 'intent' | 'serverJob'>>,
    ): Promise<void> {
      const { state, intent, serverJob, detail, before } = change;
      const changed = {
        state,
        ...present({ intent_id: intent, server_job: serverJob, detail, before }),
      };
      const key = { operation_id: operation, position, step };
      await runPrepared(db, 'set operation_targets', { ...changed, ...key }, (values) => {
        const { operation_id, position: at, step: nth, ...columns } = values;
        return db
          .updateTable('operation_targets')
          .set(columns)
          .where('operation_id', '=', operation_id)
          .where('position', '=', at)
          .where('step', '=', nth);
      });
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

    /** How many targets an operation has, each with all its steps, and with how many of them it is finished. */
    async progress(operation: number): Promise<TargetProgress> {
      const { targets, open } = await db
        .selectFrom('operation_targets')
        .select(({ fn, case: when }) => [
          fn.count<number>('position').distinct().as('targets'),
          fn
            .count<number>(
              when()
                .when('state', 'in', ['waiting', 'in_flight'])
                .then(sql.ref<number>('position'))
                .end(),
            )
            .distinct()
            .as('open'),
        ])
        .where('operation_id', '=', operation)
        .executeTakeFirstOrThrow();
      return { targets, finished: targets - open };
    },
  };
}

export type OperationTargets = ReturnType<typeof operationTargets>;
