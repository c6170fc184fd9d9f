import { SetupError } from '../../core/errors.ts';
import type { EventId, RoomId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import type { DeviceUpdate } from '../../homeserver/client/sync.ts';

type Json = Record<string, unknown>;

/** The only algorithm of encrypted rooms that is in use. */
export const megolm = 'm.megolm.v1.aes-sha2';

/** A file as it is uploaded, and how the message says where it is. */
export interface PackedFile {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** Undefined where the homeserver should not learn it. */
  readonly name: string | undefined;
  /** The part of the message's content that leads to the file. */
  location(uri: string): Json;
}

/**
 * What the transport knows of encryption. Everything that comes from a room or goes there passes
 * through here; where encryption is off it passes as it is, by `clearText`.
 */
export interface RoomCrypto {
  /** The most bytes of JSON that fit into one event, as they are before encryption. */
  readonly largestContent: number;
  /** State with which a room for one person begins. */
  readonly directRoomState: readonly object[];
  /**
   * Takes in a room's state events, before anything else of it is read or sent there.
   *
   * @throws SetupError the room can't be used like this
   */
  follow(room: RoomId, events: readonly unknown[]): Promise<void>;
  /**
   * Takes in what a sync holds for this device (keys, lists of devices), before its events are read.
   * The same may be taken in again.
   *
   * @throws HomeserverError, UnreachableError it has to be taken in again
   */
  receive(sync: DeviceUpdate): Promise<void>;
  /** The event as its sender meant it; undefined where its key is not there. */
  decrypt(room: RoomId, event: unknown): Promise<object | undefined>;
  /**
   * Why the sender's client keeps the key of an event from the bot, if it has said so, such as
   * `m.unverified`. https://spec.matrix.org/latest/client-server-api/#mroom_keywithheld
   */
  withheld(event: object): string | undefined;
  /**
   * The type and content to send for these.
   *
   * @throws HomeserverError, UnreachableError it can't be sent now
   */
  encrypt(room: RoomId, type: string, content: Json): Promise<{ type: string; content: Json }>;
  packFile(
    room: RoomId,
    file: { name: string; contentType: string; content: string },
  ): Promise<PackedFile>;
  /**
   * Downloads a file that was encrypted.
   *
   * @throws HomeserverError, UnreachableError it can't be had
   * @throws Error it is not what the message describes
   */
  unpackFile(file: EncryptedFileInfo): Promise<Buffer>;
  /** Whether a secret may be told in this room of ours, which is encrypted first where it has to be. */
  secure(room: RoomId): Promise<boolean>;
  close(): void;
}

/** `file` of a message, as far as it must be right for decrypting it. */
export interface EncryptedFileInfo {
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

/** Below the 65,536 bytes that an event may have, with room for what the server adds. */
export const largestClearContent = 60_000;

/** Encryption that is off. @param isEncrypted asks the homeserver */
export function clearText(isEncrypted: (room: RoomId) => Promise<boolean>): RoomCrypto {
  return {
    largestContent: largestClearContent,
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
    packFile: async (_room, { name, contentType, content }) => ({
      name,
      contentType,
      bytes: Buffer.from(content),
      location: (uri) => ({ url: uri }),
    }),
    unpackFile: async () => {
      throw new TypeError('encryption is off');
    },
    // What is said in clear does not belong where people expect encryption.
    secure: async (room) => !(await isEncrypted(room)),
    close: () => undefined,
  };
}

/** The room is encrypted, and the bot is not to encrypt. */
export function encryptionIsOff(): SetupError {
  return new SetupError(
    'The management room is encrypted, and encryption is off, so the bot can’t read it.',
    'Set encryption.enabled: true (docs/encryption.md tells how), or move to a room without encryption: ' +
      'it can’t be switched off again in this one.',
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
 * even if it is encrypted anew.
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
