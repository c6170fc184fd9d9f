import { randomUUID } from 'node:crypto';

import { z } from 'zod';

import { HomeserverError } from '../errors.ts';
import { parseRoomId } from '../ids.ts';
import type { RoomId, UserId } from '../ids.ts';
import { roomPath, sendEvent } from './client.ts';
import type { MatrixCall } from './client.ts';
import { escapeHtml, visible } from './render.ts';
import type { RoomCrypto } from './room-crypto.ts';

/** Where the direct rooms are remembered, by person. */
export interface DirectStore {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string | undefined): Promise<void>;
}

const memberList = z.object({
  chunk: z.array(
    z.object({ state_key: z.string(), content: z.object({ membership: z.string() }) }),
  ),
});

/** Rooms with one person each, for what nobody else may read. Nothing said there is stored here. */
export function createDirectRooms(options: {
  call: MatrixCall;
  crypto: RoomCrypto;
  store: DirectStore;
  botUser: UserId;
}) {
  const { call, crypto, store, botUser } = options;

  /** True where the two are alone, and the person is there or invited. */
  async function isPrivate(room: RoomId, user: UserId): Promise<boolean> {
    try {
      const { chunk } = memberList.parse(await call('GET', `${roomPath(room)}/members`));
      const present = new Set(
        chunk
          .filter(({ content }) => ['join', 'invite', 'knock'].includes(content.membership))
          .map((member) => member.state_key),
      );
      return present.size === 2 && present.has(user) && present.has(botUser);
    } catch (error) {
      if (error instanceof HomeserverError && error.status < 500) {
        return false;
      }
      throw error;
    }
  }

  /** POST /_matrix/client/v3/createRoom */
  async function createFor(user: UserId): Promise<RoomId> {
    const answer = await call('POST', '/_matrix/client/v3/createRoom', {
      body: {
        name: 'Lawspeaker, for you alone',
        preset: 'private_chat',
        is_direct: true,
        invite: [user],
        initial_state: crypto.directRoomState,
        // Whoever is invited can't let others in.
        power_level_content_override: { invite: 100, state_default: 100 },
      },
    });
    const room = parseRoomId(String((answer as { room_id?: unknown }).room_id));
    if (room === undefined) {
      throw new HomeserverError(200, 'LAWSPEAKER_BAD_ANSWER', 'POST /createRoom');
    }
    return room;
  }

  /** The direct room with a person, made where there is none that is private. */
  async function roomFor(user: UserId): Promise<RoomId> {
    const name = `direct.${user}`;
    const known = parseRoomId((await store.get(name)) ?? '');
    if (known !== undefined && (await isPrivate(known, user)) && (await crypto.secure(known))) {
      return known;
    }
    const room = await createFor(user);
    await store.set(name, room);
    return room;
  }

  return {
    /** Opens the room; the function that it gives sends lines there. */
    async open(user: UserId): Promise<(lines: readonly string[]) => Promise<void>> {
      const room = await roomFor(user);
      return async (lines) => {
        const content = {
          msgtype: 'm.notice',
          body: lines.map(visible).join('\n'),
          format: 'org.matrix.custom.html',
          formatted_body: lines.map((text) => escapeHtml(visible(text))).join('<br>'),
        };
        const message = { type: 'm.room.message', content };
        await sendEvent({ call, crypto }, room, message, randomUUID());
      };
    },
  };
}
