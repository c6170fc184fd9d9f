import { existsSync, mkdirSync } from 'node:fs';
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
import { downloadMedia, roomPath, stateContent, translateSdkError } from '../client.ts';
import type { MatrixCall } from '../client.ts';
import type { RoomCrypto } from './room-crypto.ts';
import {
  EncryptedRoomEvent,
  MatrixClient,
  RustSdkCryptoStorageProvider,
  nativeLibrary,
} from './sdk.ts';

type Json = Record<string, unknown>;

const algorithm = 'm.megolm.v1.aes-sha2';
/** The file in which the native library keeps its keys. */
const keyFile = 'matrix-sdk-crypto.sqlite3';
/** An encrypted event is a third longer than what it holds, and a little more. */
const largestEncryptedContent = 44_000;

const period = z.int().positive().optional().catch(undefined);

const encryptionContent = z.object({
  algorithm: z.literal(algorithm),
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

const syncForDevice = z.object({
  to_device: z.object({ events: z.array(z.unknown()).default([]) }).prefault({}),
  device_lists: z
    .object({ changed: z.array(z.string()).default([]), left: z.array(z.string()).default([]) })
    .prefault({}),
  device_one_time_keys_count: z.record(z.string(), z.number()).default({}),
  device_unused_fallback_key_types: z.array(z.string()).default([]),
});

/** A client tells that it keeps a key from this device, and why. It is sent in clear. */
const withheldKey = z.object({
  type: z.literal('m.room_key.withheld'),
  sender: z.string(),
  content: z.object({ session_id: z.string(), code: z.string().max(64) }),
});

const sessionOf = z.object({ sender: z.string(), content: z.object({ session_id: z.string() }) });

/** What was said of more keys than this is forgotten, the oldest first. */
const maxWithheld = 1000;

const memberList = z.object({
  chunk: z.array(
    z.object({ state_key: z.string(), content: z.object({ membership: z.string() }) }),
  ),
});

/** How a room is encrypted, as the SDK wants it told. */
interface RoomSettings {
  readonly algorithm: string;
  readonly rotation_period_ms?: number;
  readonly rotation_period_msgs?: number;
  readonly historyVisibility: string;
}

/**
 * The native library's keys in a folder. The SDK's own would keep the rooms in a file beside them, and
 * ask each room but once; ours are told anew at each start.
 */
class KeyStore extends RustSdkCryptoStorageProvider {
  readonly rooms = new Map<string, RoomSettings>();
  readonly #device: string;

  constructor(folder: string, device: string) {
    super(folder, nativeLibrary().StoreType.Sqlite);
    this.#device = device;
  }

  override async getDeviceId(): Promise<string> {
    return this.#device;
  }

  override async setDeviceId(): Promise<void> {
    // It comes with the access token.
  }

  override async getRoom(room: string): Promise<RoomSettings> {
    const settings = this.rooms.get(room);
    if (settings === undefined) {
      throw new TypeError('a room is not known');
    }
    return settings;
  }

  override async storeRoom(room: string, settings: RoomSettings): Promise<void> {
    this.rooms.set(room, settings);
  }
}

/** The SDK's client, for its crypto alone: it neither syncs nor sends messages. */
class KeyClient extends MatrixClient {
  readonly keys: KeyStore;
  readonly #call: MatrixCall;

  constructor(url: string, accessToken: string, call: MatrixCall, keys: KeyStore) {
    super(url, accessToken, emptyHistory, keys);
    this.#call = call;
    this.keys = keys;
  }

  /** Who gets the keys to what is sent: also those invited, where they may read it once they join. */
  override async getJoinedRoomMembers(room: string): Promise<string[]> {
    const { chunk } = memberList.parse(
      await this.#call('GET', `${roomPath(room as RoomId)}/members`, {
        query: { not_membership: 'leave' },
      }),
    );
    const wanted =
      this.keys.rooms.get(room)?.historyVisibility === 'joined' ? ['join'] : ['join', 'invite'];
    return chunk
      .filter(({ content }) => wanted.includes(content.membership))
      .map((member) => member.state_key);
  }

  override async downloadContent(uri: string): Promise<{ data: Buffer; contentType: string }> {
    return { data: await downloadMedia(this.#call, uri), contentType: 'application/octet-stream' };
  }
}

/** The client has no sync whose place it could keep. */
const emptyHistory = {
  setSyncToken: () => undefined,
  getSyncToken: () => null,
  setFilter: () => undefined,
  getFilter: () => null as never,
  storeValue: () => undefined,
  readValue: () => null,
};

/**
 * Encryption by the SDK's native library, with its keys in `folder`: a folder in it for each device
 * of the bot, so that a new access token begins with new keys.
 *
 * @throws SetupError it can't work like this, and what to do
 */
export async function openRoomCrypto(options: {
  url: string;
  accessToken: string;
  folder: string;
  botUser: UserId;
  call: MatrixCall;
  log: Log;
}): Promise<RoomCrypto> {
  nativeLibrary();
  const { url, accessToken, botUser, call, log } = options;
  const device = await ownDevice(call);
  const folder = path.join(options.folder, device.replaceAll(/[^\w-]/gu, '_'));
  if (!existsSync(path.join(folder, keyFile)) && (await knowsKeys(call, botUser, device))) {
    throw new SetupError(
      `The homeserver knows keys of the bot’s device ${device}, and ${folder} has none: they are lost.`,
      'Keys can’t be made anew for a device: log in again as the bot and set homeserver.accessToken.',
    );
  }
  const { crypto, keys } = await openKeys({ url, accessToken, call, folder, device });
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
    const encryption = await stateContent(call, room, 'm.room.encryption');
    if (encryption === undefined) {
      return undefined;
    }
    const visibility = await stateContent(call, room, 'm.room.history_visibility');
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
    directRoomState: [{ type: 'm.room.encryption', state_key: '', content: { algorithm } }],

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
      const { to_device, device_lists, ...counts } = syncForDevice.parse(sync);
      to_device.events.forEach(noteWithheld);
      await serially(async () =>
        crypto.updateSyncData(
          to_device.events as never,
          counts.device_one_time_keys_count as never,
          counts.device_unused_fallback_key_types as never,
          device_lists.changed,
          device_lists.left,
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
          const state = `${roomPath(room)}/state/m.room.encryption/`;
          await call('PUT', state, { body: { algorithm } });
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

    close() {
      crypto['engine'].machine.close();
    },
  };
}

/** The device that the access token belongs to. GET /_matrix/client/v3/account/whoami */
async function ownDevice(call: MatrixCall): Promise<string> {
  const answer = await call('GET', '/_matrix/client/v3/account/whoami');
  const { device_id: device } = z.object({ device_id: z.string().optional() }).parse(answer);
  if (device === undefined) {
    throw new SetupError(
      'The access token belongs to no device, so the bot can’t have keys of its own.',
      'Log in as the bot with its password and set homeserver.accessToken to what that gives.',
    );
  }
  return device;
}

/** POST /_matrix/client/v3/keys/query */
async function knowsKeys(call: MatrixCall, user: UserId, device: string): Promise<boolean> {
  const answer = await call('POST', '/_matrix/client/v3/keys/query', {
    body: { device_keys: { [user]: [device] } },
  });
  const { device_keys: known } = z
    .object({ device_keys: z.record(z.string(), z.record(z.string(), z.unknown())).default({}) })
    .parse(answer);
  return known[user]?.[device] !== undefined;
}

async function openKeys(options: {
  url: string;
  accessToken: string;
  call: MatrixCall;
  folder: string;
  device: string;
}): Promise<KeyClient> {
  const { url, accessToken, call, folder, device } = options;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const client = new KeyClient(url, accessToken, call, new KeyStore(folder, device));
    await client.crypto.prepare([]);
    return client;
  } catch (error) {
    const reason = isOfHomeserver(error)
      ? translateSdkError(error, 'POST /_matrix/client/v3/keys/upload')
      : error;
    if (reason instanceof UnreachableError) {
      throw reason;
    }
    throw new SetupError(
      `The keys in ${folder} can’t be used: ${reasonOf(reason)}.`,
      'Check its permissions. Where it is damaged or came from a backup, log in again as the bot and set ' +
        'homeserver.accessToken: a new device begins with new keys.',
    );
  }
}

function isOfHomeserver(error: unknown): boolean {
  return (
    error instanceof LawspeakerError ||
    (typeof error === 'object' && error !== null && 'statusCode' in error)
  );
}

/** The native library's errors hold IDs, but no keys. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : translateSdkError(error, 'keys').message;
}

/** The answer itself was not refused: it is tried again until the keys can be handed out. */
function asTemporary(error: unknown): Error {
  const translated = translateSdkError(error, 'handing out keys');
  return translated instanceof HomeserverError
    ? new UnreachableError(translated.request, `refused the keys (${translated.errcode})`, false)
    : translated;
}

/** @throws SetupError the room uses another way of encryption */
function readSettings(encryption: Json, visibility: Json): RoomSettings {
  const read = encryptionContent.safeParse(encryption);
  if (!read.success) {
    throw new SetupError(
      'The room is encrypted in a way that the bot does not know.',
      `It knows ${algorithm} alone: use a room with that.`,
    );
  }
  const { rotation_period_ms: ms, rotation_period_msgs: messages } = read.data;
  return {
    algorithm,
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
