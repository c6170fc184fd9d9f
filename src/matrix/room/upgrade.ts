import { z } from 'zod';

import { SetupError, isRefusedForGood } from '../../core/errors.ts';
import { parseRoomId, parseUserId } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import type { Tombstone } from './room-state.ts';

/** Which rooms the bot has moved to, and when. Stored, because the old room no longer decides afterwards. */
export interface Moves {
  /** Where the bot moved from this room. */
  from(room: RoomId): Promise<RoomId | undefined>;
  /** When the bot moved into this room, in milliseconds since 1970. */
  intoAt(room: RoomId): Promise<number | undefined>;
  remember(from: RoomId, to: RoomId): Promise<void>;
}

export function createMoves(store: {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string | undefined): Promise<void>;
}): Moves {
  return {
    async from(room) {
      return parseRoomId((await store.get(`movedFrom.${room}`)) ?? '');
    },
    async intoAt(room) {
      const at = await store.get(`movedInto.${room}`);
      return at === undefined ? undefined : Number(at);
    },
    async remember(from, to) {
      if ((await store.get(`movedInto.${to}`)) === undefined) {
        await store.set(`movedInto.${to}`, String(Date.now()));
      }
      await store.set(`movedFrom.${from}`, to);
    },
  };
}

const createContent = z.object({ predecessor: z.object({ room_id: z.string() }) });

const createEvent = z.object({
  type: z.literal('m.room.create'),
  state_key: z.literal(''),
  content: createContent,
});

/** The room that this one has replaced, by its own account, which nobody can change afterwards. */
export async function predecessorOf(
  client: Pick<ClientApi, 'rooms'>,
  room: RoomId,
): Promise<RoomId | undefined> {
  const created = await client.rooms.findState(room, 'm.room.create');
  const { data } = createContent.safeParse(created);
  return data === undefined ? undefined : parseRoomId(data.predecessor.room_id);
}

/**
 * Checks a move that is stored: whoever can change the database could name a room of their own.
 *
 * @throws SetupError the room does not name the other as its predecessor
 */
export async function assertReplaces(
  client: Pick<ClientApi, 'rooms'>,
  room: RoomId,
  old: RoomId,
): Promise<void> {
  if ((await predecessorOf(client, room)) !== old) {
    throw new SetupError(
      `The database says that ${room} has replaced ${old}, but that room does not name it as its predecessor.`,
      'Somebody may have changed the database. Check it, and set managementRoom to the ID of the room that is in use.',
    );
  }
}

/** The room that the bot may move to, or why it may not, and what to do. */
type Following = { readonly room: RoomId } | { readonly refused: string; readonly advice: string };

/**
 * Joins the room that has replaced a management room. Power in the new room gives roles over the homeserver,
 * so the bot follows only an admin of the old room, and only to a room that names the old one as its
 * predecessor.
 *
 * @throws HomeserverError, UnreachableError it can't be checked now
 */
export async function followUpgrade(
  client: Pick<ClientApi, 'rooms'>,
  old: { readonly room: RoomId; readonly tombstone: Tombstone },
  isAdmin: (user: UserId) => boolean,
): Promise<Following> {
  const { replacement, sender } = old.tombstone;
  const by = parseUserId(sender);
  if (replacement === undefined || replacement === old.room) {
    return {
      refused: 'the upgrade does not name another room',
      advice:
        'Set managementRoom to the room that is in use, invite the bot to it, and restart the bot.',
    };
  }
  const advice = `If you want to use that room, set managementRoom to ${replacement}, invite the bot to it, and restart the bot.`;
  if (by === undefined || !isAdmin(by)) {
    return { refused: `${sender}, who replaced it, does not have role admin there`, advice };
  }
  try {
    await client.rooms.join(replacement);
  } catch (error) {
    if (isRefusedForGood(error)) {
      return {
        refused: `the bot can’t join that room (${error.errcode})`,
        advice: `Invite the bot to ${replacement}, and it will follow. If it isn’t running, start it again.`,
      };
    }
    throw error;
  }
  const state = await client.rooms.state(replacement);
  const predecessor = state.flatMap((event) => createEvent.safeParse(event).data ?? []).at(0)
    ?.content.predecessor.room_id;
  if (predecessor !== old.room) {
    await client.rooms.leave(replacement);
    return { refused: 'that room does not name it as its predecessor', advice };
  }
  return { room: replacement };
}
