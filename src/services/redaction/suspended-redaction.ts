import { mayHaveHappened } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import { findShares, reconcileUserRedaction, startUserRedaction } from './user-redaction.ts';
import type {
  RedactionShortfall,
  Redacting,
  RedactionOptions,
  RoomShare,
} from './user-redaction.ts';

/** An account whose messages are redacted while it is suspended. */
export interface SuspendedRedactionRequest {
  readonly user: UserId;
  /** Milliseconds since 1970. */
  readonly since: number;
}

type Clients = Redacting & {
  readonly api: Redacting['api'] & Pick<AdminApi, 'events' | 'users'>;
};

/** Room versions whose redactions name the redacted event outside of their content. */
const oldVersions: ReadonlySet<string> = new Set(
  Array.from({ length: 10 }, (_, at) => String(at + 1)),
);

/**
 * Starts to redact what an account has sent, in all rooms that it is or was in. If the account is suspended
 * and one of the rooms has a version before 11, Synapse fails for each event there. Then the account is locked
 * instead for as long as the redaction goes on: it can send nothing either way. `reconcileSuspendedRedaction`
 * suspends it again.
 *
 * @param options.wasLocked whether the account is to stay locked: a run that was cut off may have locked it
 * @returns undefined if there is nothing to redact
 */
export async function redactSuspended(
  clients: Clients,
  { user, since }: SuspendedRedactionRequest,
  options: RedactionOptions & { readonly wasLocked: boolean },
): Promise<{ readonly redactId: string; readonly shares: readonly RoomShare[] } | undefined> {
  const request = { user, since, room: undefined };
  const { shares } = await findShares(clients, request);
  const [first, ...others] = shares;
  if (first === undefined) {
    return undefined;
  }
  const { users } = clients.api;
  const account = await users.get(user);
  const isSwapped = account.suspended && (await hasOldRoom(clients, shares));
  if (isSwapped) {
    // The lock comes first, so that there is no moment in which the account can send.
    if (!account.locked) {
      await users.setLocked(user, true);
    }
    await users.setSuspended(user, false);
  }
  try {
    const redactId = await startUserRedaction(clients, request, [first, ...others], options);
    return { redactId, shares };
  } catch (error) {
    if (isSwapped && !mayHaveHappened(error)) {
      await suspendAgain(clients, user, options.wasLocked);
    }
    throw error;
  }
}

async function hasOldRoom(
  { api }: Pick<Clients, 'api'>,
  shares: readonly RoomShare[],
): Promise<boolean> {
  for (const { room } of shares) {
    const [create] = await api.events.state(room, 'm.room.create');
    // A create event without a version means version 1.
    const version = create?.content['room_version'] ?? '1';
    if (typeof version === 'string' && oldVersions.has(version)) {
      return true;
    }
  }
  return false;
}

async function suspendAgain(
  { api: { users } }: Pick<Clients, 'api'>,
  user: UserId,
  wasLocked: boolean,
): Promise<void> {
  await users.setSuspended(user, true);
  if (!wasLocked) {
    await users.setLocked(user, false);
  }
}

/**
 * What became of a redaction that `redactSuspended` has started, or was about to start. `not_done` if it is not
 * known to have been started and something is left: starting it again does no harm. Once nothing is redacted any
 * more, suspends the account again if it was locked instead.
 *
 * @param options.redactId Synapse's ID of the task, if it is known
 * @param options.wasLocked whether the account is to stay locked
 */
export async function reconcileSuspendedRedaction(
  clients: Clients,
  { user, since }: SuspendedRedactionRequest,
  { redactId, wasLocked }: { readonly redactId: string | undefined; readonly wasLocked: boolean },
): Promise<'unknown' | 'done' | 'not_done' | 'unknowable' | RedactionShortfall> {
  const found = await reconcileUserRedaction(clients, { user, since, room: undefined }, redactId);
  if (found === 'unknown') {
    return found;
  }
  const account = await clients.api.users.get(user);
  // It may have been cut off between the two calls that suspend it again.
  if (account.locked && !(account.suspended && wasLocked)) {
    await suspendAgain(clients, user, wasLocked);
  }
  return found === 'unknowable' && redactId === undefined ? 'not_done' : found;
}
