import { SetupError, isRefusedForGood } from '../../core/errors.ts';
import type { EventId, RoomId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import type { DeviceUpdate } from '../../homeserver/client/sync.ts';

type Json = Record<string, unknown>;

/** The only algorithm of encrypted rooms that is in use. */
export const megolm = 'm.megolm.v1.aes-sha2';

/** A file in the form in which it is uploaded. */
interface PackedFile {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** Undefined if the homeserver must not know it. */
  readonly name: string | undefined;
  /** The part of a message's content that says where the file is. */
  location(uri: string): Json;
}

/**
 * Encryption of rooms. Everything that is read from a room or sent there passes through here; if encryption
 * is off, `clearText` leaves it as it is.
 */
export interface RoomCrypto {
  /** How many bytes of JSON fit into one event, before encryption. */
  readonly maxContentBytes: number;
  /** State events that a new direct room starts with. */
  readonly directRoomState: readonly object[];
  /**
   * Takes in a room's state events, before other events of the room are read or sent.
   *
   * @throws SetupError the bot can't use the room as it is encrypted
   */
  follow(room: RoomId, events: readonly unknown[]): Promise<void>;
  /**
   * Takes in what a sync holds for this device (keys, lists of devices), before its events are read.
   * Taking in the same again is harmless.
   *
   * @throws HomeserverError, UnreachableError it must be taken in again
   */
  receive(sync: DeviceUpdate): Promise<void>;
  /** The decrypted event; undefined if its key is missing. */
  decrypt(room: RoomId, event: unknown): Promise<object | undefined>;
  /**
   * Why the sender's client withholds the key of an event from the bot, if it says so; for example
   * `m.unverified`. https://spec.matrix.org/latest/client-server-api/#mroom_keywithheld
   */
  withheld(event: object): string | undefined;
  /**
   * The type and content to send for this type and content.
   *
   * @throws HomeserverError, UnreachableError they can't be encrypted now
   */
  encrypt(room: RoomId, type: string, content: Json): Promise<{ type: string; content: Json }>;
  packFile(
    room: RoomId,
    file: { name: string; contentType: string; bytes: Buffer },
  ): Promise<PackedFile>;
  /**
   * Downloads and decrypts a file.
   *
   * @throws HomeserverError, UnreachableError it can't be downloaded
   * @throws Error it does not match the message's description of it
   */
  unpackFile(file: EncryptedFileInfo): Promise<Buffer>;
  /** Encrypts a direct room if necessary. Returns whether a secret may be sent there. */
  secure(room: RoomId): Promise<boolean>;
  close(): void;
}

/** The fields of a message's `file` that decrypting needs. */
interface EncryptedFileInfo {
  readonly url: string;
  readonly key: {
    readonly kty: 'oct';
    readonly key_ops: string[];
    readonly alg: 'A256CTR';
    readonly k: string;
    readonly ext: true;
  };
  readonly iv: string;
  readonly hashes: { readonly sha256: string };
  readonly v: 'v2';
}

/** Below the 65,536 bytes of the largest event, with room for what the server adds. */
export const maxClearContentBytes = 60_000;

/**
 * Encryption that is off.
 *
 * @param isEncrypted asks the homeserver about a room
 */
export function clearText(isEncrypted: (room: RoomId) => Promise<boolean>): RoomCrypto {
  return {
    maxContentBytes: maxClearContentBytes,
    directRoomState: [],
    async follow(_room, events) {
      if (events.some(startsEncryption)) {
        throw encryptionIsOff();
      }
    },
    receive: async () => undefined,
    decrypt: async (_room, event) => event as object,
    withheld: () => undefined,
    encrypt: async (_room, type, content) => ({ type, content }),
    packFile: async (_room, file) => ({
      ...file,
      location: (uri) => ({ url: uri }),
    }),
    unpackFile: async () => {
      throw new TypeError('encryption is off');
    },
    // In an encrypted room, people expect that nothing is readable by others.
    secure: async (room) => !(await isEncrypted(room)),
    close: () => undefined,
  };
}

/**
 * Turns a room's encryption on, if it is off.
 *
 * @param readSettings asks how the room is encrypted; undefined if it is not
 * @returns false if the bot may not turn it on, or can't use the room as it is encrypted
 * @throws HomeserverError, UnreachableError this may pass
 */
export async function secureRoom(
  client: Pick<ClientApi, 'rooms'>,
  room: RoomId,
  readSettings: () => Promise<object | undefined>,
): Promise<boolean> {
  try {
    if ((await readSettings()) === undefined) {
      await client.rooms.setState(room, 'm.room.encryption', { algorithm: megolm });
      await readSettings();
    }
    return true;
  } catch (error) {
    if (error instanceof SetupError || isRefusedForGood(error)) {
      return false;
    }
    throw error;
  }
}

/** For an encrypted room if the configuration turns encryption off. */
export function encryptionIsOff(): SetupError {
  return new SetupError(
    'The management room is encrypted, and encryption is off, so the bot can’t read it.',
    'Set encryption.enabled: true (see docs/encryption.md), or move to a room without encryption: ' +
      'a room’s encryption can’t be switched off.',
  );
}

/** Whether this is the state event that makes a room encrypted. */
export function startsEncryption(event: unknown): boolean {
  return (
    typeof event === 'object' &&
    event !== null &&
    'type' in event &&
    event.type === 'm.room.encryption' &&
    'state_key' in event &&
    event.state_key === ''
  );
}

/**
 * Sends an event, encrypted if the room is. The same transaction ID gives the event that was sent first,
 * even if it is encrypted again.
 *
 * @throws HomeserverError, UnreachableError
 */
export async function sendEvent(
  { client, crypto }: { client: Pick<ClientApi, 'events'>; crypto: Pick<RoomCrypto, 'encrypt'> },
  room: RoomId,
  message: { readonly type: string; readonly content: Json },
  transactionId: string,
): Promise<EventId> {
  const event = await crypto.encrypt(room, message.type, message.content);
  return client.events.send(room, event, transactionId);
}
