import { randomBytes } from 'node:crypto';

import { inject } from 'vitest';

import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import type { RegisterOptions } from '../../dev/synapse/matrix-user.ts';
import { parseEventId, parseRoomId, parseUserId } from '../../src/core/ids.ts';
import type { EventId, RoomId, UserId } from '../../src/core/ids.ts';
import { createAdminApi } from '../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../src/homeserver/admin/admin-api.ts';
import type {
  NewRegistrationToken,
  RegistrationToken,
} from '../../src/homeserver/admin/registration-tokens.ts';
import type { TestHomeserver } from './global-setup.ts';

/** The Synapse of this run. */
export function homeserver(): TestHomeserver {
  return inject('homeserver');
}

/** The admin API, as the run's own admin or as another. */
export function adminApi(accessToken: string = homeserver().admin.accessToken): AdminApi {
  return createAdminApi({ url: homeserver().url, accessToken });
}

/** The run's own admin at an ordinary client: joins rooms, sends, but is never to be changed. */
export function adminUser(): MatrixUser {
  return new MatrixUser(homeserver(), homeserver().admin);
}

/** A localpart that no other test has. */
export function uniqueLocalpart(prefix = 'user'): string {
  return `${prefix}-${randomBytes(6).toString('hex')}`;
}

/** A new account, at an ordinary client. */
export async function newUser(
  prefix = 'user',
  options: Omit<RegisterOptions, 'localpart'> = {},
): Promise<MatrixUser> {
  return MatrixUser.register(homeserver(), { localpart: uniqueLocalpart(prefix), ...options });
}

/** A new room of `user`'s; `options` is the body of `POST /createRoom`. */
export async function newRoom(
  user: MatrixUser,
  options: Record<string, unknown> = { preset: 'public_chat' },
): Promise<RoomId> {
  return asRoomId(await user.createRoom(options));
}

/** A registration token that can be typed as it is: the server's own may begin with a dash. */
export async function newToken(
  limits: Pick<NewRegistrationToken, 'usesAllowed' | 'expiryTime'> = {},
): Promise<RegistrationToken> {
  return adminApi().registrationTokens.create({ ...limits, token: uniqueLocalpart('token') });
}

/** An ID of this server that nobody has. */
export function unknownUserId(): UserId {
  return asUserId(`@${uniqueLocalpart('nobody')}:${homeserver().serverName}`);
}

/** The user's ID, branded. */
export function idOf(user: MatrixUser): UserId {
  return asUserId(user.userId);
}

export function asUserId(text: string): UserId {
  return found(parseUserId(text), text);
}

export function asRoomId(text: string): RoomId {
  return found(parseRoomId(text), text);
}

export function asEventId(text: string): EventId {
  return found(parseEventId(text), text);
}

function found<Id>(id: Id | undefined, text: string): Id {
  if (id === undefined) {
    throw new TypeError(`not an ID: ${text}`);
  }
  return id;
}
