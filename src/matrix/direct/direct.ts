import { randomUUID } from 'node:crypto';

import { visible } from '../../chat/answers/untrusted-text.ts';
import { TargetError, isRefusedForGood } from '../../core/errors.ts';
import { parseRoomId, serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { megolm, sendEvent } from '../crypto/room-crypto.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { escapeHtml } from '../delivery/content.ts';
import { readDirectState } from './direct-state.ts';
import type { Secrets } from './secrets.ts';

/** Where the direct room of each person is stored. */
interface DirectStore {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string | undefined): Promise<void>;
}

/** Since when members can read a room's history. */
type Visibility = 'joined' | 'invited';

/** Rooms with one person each, for messages that nobody else may read. The messages are not stored here. */
interface DirectMessages {
  /**
   * Checks that a person can read messages in their direct room.
   *
   * @throws TargetError they can't, and what to do
   */
  assertReadableBy(user: UserId): Promise<void>;
  /**
   * Opens the direct room. The function that it returns sends lines there, which are redacted after a while,
   * and returns what redacts them at once.
   *
   * @throws TargetError the person can't read messages there
   */
  open(
    user: UserId,
  ): Promise<(lines: readonly string[], keepForMs?: number) => Promise<() => void>>;
  /** Sends a message that is not a secret: it stays, and notifies the person. */
  tell(user: UserId, lines: readonly string[]): Promise<void>;
}

export function createDirectMessages(options: {
  client: Pick<ClientApi, 'rooms' | 'events' | 'deviceKeys'>;
  crypto: RoomCrypto;
  store: DirectStore;
  secrets: Pick<Secrets, 'removeEarlier' | 'send'>;
  botUser: UserId;
  /** Joins an account of this server to one of the bot's rooms. */
  join: (room: RoomId, user: UserId) => Promise<void>;
  /** A time as people read it. */
  clock: (atMs: number) => string;
}): DirectMessages {
  const { client, crypto, store, secrets, botUser, join, clock } = options;
  const isLocal = (user: UserId) => serverNameOf(user) === serverNameOf(botUser);

  /** Whether one of a person's devices can decrypt what is sent to it. */
  async function hasDecryptingDevice(user: UserId): Promise<boolean> {
    const devices = await client.deviceKeys.query(user);
    return Object.values(devices).some(({ algorithms }) => algorithms.includes(megolm));
  }

  async function assertReadableBy(user: UserId): Promise<void> {
    if (crypto.directRoomState.length > 0 && !(await hasDecryptingDevice(user))) {
      throw new TargetError(
        'state',
        'you couldn’t read the secret: it is sent encrypted, and none of your devices can decrypt it',
        'Nothing was changed. Log in with a client that supports encryption, such as Element, and resend the command, or ask somebody here who has one.',
      );
    }
  }

  async function setVisibility(room: RoomId, visibility: Visibility): Promise<void> {
    await client.rooms.setState(room, 'm.room.history_visibility', {
      history_visibility: visibility,
    });
    // It decides who gets the keys.
    await crypto.follow(room, [{ type: 'm.room.history_visibility', state_key: '' }]);
  }

  /**
   * Joins somebody of this server to their direct room. Their client may have accepted the invitation at
   * once; Synapse then refuses to join them again.
   */
  async function letIn(room: RoomId, user: UserId): Promise<void> {
    try {
      await join(room, user);
    } catch (error) {
      const state = isRefusedForGood(error) ? await client.rooms.state(room) : [];
      if (!readDirectState(state, { user, botUser }).isJoined) {
        throw error;
      }
    }
  }

  /**
   * Prepares a room for a secret. Returns false if somebody else is there or could come in, or if the bot
   * can't change what must be changed.
   */
  async function makeReady(room: RoomId, user: UserId): Promise<boolean> {
    try {
      const before = readDirectState(await client.rooms.state(room), { user, botUser });
      if (!before.isPrivate || !(await crypto.secure(room))) {
        return false;
      }
      if (!before.isJoined && isLocal(user)) {
        // Until they join, they could not read messages for joined members only.
        await letIn(room, user);
      }
      const wanted: Visibility = before.isJoined || isLocal(user) ? 'joined' : 'invited';
      if (before.visibility !== wanted) {
        await setVisibility(room, wanted);
      }
      if (before.visibility !== 'joined' && before.visibility !== 'invited') {
        // Somebody who joined later could read the earlier messages.
        await secrets.removeEarlier({ room, user });
      }
      return true;
    } catch (error) {
      if (isRefusedForGood(error)) {
        return false;
      }
      throw error;
    }
  }

  async function createFor(user: UserId): Promise<RoomId> {
    const visibility: Visibility = isLocal(user) ? 'joined' : 'invited';
    const room = await client.rooms.create({
      name: 'Lawspeaker (private)',
      preset: 'private_chat',
      isDirect: true,
      invite: [user],
      initialState: [
        ...crypto.directRoomState,
        {
          type: 'm.room.history_visibility',
          state_key: '',
          content: { history_visibility: visibility },
        },
        { type: 'm.room.guest_access', state_key: '', content: { guest_access: 'forbidden' } },
      ],
      // The invited person must not be able to let others in.
      powerLevelContentOverride: { invite: 100, state_default: 100 },
    });
    if (isLocal(user)) {
      try {
        await letIn(room, user);
      } catch (error) {
        // The next attempt creates another room. This one must not be left behind.
        await client.rooms.leave(room).catch(() => undefined);
        throw error;
      }
    }
    return room;
  }

  /** The direct room with a person. Creates a new one if the last one is not private. */
  async function roomFor(user: UserId): Promise<RoomId> {
    const name = `direct.${user}`;
    const known = parseRoomId((await store.get(name)) ?? '');
    if (known !== undefined && (await makeReady(known, user))) {
      return known;
    }
    const room = await createFor(user);
    await store.set(name, room);
    return room;
  }

  return {
    assertReadableBy,
    async open(user) {
      await assertReadableBy(user);
      await roomFor(user);
      return async (lines, keepForMs) => {
        // Checked again: the command took time, and somebody may have joined in the meantime.
        const room = await roomFor(user);
        return secrets.send(
          { room, user },
          (dueAt) =>
            contentOf([
              ...lines,
              `I will remove this message at ${clock(dueAt)}, or immediately if anybody else joins this room.`,
            ]),
          keepForMs,
        );
      };
    },
    async tell(user, lines) {
      const room = await roomFor(user);
      // The default push rules suppress notices.
      const content = { ...contentOf(lines), msgtype: 'm.text' };
      const message = { type: 'm.room.message', content };
      await sendEvent({ client, crypto }, room, message, randomUUID());
    },
  };
}

function contentOf(lines: readonly string[]): Record<string, unknown> {
  return {
    msgtype: 'm.notice',
    body: lines.map(visible).join('\n'),
    format: 'org.matrix.custom.html',
    formatted_body: lines.map((text) => escapeHtml(visible(text))).join('<br>'),
  };
}
