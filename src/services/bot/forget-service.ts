import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { ProtectedError, StoreError, TargetError } from '../../core/errors.ts';
import { forgottenAs, isForgotten } from '../../core/forgotten.ts';
import type { UserId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import type { TablePart } from '../../store/tables/privacy/personal-data.ts';

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
  /** Why the file still holds bytes of what was deleted; undefined if it doesn't. */
  readonly notCompacted: string | undefined;
}

/** What asks for somebody to be forgotten. */
export interface ForgetRequest {
  readonly user: UserId;
  /** The event that asks for it: with the same one, the same ID stands in their place. */
  readonly event: string;
  /** Its audit entry, which says what is left. */
  readonly entry: number;
  readonly now: number;
}

type ForgettingStore = Pick<Store, 'compact' | 'personalData' | 'transaction'>;

const reportTables = new Set(['report_history', 'report_items', 'reports', 'rule_matches']);
/** While one pass through the tables goes on, more can be added. */
const maxPasses = 5;

function kindOf({ table }: TablePart): keyof Mentions {
  return table === 'audit_log' ? 'entries' : reportTables.has(table) ? 'reports' : 'others';
}

const none: Mentions = { entries: 0, reports: 0, others: 0 };
const plus = (one: Mentions, other: Partial<Mentions>): Mentions => ({
  entries: one.entries + (other.entries ?? 0),
  reports: one.reports + (other.reports ?? 0),
  others: one.others + (other.others ?? 0),
});

async function countMentions(store: ForgettingStore, user: UserId): Promise<Mentions> {
  let found = none;
  for (const part of await store.personalData.parts()) {
    found = plus(found, { [kindOf(part)]: await store.personalData.count(part, user) });
    await nextTurn();
  }
  return found;
}

/**
 * Forgets somebody in all tables. Each part is committed with an outcome that vouches for what is left of it.
 *
 * @returns how much was changed: 0 if there was nothing left of them
 */
async function passThrough(
  store: ForgettingStore,
  { user, entry, now }: ForgetRequest,
  as: UserId,
): Promise<number> {
  let sum = 0;
  for (const part of await store.personalData.parts()) {
    sum += await store.transaction(async ({ auditLog, personalData }) => {
      const forgotten = await personalData.forget(part, user, as);
      if (Object.keys(forgotten.left).length > 0) {
        const detail = { as, left: forgotten.left };
        await auditLog.finish(entry, { status: 'running', detail }, now);
      }
      return forgotten.count;
    });
    await nextTurn();
  }
  return sum;
}

/**
 * @param except the event of an operation that doesn't count as pending
 * @throws ProtectedError they have acted here
 * @throws TargetError something about them is not finished, or they were forgotten before
 */
async function assertForgettable(
  { personalData }: Pick<Store, 'personalData'>,
  user: UserId,
  except?: string,
): Promise<void> {
  if (isForgotten(user)) {
    throw new TargetError('state', `${user} stands for somebody who was forgotten`);
  }
  if (await personalData.hasActed(user)) {
    throw new ProtectedError(
      `${user} has asked for or confirmed something here`,
      'What moderators did stays on record. Nothing was changed.',
    );
  }
  const { reports, operations } = await personalData.pending(user, except);
  const lists = [
    ...(reports.length === 0 ? [] : [`reports ${reports.map((id) => `#${id}`).join(', ')}`]),
    ...(operations.length === 0
      ? []
      : [`operations ${operations.map((id) => `#${id}`).join(', ')}`]),
  ];
  if (lists.length > 0) {
    throw new TargetError(
      'state',
      `not everything about ${user} is finished: ${lists.join(' and ')}`,
      'First decide the reports, and confirm, cancel or stop the operations and timers. Nothing was changed.',
    );
  }
}

/** Forgets people: replaces their IDs in the whole database, and deletes what was written by and about them. */
export function createForgetService(store: ForgettingStore) {
  async function compact(): Promise<string | undefined> {
    try {
      await store.compact();
      return undefined;
    } catch (error) {
      if (!(error instanceof StoreError)) {
        throw error;
      }
      return [error.message, error.advice].join('. ');
    }
  }

  /** Can be repeated if it was cut off. */
  async function forget(request: ForgetRequest): Promise<Forgotten> {
    const { user, event } = request;
    const as = forgottenAs(createHash('sha256').update(event).digest('hex').slice(0, 8));
    // As the preview counts. What goes is no measure: an entry that names nobody can lose its reason, too.
    const found = await countMentions(store, user);
    await store.transaction(async ({ personalData }) => personalData.forgetContent(user));
    for (let pass = 0; pass < maxPasses; pass += 1) {
      if ((await passThrough(store, request, as)) === 0) {
        break;
      }
    }
    // Until now, it could have been continued after a crash.
    await store.transaction(async ({ personalData }) =>
      personalData.forgetInOperation(event, user, as),
    );
    return { as, ...found, notCompacted: await compact() };
  }

  return {
    /**
     * Counts what names somebody.
     *
     * @param event the event that asks for it
     * @throws ProtectedError they have acted here
     * @throws TargetError something about them is not finished, or nothing names them
     */
    async find(user: UserId, event?: string): Promise<Mentions> {
      await assertForgettable(store, user, event);
      const found = await countMentions(store, user);
      if (found.entries + found.reports + found.others === 0) {
        throw new TargetError('unknown_user', `nothing in the database names ${user}`);
      }
      return found;
    },

    /**
     * Forgets somebody.
     *
     * @throws ProtectedError they have acted here
     * @throws TargetError something about them is not finished
     */
    async forget(request: ForgetRequest): Promise<Forgotten> {
      await assertForgettable(store, request.user, request.event);
      return forget(request);
    },

    /**
     * Continues what was cut off. What was finished no longer says who it was about; then only what is left of deleted
     * rows goes.
     */
    async reconcile(request: ForgetRequest): Promise<'done'> {
      await (isForgotten(request.user) ? compact() : forget(request));
      return 'done';
    },
  };
}

export type ForgetService = ReturnType<typeof createForgetService>;
