import { HomeserverError, SetupError } from '../../core/errors.ts';
import { parseRoomAlias } from '../../core/ids.ts';
import type { RoomAlias, RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { startsEncryption } from '../../matrix/crypto/room-crypto.ts';
import { RoomState } from '../../matrix/room/room-state.ts';
import { attempt } from './attempt.ts';
import type { Invitation } from './people.ts';

/** The homeserver does not know the room that is named. */
export class NoSuchRoomError extends SetupError {}

/** Marks the room that `init` has made, so that it makes no second one. */
const marker = 'dev.lawspeaker.management_room';
const powerLevelsType = 'm.room.power_levels';

interface Context {
  readonly botUser: UserId;
  /** As the bot. */
  readonly client: ClientApi;
  readonly api: AdminApi;
  /** As the admin whose rights are used, if any. */
  readonly adminApi: AdminApi | undefined;
  readonly say: (line: string) => void;
}

/** The room that an earlier run of `init` has made; undefined if there is none that is in use. */
export async function findMadeRoom({
  botUser,
  api,
}: Pick<Context, 'botUser' | 'api'>): Promise<RoomId | undefined> {
  return attempt('look for a room that was made before', async () => {
    const { joinedRooms } = await api.users.joinedRooms(botUser);
    for (const room of joinedRooms) {
      const [[create], [tombstone]] = await Promise.all([
        api.events.state(room, 'm.room.create'),
        api.events.state(room, 'm.room.tombstone'),
      ]);
      if (
        create?.sender === botUser &&
        create.content[marker] === true &&
        tombstone === undefined
      ) {
        return room;
      }
    }
    return undefined;
  });
}

/** Makes the management room: private, and only moderators can invite others. */
export async function makeRoom(
  { client, say }: Pick<Context, 'client' | 'say'>,
  isEncrypted: boolean,
): Promise<RoomId> {
  const stateOf = (type: string, content: object) => ({ type, state_key: '', content });
  const room = await attempt('make the management room', async () =>
    client.rooms.create({
      name: 'Moderation',
      preset: 'private_chat',
      isDirect: false,
      invite: [],
      creationContent: { [marker]: true },
      initialState: [
        stateOf('m.room.guest_access', { guest_access: 'forbidden' }),
        // A new moderator can read what was done before.
        stateOf('m.room.history_visibility', { history_visibility: 'shared' }),
        ...(isEncrypted
          ? [stateOf('m.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' })]
          : []),
      ],
      powerLevelContentOverride: { invite: 50 },
    }),
  );
  say(`${room}: made the management room, private${isEncrypted ? ' and encrypted' : ''}`);
  return room;
}

/**
 * Finds a room that exists, and joins it.
 *
 * @throws NoSuchRoomError the homeserver does not know the room
 * @throws SetupError the bot can't join it
 */
export async function joinRoom(context: Context, named: RoomId | RoomAlias): Promise<RoomId> {
  const { client, botUser, adminApi } = context;
  const alias = parseRoomAlias(named);
  const room =
    alias === undefined
      ? (named as RoomId)
      : await attempt(
          `find ${alias}`,
          async () => client.rooms.resolveAlias(alias),
          ({ status }) =>
            status === 404
              ? new NoSuchRoomError(
                  `There is no room ${alias}.`,
                  'Check --room, or leave it out for a new room.',
                )
              : undefined,
        );
  await attempt(
    `join ${room}`,
    async () => {
      try {
        await client.rooms.join(room);
      } catch (error) {
        if (!(error instanceof HomeserverError) || adminApi === undefined) {
          throw error;
        }
        // The admin may be in the room, with the power to invite.
        await adminApi.rooms.join(room, botUser);
      }
    },
    ({ status, errcode }) => {
      if (status === 404) {
        return new NoSuchRoomError(
          `The homeserver does not know the room ${room}.`,
          `Check --room, or leave it out for a new room. If the room is on another homeserver, invite ${botUser} to it first.`,
        );
      }
      return status < 500
        ? new SetupError(
            `${botUser} can’t join the room ${room} (${errcode}).`,
            `Invite ${botUser} to it and give it power level 100, then run lawspeaker init again.`,
          )
        : undefined;
    },
  );
  return room;
}

