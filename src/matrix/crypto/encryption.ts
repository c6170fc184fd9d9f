import { existsSync } from 'node:fs';
import path from 'node:path';

import { z } from 'zod';

import {
  HomeserverError,
  LawspeakerError,
  SetupError,
  UnreachableError,
} from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { KeyClient, reasonOf } from './key-client.ts';
import type { RoomSettings } from './key-client.ts';
import { megolm } from './room-crypto.ts';
import type { RoomCrypto } from './room-crypto.ts';
import { EncryptedRoomEvent } from './sdk.ts';

type Json = Record<string, unknown>;

/** The file in which the native library keeps its keys. */
const keyFile = 'matrix-sdk-crypto.sqlite3';
/** An encrypted event is a third longer than what it holds, and a little more. */
const largestEncryptedContent = 44_000;

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

/** An event whose content is there to be decrypted: state never is, and a redacted event has none. */
const lockedEvent = z.looseObject({
  type: z.literal('m.room.encrypted'),
  state_key: z.undefined().optional(),
  event_id: z.string(),
  content: z.looseObject({ algorithm: z.string() }),
});

/** What an encrypted event may turn out to be; a hidden redaction or state event has no effect. */
const messageTypes = new Set(['m.room.message', 'm.reaction']);

/** A client tells that it keeps a key from this device, and why. It is sent in clear. */
const withheldKey = z.object({
  type: z.literal('m.room_key.withheld'),
  sender: z.string(),
  content: z.object({ session_id: z.string(), code: z.string().max(64) }),
});

const sessionOf = z.object({ sender: z.string(), content: z.object({ session_id: z.string() }) });

/** What was said of more keys than this is forgotten, the oldest first. */
const maxWithheld = 1000;

/**
 * Encryption by the SDK's native library, with its keys in `folder`: a folder in it for each device
 * of the bot, so that a new access token begins with new keys.
 *
 * @throws SetupError it can't work like this, and what to do
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
      `The homeserver knows keys of the bot’s device ${device}, and ${folder} has none: they are lost.`,
      'Keys can’t be made anew for a device: log in again as the bot and set homeserver.accessToken.',
    );
  }
  const keys = await KeyClient.open({ client, folder, botUser, device, log });
  const { crypto } = keys;
  const serially = createQueue();

  /** By sender and session, why its key does not come. */
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

  /** Undefined for a room without encryption; a room that the bot doesn't know yet is asked about. */
  async function settingsOf(room: RoomId): Promise<RoomSettings | undefined> {
    return keys.rooms.get(room) ?? askForSettings(room);
  }

  /** Which devices people have may have changed while nobody looked. */
  async function lookAnewAt(users: readonly string[]): Promise<void> {
    await serially(async () => crypto.updateSyncData([], {}, [], [...users], [])).catch(
      // That they have to be asked for is stored by now, and done before the next message is sent.
      (error: unknown) => log.warn({ reason: reasonOf(error) }, 'devices could not be asked for'),
    );
  }

  return {
    largestContent: largestEncryptedContent,
    directRoomState: [{ type: 'm.room.encryption', state_key: '', content: { algorithm: megolm } }],

    async follow(room, events) {
      const isNew = !keys.rooms.has(room);
      if (
        events.some((event) => isState(event, 'm.room.encryption', 'm.room.history_visibility'))
      ) {
        await askForSettings(room);
      }
      if (isNew && keys.rooms.has(room)) {
        await lookAnewAt(joinedIn(events));
      }
    },

    async receive(sync) {
      const { toDevice, deviceLists } = sync;
      toDevice.events.forEach(noteWithheld);
      await serially(async () =>
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
      const locked = lockedEvent.safeParse(event);
      if (!locked.success) {
        return event as object;
      }
      try {
        const { raw } = await crypto.decryptRoomEvent(new EncryptedRoomEvent(event), room);
        return messageTypes.has((raw as { type: string }).type) ? (raw as object) : locked.data;
      } catch (error) {
        log.warn({ event: locked.data.event_id, reason: reasonOf(error) }, 'no key for a message');
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
      // Clients neither encrypt reactions nor look for encrypted ones.
      if (type === 'm.reaction' || (await settingsOf(room)) === undefined) {
        return { type, content };
      }
      // Two at once could use up a key between handing it out and encrypting with it.
      const encrypted = await serially(async () =>
        crypto.encryptRoomEvent(room, type, content),
      ).catch((error: unknown) => {
        log.warn({ reason: reasonOf(error) }, 'a message could not be encrypted');
        throw asTemporary(error);
      });
      return { type: 'm.room.encrypted', content: { ...encrypted } };
    },

    async packFile(room, file) {
      const bytes = Buffer.from(file.content);
      if ((await settingsOf(room)) === undefined) {
        return { ...file, bytes, location: (uri) => ({ url: uri }) };
      }
      const packed = await crypto.encryptMedia(bytes);
      return {
        name: undefined,
        contentType: 'application/octet-stream',
        bytes: packed.buffer,
        location: (uri) => ({ file: { ...packed.file, url: uri } }),
      };
    },

    unpackFile: async (file) => crypto.decryptMedia(file),

    async secure(room) {
      try {
        if ((await settingsOf(room)) === undefined) {
          await client.rooms.setState(room, 'm.room.encryption', { algorithm: megolm });
          await askForSettings(room);
        }
        return true;
      } catch (error) {
        if (
          error instanceof SetupError ||
          (error instanceof HomeserverError && error.status < 500)
        ) {
          return false;
        }
        throw error;
      }
    },

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

/** The answer itself was not refused: it is tried again until the keys can be handed out. */
function asTemporary(error: unknown): Error {
  const request = 'handing out keys';
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
      'The room is encrypted in a way that the bot does not know.',
      `It knows ${megolm} alone: use a room with that.`,
    );
  }
  const { rotation_period_ms: ms, rotation_period_msgs: messages } = read.data;
  return {
    algorithm: megolm,
    ...(ms === undefined ? {} : { rotation_period_ms: ms }),
    ...(messages === undefined ? {} : { rotation_period_msgs: messages }),
    // The strictest where it is not said.
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

/** Runs one thing after the other. */
function createQueue() {
  let last: Promise<unknown> = Promise.resolve();
  return async <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work, work);
    last = result.catch(() => undefined);
    return result;
  };
}
