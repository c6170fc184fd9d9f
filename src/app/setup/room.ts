import type { Config } from '../../config/schema.ts';
import { HomeserverError, SetupError, orUndefined } from '../../core/errors.ts';
import { parseRoomAlias } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { encryptionIsOff, startsEncryption } from '../../matrix/crypto/room-crypto.ts';
import { RoomState } from '../../matrix/room/room-state.ts';
import { assertReplaces, followUpgrade } from '../../matrix/room/upgrade.ts';
import type { Moves } from '../../matrix/room/upgrade.ts';
import { createRoles } from '../../operations/authorize/authorize.ts';
import { asked, clientAddress } from './asked.ts';

/** The management room, as it is found. */
export interface RoomSetup {
  /** The management room in use. */
  readonly room: RoomId;
  /** The one that the configuration names; another one if it was upgraded. */
  readonly configuredRoom: RoomId;
  readonly roomState: readonly unknown[];
}

/** Finds the room that the configuration names, and joins it, or the room that has replaced it. */
export async function checkRoom(
  config: Config,
  client: ClientApi,
  bot: { readonly botUser: UserId; readonly moves: Moves },
): Promise<RoomSetup> {
  const configuredRoom = await findRoom(config, client);
  const { room, state } = await roomInUse(config, client, { configuredRoom, ...bot });
  if (!config.encryption.enabled && state.some(startsEncryption)) {
    throw encryptionIsOff();
  }
  return { configuredRoom, room, roomState: state };
}

/** Finds the room that the configuration names. */
async function findRoom(config: Config, client: ClientApi): Promise<RoomId> {
  const written = config.managementRoom;
  const alias = parseRoomAlias(written);
  return alias === undefined
    ? (written as RoomId)
    : asked(
        async () => client.rooms.resolveAlias(alias),
        ({ status }) =>
          status === 404
            ? new SetupError(
                `There is no room ${alias}.`,
                'Set managementRoom to the ID or alias of the management room.',
              )
            : undefined,
        clientAddress(config.homeserver),
      );
}

/** Ends a loop of rooms that replace each other. */
const maxUpgrades = 20;

/** Joins the management room, or the room that has replaced it. */
async function roomInUse(
  config: Config,
  client: ClientApi,
  start: { readonly configuredRoom: RoomId; readonly botUser: UserId; readonly moves: Moves },
): Promise<{ readonly room: RoomId; readonly state: readonly unknown[] }> {
  const { configuredRoom, botUser, moves } = start;
  const address = clientAddress(config.homeserver);
  const cannotJoin =
    (where: RoomId) =>
    ({ status, errcode }: HomeserverError) =>
      status < 500
        ? new SetupError(
            `${botUser} can’t join the management room ${where} (${errcode}).`,
            `Invite ${botUser} to it, then start again.`,
          )
        : undefined;
  let room = configuredRoom;
  for (let step = 0; step < maxUpgrades; step += 1) {
    const known = await moves.from(room);
    const here = room;
    if (known !== undefined) {
      await asked(async () => checkMove(client, here, known), cannotJoin(known), address);
      room = known;
      continue;
    }
    const state = await asked(
      async () => joinedState(client, here, botUser),
      cannotJoin(here),
      address,
    );
    const members = new RoomState();
    state.forEach((event) => members.apply(event));
    const { tombstone } = members;
    if (tombstone === undefined) {
      return { room, state };
    }
    const roles = createRoles({
      settings: config.roles,
      members,
      isBot: (user) => user === botUser,
      protectedUsers: [],
    });
    const next = await asked(
      async () =>
        followUpgrade(client, { room: here, tombstone }, (user) => roles.of(user) === 'admin'),
      () => undefined,
      address,
    );
    if ('refused' in next) {
      throw new SetupError(
        `The management room ${here} was closed and replaced by ${tombstone.replacement ?? 'another room'}, and ${next.refused}.`,
        next.advice,
      );
    }
    await moves.remember(room, next.room);
    room = next.room;
  }
  throw new SetupError(
    `The management room ${configuredRoom} was replaced too many times.`,
    'Set managementRoom to the room that is in use.',
  );
}

/** Checks a stored move by the new room, which the bot joins if it isn't there any more. */
async function checkMove(client: ClientApi, from: RoomId, to: RoomId): Promise<void> {
  try {
    await assertReplaces(client, to, from);
  } catch (error) {
    if (!isForbidden(error)) {
      throw error;
    }
    await client.rooms.join(to);
    await assertReplaces(client, to, from);
  }
}

/** The state of a room, which the bot joins first if it isn't there. */
async function joinedState(
  client: ClientApi,
  room: RoomId,
  botUser: UserId,
): Promise<readonly unknown[]> {
  // Usually it is. Synapse also gives the state to somebody who has left: as it was then.
  const seen = await orUndefined(client.rooms.state(room), isForbidden);
  if (seen !== undefined) {
    const members = new RoomState();
    seen.forEach((event) => members.apply(event));
    if (members.isJoined(botUser)) {
      return seen;
    }
  }
  await client.rooms.join(room);
  return client.rooms.state(room);
}

const isForbidden = (error: unknown) => error instanceof HomeserverError && error.status === 403;