/**
 * Gives people their power levels in the room, and invites those who are not there. Nobody's level is
 * lowered.
 *
 * @returns whether the room is encrypted
 */
export async function invitePeople(
  context: Pick<Context, 'botUser' | 'client' | 'say'>,
  room: RoomId,
  people: readonly Invitation[],
): Promise<{ readonly isEncrypted: boolean }> {
  const { botUser, client, say } = context;
  const events = await attempt(`read the room ${room}`, async () => client.rooms.state(room));
  const state = new RoomState();
  events.forEach((event) => state.apply(event));
  const raised = await raisePowerLevels(context, room, state, people);
  const present = new Map(
    (await attempt(`read who is in ${room}`, async () => client.rooms.members(room))).map(
      ({ userId, membership }) => [userId, membership],
    ),
  );
  for (const { user, powerLevel } of people) {
    const role = powerLevel === 100 ? 'admin' : 'moderator';
    const membership = present.get(user);
    if (membership === 'join' || membership === 'invite') {
      say(
        `${user}: ${membership === 'join' ? 'in the room' : 'invited'} already${raised.has(user) ? `, now as ${role}` : ''}`,
      );
      continue;
    }
    const isInvited = await isAllowed(async () =>
      attempt(`invite ${user}`, async () => client.rooms.invite(room, user), forbidden),
    );
    say(
      isInvited
        ? `${user}: invited as ${role}`
        : `${user}: can’t be invited${membership === 'ban' ? ', because they are banned from the room' : ''}. Invite them yourself, with power level ${powerLevel}.`,
    );
  }
  if (state.powerLevel(botUser) < 100) {
    say(
      `${room}: the bot’s power level is ${state.powerLevel(botUser)}. Give it 100: anybody above it can remove it.`,
    );
  }
  if (state.openToStrangers().length > 0) {
    say(`${room}: open to strangers. Make it invite-only, and readable only by members.`);
  }
  return { isEncrypted: events.some(startsEncryption) };
}

/** @returns those whose power level was too low, and is raised now */
async function raisePowerLevels(
  { client, say }: Pick<Context, 'client' | 'say'>,
  room: RoomId,
  state: RoomState,
  people: readonly Invitation[],
): Promise<ReadonlySet<UserId>> {
  const toRaise = people.filter(({ user, powerLevel }) => state.powerLevel(user) < powerLevel);
  if (toRaise.length === 0) {
    return new Set();
  }
  const isRaised = await isAllowed(async () =>
    attempt(
      `set power levels in ${room}`,
      async () => {
        const content = (await client.rooms.findState(room, powerLevelsType)) ?? {};
        const users = (content['users'] ?? {}) as Readonly<Record<string, unknown>>;
        await client.rooms.setState(room, powerLevelsType, {
          ...content,
          users: {
            ...users,
            ...Object.fromEntries(toRaise.map(({ user, powerLevel }) => [user, powerLevel])),
          },
        });
      },
      forbidden,
    ),
  );
  if (!isRaised) {
    toRaise.forEach(({ user, powerLevel }) =>
      say(`${user}: the bot can’t raise their power level to ${powerLevel}. Do that yourself.`),
    );
  }
  return new Set(isRaised ? toRaise.map(({ user }) => user) : []);
}

class ForbiddenError extends SetupError {}

function forbidden({ status }: HomeserverError): SetupError | undefined {
  return status === 403 ? new ForbiddenError('forbidden') : undefined;
}

/** Whether the homeserver lets the bot do this. */
async function isAllowed(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof ForbiddenError) {
      return false;
    }
    throw error;
  }
}
