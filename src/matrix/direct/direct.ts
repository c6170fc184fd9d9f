import { randomUUID } from 'node:crypto';

import { HomeserverError, TargetError } from '../../core/errors.ts';
import { parseRoomId, serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { megolm, sendEvent } from '../crypto/room-crypto.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { escapeHtml, visible } from '../delivery/render.ts';
import { readDirectState } from './direct-state.ts';
import type { Secrets } from './secrets.ts';

/** Where the direct rooms are remembered, by person. */
interface DirectStore {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string | undefined): Promise<void>;
}

/** What of a room's history new members can read. */
type Visibility = 'joined' | 'invited';

/** Rooms with one person each, for what nobody else may read. Nothing said there is stored here. */
interface DirectMessages {
  /**
   * Whether a person could read what is said in the direct room.
   *
   * @throws TargetError they could not, and what to do
   */
  assertReadableBy(user: UserId): Promise<void>;
  /**
   * Opens the room; the function that it gives sends lines there, which are redacted after a while.
   *
   * @throws TargetError the person could not read what is said there
   */
  open(user: UserId): Promise<(lines: readonly string[]) => Promise<void>>;
  /** Says something there that is no secret: it stays, and notifies the person. */
  tell(user: UserId, lines: readonly string[]): Promise<void>;
}

export function createDirectMessages(options: {
  client: Pick<ClientApi, 'rooms' | 'events' | 'deviceKeys'>;
  crypto: RoomCrypto;
  store: DirectStore;
  secrets: Pick<Secrets, 'removeEarlier' | 'send'>;
  botUser: UserId;
  /** Makes an account of this server a member of a room of the bot's. */
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
        'you could not read the secret: it is sent encrypted, and none of your devices has keys to decrypt it',
        'Nothing was changed. Log in with a client that supports encryption, such as Element, and send the command again, or ask somebody here who has one.',
      );
    }
  }

  async function setVisibility(room: RoomId, visibility: Visibility): Promise<void> {
    await client.rooms.setState(room, 'm.room.history_visibility', {
      history_visibility: visibility,
    });
    // Who gets the keys depends on it.
    await crypto.follow(room, [{ type: 'm.room.history_visibility', state_key: '' }]);
  }

  /**
   * Makes a room ready to tell a secret in it. False if somebody else is there or could come in, or the
   * bot can't change what must be changed.
   */
  async function makeReady(room: RoomId, user: UserId): Promise<boolean> {
    try {
      const before = readDirectState(await client.rooms.state(room), { user, botUser });
      if (!before.isPrivate || !(await crypto.secure(room))) {
        return false;
      }
      if (!before.isJoined && isLocal(user)) {
        // Those who are not members yet could not read what is for members alone.
        await join(room, user);
      }
      const wanted: Visibility = before.isJoined || isLocal(user) ? 'joined' : 'invited';
      if (before.visibility !== wanted) {
        await setVisibility(room, wanted);
      }
      if (before.visibility !== 'joined' && before.visibility !== 'invited') {
        // Whoever came in later could read what was said until now.
        await secrets.removeEarlier({ room, user });
      }
      return true;
    } catch (error) {
      if (error instanceof HomeserverError && error.status < 500) {
        return false;
      }
      throw error;
    }
  }

  async function createFor(user: UserId): Promise<RoomId> {
    const visibility: Visibility = isLocal(user) ? 'joined' : 'invited';
    const room = await client.rooms.create({
      name: 'Lawspeaker, for you alone',
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
      // Whoever is invited can't let others in.
      powerLevelContentOverride: { invite: 100, state_default: 100 },
    });
    if (isLocal(user)) {
      await join(room, user);
    }
    return room;
  }

  /** The direct room with a person; a new one if there is none that is private. */
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
      return async (lines) => {
        // Again: the change took its time, and somebody may have come in since.
        const room = await roomFor(user);
        await secrets.send({ room, user }, (dueAt) =>
          contentOf([
            ...lines,
            `I remove this message at ${clock(dueAt)}, or at once if anybody else enters this room.`,
          ]),
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
