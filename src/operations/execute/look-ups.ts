import { setImmediate as nextTurn } from 'node:timers/promises';

import { LawspeakerError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account } from '../../services/services.ts';
import { at } from '../at-homeserver.ts';
import type { AccountLookup, HomeserversContext } from '../at-homeserver.ts';
import type { FindContext } from '../resolve/find-accounts.ts';
import { whyUntouchable } from '../resolve/resolve.ts';
import type { ResolveContext } from '../resolve/resolve.ts';
import { taskOf } from './operation.ts';
import type { RunningOperation, Unit } from './operation.ts';

/** Accounts are taken as they were when they were read from the list, or at the step before, for this long. */
const freshMs = 10_000;
/** Fewer than this are looked up one by one. */
const fewAccounts = 20;
/** How many of the next accounts are read together. */
const readAhead = 500;

/** What looking up the accounts of an operation needs. */
type LookUpContext = Pick<FindContext, 'services'> &
  Pick<AccountLookup, 'findAccount'> &
  HomeserversContext & { now(): number };

/**
 * Looks up the accounts of an operation, each before something is done to it. The next of many are read
 * together from the list of all accounts, if that tells enough and takes the homeserver less time than
 * looking up each. The list is read again every few seconds, so that changes are seen.
 *
 * @param queue the units that are still to be done
 */
export function createLookUps(
  context: LookUpContext,
  {
    command,
    server,
  }: Pick<RunningOperation, 'command'> & {
    /** The homeserver of all of them. */
    readonly server: string | undefined;
  },
  queue: readonly (readonly Unit[])[],
): AccountLookup['findAccount'] {
  let mayRead = command.knownFromList === true && command.steps === undefined;
  let found: ReadonlyMap<UserId, Account> = new Map();
  /** The accounts that the list was read for. It need not contain all of them. */
  let covered: ReadonlySet<UserId> = new Set();
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  /** Accounts that were taken from the queue and wait for the list. */
  const asked = new Set<UserId>();

  async function read(): Promise<void> {
    // Lanes that start together ask in the same turn.
    await nextTurn();
    const next = queue.slice(0, readAhead).flatMap(([unit]) => unit?.target ?? []);
    const wanted = new Set([...asked, ...next]);
    // Set before the request, so that what was read is never older than this says, even if the answer is
    // late.
    readAt = context.now();
    const listed = await at(context, server).services.accounts.fromList([...wanted], fewAccounts);
    covered = wanted;
    mayRead = listed !== undefined;
    found = listed ?? new Map();
  }

  return async (user) => {
    const [next] = queue[0] ?? [];
    // Lanes take targets before they look them up: one that was just missed is not worth another list.
    const isUsedUp =
      !covered.has(user) && (next?.target === undefined || !covered.has(next.target));
    if (mayRead && (isUsedUp || context.now() - readAt >= freshMs)) {
      asked.add(user);
      reading ??= read().finally(() => {
        asked.clear();
        reading = undefined;
      });
      await reading;
    }
    return found.get(user) ?? at(context, server).findAccount(user);
  };
}

/**
 * Why nothing more is done to an account: it has become protected while an earlier step took its time. A redaction can
 * take hours. If the homeserver can't tell, the step itself finds that out.
 */
export async function whyProtectedSince(
  context: ResolveContext & { now(): number },
  {
    operation,
    server,
    lookedUpAt,
  }: {
    readonly operation: RunningOperation;
    readonly server: string | undefined;
    /** By account, in milliseconds since 1970. */
    readonly lookedUpAt: Map<UserId, number>;
  },
  unit: Unit,
): Promise<string | undefined> {
  const { account, intent, part } = unit;
  const now = context.now();
  if (account === undefined || intent !== undefined || part !== undefined) {
    return undefined;
  }
  if (now - (lookedUpAt.get(account.name) ?? operation.startedAt) < freshMs) {
    return undefined;
  }
  const there = at(context, server);
  const current = await there.findAccount(account.name).catch((error: unknown) => {
    if (error instanceof LawspeakerError) {
      return undefined;
    }
    throw error;
  });
  lookedUpAt.set(account.name, now);
  return current && whyUntouchable(there, taskOf(operation, unit), current);
}
