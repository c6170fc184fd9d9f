import { existsSync } from 'node:fs';
import path from 'node:path';

import { z } from 'zod';

import { createSerialQueue } from '../../core/async/serial-queue.ts';
import {
  HomeserverError,
  LawspeakerError,
  SetupError,
  UnreachableError,
} from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { present } from '../../core/present.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { KeyClient, reasonOf } from './key-client.ts';
import type { RoomSettings } from './key-client.ts';
import { megolm, secureRoom } from './room-crypto.ts';
import type { RoomCrypto } from './room-crypto.ts';
import { EncryptedRoomEvent } from './sdk.ts';

type Json = Record<string, unknown>;

/** The file in which the native library keeps its keys. */
const keyFile = 'matrix-sdk-crypto.sqlite3';
/** Encryption makes an event about a third longer. */
const maxEncryptedContentBytes = 44_000;

const period = z.int().positive().optional().catch(undefined);

const encryptionContent = z.object({
  algorithm: z.literal(megolm),
  rotation_period_ms: period,
  rotation_period_msgs: period,
});

const stateEvent = z.object({ type: z.string(), state_key: z.literal('') });

const memberEvent = z.object({
  type: z.literal('m.room.member'),
  state_key: z.string(),
  content: z.object({ membership: z.literal('join') }),
});

/** An event that can be decrypted: state is never encrypted, and a redacted event has no content. */
const encryptedEvent = z.looseObject({
  type: z.literal('m.room.encrypted'),
  state_key: z.undefined().optional(),
  event_id: z.string(),
  content: z.looseObject({ algorithm: z.string() }),
});

/** Types that count inside an encrypted event; an encrypted redaction or state event has no effect. */
const messageTypes = new Set(['m.room.message', 'm.reaction']);

/** An unencrypted notice in which a client says that it withholds a key from this device, and why. */
const withheldKey = z.object({
  type: z.literal('m.room_key.withheld'),
  sender: z.string(),
  content: z.object({ session_id: z.string(), code: z.string().max(64) }),
});

const sessionOf = z.object({ sender: z.string(), content: z.object({ session_id: z.string() }) });

/** Older notices are forgotten. */
const maxWithheld = 1000;

/**
 * Encryption by the SDK's native library. Each device of the bot has its keys in a folder of its own inside
 * `folder`, so a new access token starts with new keys.
 *
 * @throws SetupError encryption can't work, and what to do
 */
