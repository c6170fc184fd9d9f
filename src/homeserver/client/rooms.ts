import { z } from 'zod';

import type { RoomAlias, RoomId, UserId } from '../../core/ids.ts';
import { apiObject, nothing, roomId } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';

const content = z.record(z.string(), z.unknown());

interface NewRoom {
  readonly name: string;
  readonly preset: 'private_chat';
  readonly isDirect: boolean;
  readonly invite: readonly UserId[];
  /** For `m.room.create`, besides what the server writes there. */
  readonly creationContent?: Readonly<Record<string, unknown>>;
  readonly initialState: readonly object[];
  readonly powerLevelContentOverride: Readonly<Record<string, number>>;
}

/** Rooms that the bot is in or can join. */
export function roomsApi(send: SendRequest) {
  const stateTemplate = '/_matrix/client/v3/rooms/{room_id}/state/{event_type}/';
  const stateAtTemplate = '/_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}';

  return {
    /** Creates a room. POST /_matrix/client/v3/createRoom */
    async create(room: NewRoom): Promise<RoomId> {
      const answer = await send('POST', '/_matrix/client/v3/createRoom', {
        body: {
          name: room.name,
          preset: room.preset,
          is_direct: room.isDirect,
          invite: room.invite,
          creation_content: room.creationContent,
          initial_state: room.initialState,
          power_level_content_override: room.powerLevelContentOverride,
        },
        answer: apiObject({ room_id: roomId }),
      });
      return answer.roomId;
    },

    /** The room behind an alias. GET /_matrix/client/v3/directory/room/{room_alias} */
    async resolveAlias(alias: RoomAlias): Promise<RoomId> {
      const answer = await send('GET', '/_matrix/client/v3/directory/room/{room_alias}', {
        path: { room_alias: alias },
        answer: apiObject({ room_id: roomId }),
      });
      return answer.roomId;
    },

    /** Joins a room. Idempotent. POST /_matrix/client/v3/join/{room_id} */
    async join(room: RoomId): Promise<void> {
      return send('POST', '/_matrix/client/v3/join/{room_id}', {
        path: { room_id: room },
        body: {},
        answer: nothing,
      });
    },

    /** Invites a user to a room. POST /_matrix/client/v3/rooms/{room_id}/invite */
    async invite(room: RoomId, user: UserId): Promise<void> {
      return send('POST', '/_matrix/client/v3/rooms/{room_id}/invite', {
        path: { room_id: room },
        body: { user_id: user },
        answer: nothing,
      });
    },

    /**
     * Shows in a room that a user is typing, for some time, or that they have stopped.
     * PUT /_matrix/client/v3/rooms/{room_id}/typing/{user_id}
     *
     * @param forMs undefined to stop
     */
    async setTyping(room: RoomId, user: UserId, forMs: number | undefined): Promise<void> {
      return send('PUT', '/_matrix/client/v3/rooms/{room_id}/typing/{user_id}', {
        path: { room_id: room, user_id: user },
        body: forMs === undefined ? { typing: false } : { typing: true, timeout: forMs },
        answer: nothing,
      });
    },

    /** Leaves a room. POST /_matrix/client/v3/rooms/{room_id}/leave */
    async leave(room: RoomId): Promise<void> {
      return send('POST', '/_matrix/client/v3/rooms/{room_id}/leave', {
        path: { room_id: room },
        body: {},
        answer: nothing,
      });
    },

    /** All state events of a room, raw. GET /_matrix/client/v3/rooms/{room_id}/state */
    async state(room: RoomId): Promise<unknown[]> {
      return send('GET', '/_matrix/client/v3/rooms/{room_id}/state', {
        path: { room_id: room },
        answer: z.array(z.unknown()),
      });
    },

    /**
     * The content of the state event of a type with the empty state key, undefined if there is none.
     * GET /_matrix/client/v3/rooms/{room_id}/state/{event_type}/
     */
    async findState(room: RoomId, type: string): Promise<Record<string, unknown> | undefined> {
      return ifFound(async () =>
        send('GET', stateTemplate, { path: { room_id: room, event_type: type }, answer: content }),
      );
    },

    /**
     * The content of the state event of a type and state key, undefined if there is none.
     * GET /_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}
     *
     * @throws HomeserverError 403 the bot is not in the room
     */
    async findStateAt(
      room: RoomId,
      type: string,
      stateKey: string,
    ): Promise<Record<string, unknown> | undefined> {
      return ifFound(async () =>
        send('GET', stateAtTemplate, {
          path: { room_id: room, event_type: type, state_key: stateKey },
          answer: content,
        }),
      );
    },

    /**
     * Sets the state of a type with the empty state key. Idempotent.
     * PUT /_matrix/client/v3/rooms/{room_id}/state/{event_type}/
     */
    async setState(
      room: RoomId,
      type: string,
      value: Readonly<Record<string, unknown>>,
    ): Promise<void> {
      return send('PUT', stateTemplate, {
        path: { room_id: room, event_type: type },
        body: value,
        answer: nothing,
        retry: 'idempotent',
      });
    },

    /**
     * Sets the state of a type and state key. Idempotent.
     * PUT /_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}
     */
    async setStateAt(
      room: RoomId,
      type: string,
      stateKey: string,
      value: Readonly<Record<string, unknown>>,
    ): Promise<void> {
      return send('PUT', stateAtTemplate, {
        path: { room_id: room, event_type: type, state_key: stateKey },
        body: value,
        answer: nothing,
        retry: 'idempotent',
      });
    },

    /**
     * Sends a state event, once: unlike `setStateAt`, it is not sent again if no answer comes.
     * PUT /_matrix/client/v3/rooms/{room_id}/state/{event_type}/{state_key}
     *
     * @throws HomeserverError 403 the bot has not the power for it, or is not in the room
     */
    async sendState(
      room: RoomId,
      type: string,
      stateKey: string,
      value: Readonly<Record<string, unknown>>,
    ): Promise<void> {
      return send('PUT', stateKey === '' ? stateTemplate : stateAtTemplate, {
        path: {
          room_id: room,
          event_type: type,
          ...(stateKey === '' ? {} : { state_key: stateKey }),
        },
        body: value,
        answer: nothing,
      });
    },

    /**
     * Members of a room with their membership, without those who have left.
     * GET /_matrix/client/v3/rooms/{room_id}/members
     */
    async members(room: RoomId): Promise<{ userId: string; membership: string }[]> {
      const { chunk } = await send('GET', '/_matrix/client/v3/rooms/{room_id}/members', {
        path: { room_id: room },
        query: { not_membership: 'leave' },
        answer: z.object({
          chunk: z.array(
            z.object({ state_key: z.string(), content: z.object({ membership: z.string() }) }),
          ),
        }),
      });
      return chunk.map((event) => ({
        userId: event.state_key,
        membership: event.content.membership,
      }));
    },
  };
}
