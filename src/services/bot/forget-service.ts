import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { TargetError } from '../../core/errors.ts';
import { forgottenAs, isForgotten } from '../../core/forgotten.ts';
import type { UserId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import type { TablePart } from '../../store/tables/personal-data.ts';

/** What names somebody in the database. */
export interface Mentions {
  /** Entries of the audit log. */
  readonly entries: number;
  /** Rows about reports. */
  readonly reports: number;
  /** All other rows. */
  readonly others: number;
}

/** Who was forgotten. */
export interface Forgotten extends Mentions {
  /** What stands in place of their ID. */
  readonly as: UserId;
}

type ForgettingStore = Pick<Store, 'compact' | 'personalData' | 'transaction'>;

const reportTables = new Set(['report_history', 'report_items', 'reports', 'rule_matches']);
/** They go last: until then, a command that was cut off can go on. */
const operationTables = new Set(['operation_targets', 'operations']);
/** While one pass through the tables goes on, more can be added. */
const maxPasses = 5;

function kindOf({ table }: TablePart): keyof Mentions {
  return table === 'audit_log' ? 'entries' : reportTables.has(table) ? 'reports' : 'others';
}

const none: Mentions = { entries: 0, reports: 0, others: 0 };
const plus = (sum: Mentions, kind: keyof Mentions, count: number): Mentions => ({
  ...sum,
  [kind]: sum[kind] + count,
});
const totalOf = ({ entries, reports, others }: Mentions) => entries + reports + others;

async function countMentions(store: ForgettingStore, user: UserId): Promise<Mentions> {
  let found = none;
  for (const part of await store.personalData.parts()) {
    found = plus(found, kindOf(part), await store.personalData.count(part, user));
    await nextTurn();
  }
  return found;
}

async function passThrough(store: ForgettingStore, user: UserId, as: UserId): Promise<Mentions> {
  const all = await store.personalData.parts();
  const parts = [
    ...all.filter(({ table }) => !operationTables.has(table)),
    ...all.filter(({ table }) => operationTables.has(table)),
  ];
  let changed = none;
  for (const part of parts) {
    const count = await store.transaction(async ({ personalData }) =>
      personalData.forget(part, user, as),
    );
    changed = plus(changed, kindOf(part), count);
    await nextTurn();
  }
  return changed;
}

/** @throws TargetError something about them is not finished, or they were forgotten before */
async function assertNothingPending(
  { personalData }: Pick<Store, 'personalData'>,
  user: UserId,
): Promise<void> {
  if (isForgotten(user)) {
    throw new TargetError('state', `${user} stands for somebody who was forgotten`);
  }
  const { reports, operations } = await personalData.pending(user);
  const lists = [
    ...(reports.length === 0 ? [] : [`reports ${reports.map((id) => `#${id}`).join(', ')}`]),
    ...(operations.length === 0 ? [] : [`operations ${operations.join(', ')}`]),
  ];
  if (lists.length > 0) {
    throw new TargetError(
      'state',
      `not everything about ${user} is finished: ${lists.join(' and ')}`,
      'Decide the reports, and finish or stop the operations and timers first. Nothing was changed.',
    );
  }
}

/** Forgets people: replaces their IDs in the whole database, and deletes what was written by and about them. */
export function createForgetService(store: ForgettingStore) {
  return {
    /**
     * Counts what names somebody.
     *
     * @throws TargetError something about them is not finished
     */
    async find(user: UserId): Promise<Mentions> {
      await assertNothingPending(store, user);
      return countMentions(store, user);
    },

    /**
     * Forgets somebody. Can be repeated if it was cut off.
     *
     * @param cause what asks for it, such as an event ID: with the same one, the same ID stands in their place
     * @throws TargetError something about them is not finished
     */
    async forget(user: UserId, cause: string): Promise<Forgotten> {
      const as = forgottenAs(createHash('sha256').update(cause).digest('hex').slice(0, 8));
      await store.transaction(async (tables) => {
        await assertNothingPending(tables, user);
        await tables.personalData.forgetContent(user);
      });
      let sum = none;
      for (let pass = 0; pass < maxPasses; pass += 1) {
        const changed = await passThrough(store, user, as);
        sum = {
          entries: sum.entries + changed.entries,
          reports: sum.reports + changed.reports,
          others: sum.others + changed.others,
        };
        if (totalOf(changed) === 0) {
          break;
        }
      }
      await store.compact();
      return { as, ...sum };
    },

    /**
     * Whether somebody was forgotten, after that was cut off: then the command itself no longer says who. What is left
     * of deleted rows goes now.
     */
    async reconcile(user: UserId): Promise<'done' | 'not_done'> {
      if (!isForgotten(user) && totalOf(await countMentions(store, user)) > 0) {
        return 'not_done';
      }
      await store.compact();
      return 'done';
    },
  };
}

export type ForgetService = ReturnType<typeof createForgetService>;