export async function openRoomCrypto(options: {
  client: ClientApi;
  folder: string;
  botUser: UserId;
  log: Log;
}): Promise<RoomCrypto> {
  const { client, botUser, log } = options;
  const device = await ownDevice(client);
  const folder = path.join(options.folder, device.replaceAll(/[^\w-]/gu, '_'));
  if (!existsSync(path.join(folder, keyFile)) && (await isKnown(client, botUser, device))) {
    throw new SetupError(
      `The homeserver knows keys of the bot’s device ${device}, and ${folder} does not have them: they are lost.`,
      'A device can’t get new keys: log in again as the bot and set homeserver.accessToken.',
    );
  }
  const keys = await KeyClient.open({ client, folder, botUser, device, log });
  const { crypto } = keys;
  const queue = createSerialQueue();

  /** By sender and session, why a key is withheld. */
  const withheld = new Map<string, string>();

  function noteWithheld(event: unknown): void {
    const read = withheldKey.safeParse(event);
    if (!read.success) {
      return;
    }
    const { sender, content } = read.data;
    withheld.set(`${sender} ${content.session_id}`, content.code);
    const [oldest] = withheld.keys();
    if (withheld.size > maxWithheld && oldest !== undefined) {
      withheld.delete(oldest);
    }
  }

  async function askForSettings(room: RoomId): Promise<RoomSettings | undefined> {
    const encryption = await client.rooms.findState(room, 'm.room.encryption');
    if (encryption === undefined) {
      return undefined;
    }
    const visibility = await client.rooms.findState(room, 'm.room.history_visibility');
    const settings = readSettings(encryption, visibility ?? {});
    keys.rooms.set(room, settings);
    return settings;
  }

  /** Undefined for a room without encryption. Asks the homeserver about rooms that are not known yet. */
  async function settingsOf(room: RoomId): Promise<RoomSettings | undefined> {
    return keys.rooms.get(room) ?? askForSettings(room);
  }

  /** Users may have got new devices since the bot last asked. */
  async function refreshDevicesOf(users: readonly string[]): Promise<void> {
    await queue
      .run(async () => crypto.updateSyncData([], {}, [], [...users], []))
      .catch(
        // The library has stored that it must ask, and does so before it encrypts the next message.
        (error: unknown) => log.warn({ reason: reasonOf(error) }, 'devices could not be queried'),
      );
  }

  return {
    maxContentBytes: maxEncryptedContentBytes,
    directRoomState: [{ type: 'm.room.encryption', state_key: '', content: { algorithm: megolm } }],

    async follow(room, events) {
      const isNew = !keys.rooms.has(room);
      if (
        events.some((event) => isState(event, 'm.room.encryption', 'm.room.history_visibility'))
      ) {
        await askForSettings(room);
      }
      if (isNew && keys.rooms.has(room)) {
        await refreshDevicesOf(joinedIn(events));
      }
    },

    async receive(sync) {
      const { toDevice, deviceLists } = sync;
      toDevice.events.forEach(noteWithheld);
      await queue.run(async () =>
        crypto.updateSyncData(
          toDevice.events as never,
          sync.deviceOneTimeKeysCount as never,
          sync.deviceUnusedFallbackKeyTypes as never,
          deviceLists.changed,
          deviceLists.left,
        ),
      );
    },

    async decrypt(room, event) {
      const encrypted = encryptedEvent.safeParse(event);
      if (!encrypted.success) {
        return event as object;
      }
      try {
        const { raw } = await crypto.decryptRoomEvent(new EncryptedRoomEvent(event), room);
        return messageTypes.has((raw as { type: string }).type) ? (raw as object) : encrypted.data;
      } catch (error) {
        log.warn(
          { event: encrypted.data.event_id, reason: reasonOf(error) },
          'no key for a message',
        );
        return undefined;
      }
    },

    withheld(event) {
      const read = sessionOf.safeParse(event);
      return read.success
        ? withheld.get(`${read.data.sender} ${read.data.content.session_id}`)
        : undefined;
    },

    async encrypt(room, type, content) {
      // Clients neither encrypt reactions nor expect encrypted ones.
      if (type === 'm.reaction' || (await settingsOf(room)) === undefined) {
        return { type, content };
      }
      // Two at once could use up a key after it was shared and before it encrypts the message.
      const encryptedContent = await queue
        .run(async () => crypto.encryptRoomEvent(room, type, content))
        .catch((error: unknown) => {
          log.warn({ reason: reasonOf(error) }, 'a message could not be encrypted');
          throw asTemporary(error);
        });
      return { type: 'm.room.encrypted', content: { ...encryptedContent } };
    },

    async packFile(room, file) {
      if ((await settingsOf(room)) === undefined) {
        return { ...file, location: (uri) => ({ url: uri }) };
      }
      const packed = await crypto.encryptMedia(file.bytes);
      return {
        name: undefined,
        contentType: 'application/octet-stream',
        bytes: packed.buffer,
        location: (uri) => ({ file: { ...packed.file, url: uri } }),
      };
    },

    unpackFile: async (file) => crypto.decryptMedia(file),

    secure: async (room) => secureRoom(client, room, async () => settingsOf(room)),

    close: () => keys.close(),
  };
}

/** The device that the access token belongs to. */
async function ownDevice(client: ClientApi): Promise<string> {
  const { deviceId } = await client.account.whoami();
  if (deviceId === null) {
    throw new SetupError(
      'The access token belongs to no device, so the bot can’t have keys of its own.',
      'Log in as the bot with its password and set homeserver.accessToken to what that gives.',
    );
  }
  return deviceId;
}

/** Whether the homeserver has keys of a device. */
async function isKnown(client: ClientApi, user: UserId, device: string): Promise<boolean> {
  return device in (await client.deviceKeys.query(user, [device]));
}

/** The message itself was not refused, so the caller must try again until the keys can be shared. */
function asTemporary(error: unknown): Error {
  const request = 'sharing keys';
  if (error instanceof HomeserverError) {
    return new UnreachableError(error.request, `refused the keys (${error.errcode})`, false);
  }
  return error instanceof LawspeakerError
    ? error
    : new UnreachableError(request, 'gave no usable answer', true);
}

/** @throws SetupError the room uses another way of encryption */
function readSettings(encryption: Json, visibility: Json): RoomSettings {
  const read = encryptionContent.safeParse(encryption);
  if (!read.success) {
    throw new SetupError(
      'The bot does not know the room’s encryption algorithm.',
      `Use a room with ${megolm}.`,
    );
  }
  const { rotation_period_ms: ms, rotation_period_msgs: messages } = read.data;
  return {
    algorithm: megolm,
    ...present({ rotation_period_ms: ms, rotation_period_msgs: messages }),
    // The strictest by default.
    historyVisibility: z.string().catch('joined').parse(visibility['history_visibility']),
  };
}

function isState(event: unknown, ...types: string[]): boolean {
  const read = stateEvent.safeParse(event);
  return read.success && types.includes(read.data.type);
}

function joinedIn(events: readonly unknown[]): string[] {
  return events.flatMap((event) => {
    const read = memberEvent.safeParse(event);
    return read.success ? [read.data.state_key] : [];
  });
}
