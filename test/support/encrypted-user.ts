import { createDecipheriv, createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { z } from 'zod';

import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import type { MatrixEvent, SyncAnswer, SyncOptions } from '../../dev/synapse/matrix-user.ts';
import { createClientApi } from '../../src/homeserver/client/client-api.ts';
import type { ClientApi } from '../../src/homeserver/client/client-api.ts';
import { nativeLibrary } from '../../src/matrix/crypto/native-library.ts';
import {
  EncryptedRoomEvent,
  LogLevel,
  LogService,
  MatrixClient,
  RustSdkCryptoStorageProvider,
} from '../../src/matrix/crypto/sdk.ts';
import { homeserver } from './homeserver.ts';

/** The SDK's client; the HTTP that it ships is not loaded. */
class Client extends MatrixClient {
  readonly #api: ClientApi;

  constructor(api: ClientApi, keys: InstanceType<typeof RustSdkCryptoStorageProvider>) {
    super('', '', undefined, keys);
    this.#api = api;
  }

  override async doRequest(
    method: 'GET' | 'POST' | 'PUT',
    endpoint: string,
    query?: Record<string, string> | null,
    body?: unknown,
  ): Promise<unknown> {
    return this.#api.send(method, endpoint, { query: query ?? {}, body, answer: z.unknown() });
  }
}

type Keys = Parameters<Client['sendToDevices']>;

interface SyncForDevice {
  readonly to_device?: { readonly events?: never[] };
  readonly device_lists?: { readonly changed?: string[]; readonly left?: string[] };
  readonly device_one_time_keys_count?: Record<string, number>;
  readonly device_unused_fallback_key_types?: never[];
}

/** A file as it is sent to an encrypted room: what to upload, and how to find and read it. */
interface EncryptedUpload {
  readonly bytes: Uint8Array;
  readonly file: Record<string, unknown>;
}

const base64Text = z.string().regex(/^[\w+/-]+$/u);

/** How a message says where an encrypted file is, and how to read it. */
const encryptedFile = z.object({
  url: z.string().startsWith('mxc://'),
  key: z.object({
    kty: z.literal('oct'),
    key_ops: z.array(z.string()).refine((ops) => ops.includes('decrypt')),
    alg: z.literal('A256CTR'),
    k: base64Text,
    ext: z.literal(true),
  }),
  iv: base64Text,
  hashes: z.object({ sha256: base64Text }),
  v: z.literal('v2'),
});

/** A user at a client that encrypts: what is sent and synced is as if there were no encryption. */
export class EncryptedUser extends MatrixUser {
  readonly #api: ClientApi;
  readonly #client: Client;
  readonly #folder: string;
  #held: Keys[] | undefined;

  private constructor(user: MatrixUser, api: ClientApi, client: Client, folder: string) {
    super({ url: user.homeserverUrl }, user.account);
    this.#api = api;
    this.#client = client;
    this.#folder = folder;
    const send = client.sendToDevices.bind(client);
    client.sendToDevices = async (...keys: Keys) => {
      if (this.#held === undefined) {
        return send(...keys);
      }
      this.#held.push(keys);
      // The homeserver's answer to such a request.
      return {} as never;
    };
  }

  static async at(user: MatrixUser): Promise<EncryptedUser> {
    LogService.setLevel(LogLevel.ERROR);
    const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-keys-'));
    const store = new RustSdkCryptoStorageProvider(folder, nativeLibrary().StoreType.Sqlite);
    const { url } = homeserver();
    const { accessToken } = user.account;
    const { signal: stop } = new AbortController();
    const api = createClientApi({ url, accessToken, stop });
    const client = new Client(api, store);
    await client.crypto.prepare([]);
    return new EncryptedUser(user, api, client, folder);
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Keeps to itself the keys to what is sent from now on, until `releaseKeys`. */
  holdKeys(): void {
    this.#held = [];
  }

  async releaseKeys(): Promise<void> {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const keys of held) {
      await this.#client.sendToDevices(...keys);
    }
  }

  override async send(
    room: string,
    type: string,
    content: Record<string, unknown>,
    txnId?: string,
  ): Promise<string> {
    if (type === 'm.reaction') {
      return super.send(room, type, content, txnId);
    }
    const encrypted = await this.#client.crypto.encryptRoomEvent(room, type, content);
    return super.send(room, 'm.room.encrypted', { ...encrypted }, txnId);
  }

  override async sync(options: SyncOptions = {}): Promise<SyncAnswer> {
    const answer = await super.sync(options);
    const device = answer as SyncForDevice;
    await this.#client.crypto.updateSyncData(
      device.to_device?.events ?? [],
      device.device_one_time_keys_count ?? {},
      device.device_unused_fallback_key_types ?? [],
      device.device_lists?.changed ?? [],
      device.device_lists?.left ?? [],
    );
    for (const [room, { timeline }] of Object.entries(answer.rooms?.join ?? {})) {
      timeline.events = await Promise.all(
        timeline.events.map(async (event) => this.read(room, event)),
      );
    }
    return answer;
  }

  /** The event as it was meant, or as it came where it can't be read. */
  async read(room: string, event: MatrixEvent): Promise<MatrixEvent> {
    if (event.type !== 'm.room.encrypted') {
      return event;
    }
    try {
      const encrypted = new EncryptedRoomEvent(event);
      return (await this.#client.crypto.decryptRoomEvent(encrypted, room)).raw as MatrixEvent;
    } catch {
      return event;
    }
  }

  async encryptFile(text: string): Promise<EncryptedUpload> {
    const { buffer, file } = await this.#client.crypto.encryptMedia(Buffer.from(text));
    return { bytes: buffer, file: { ...file } };
  }

  /**
   * Downloads a file and decrypts it as the specification says, without the library that encrypted it.
   * https://spec.matrix.org/latest/client-server-api/#sending-encrypted-attachments
   *
   * @param file the `file` of a message
   */
  async readFile(file: unknown): Promise<Buffer> {
    const { url, key, iv, hashes } = encryptedFile.parse(file);
    const stored = await this.#api.media.download(url);
    if (createHash('sha256').update(stored).digest('base64') !== `${hashes.sha256}=`) {
      throw new TypeError('the file is not the one that the message is about');
    }
    const keyBytes = Buffer.from(key.k, 'base64url');
    const decipher = createDecipheriv('aes-256-ctr', keyBytes, Buffer.from(iv, 'base64'));
    return Buffer.concat([decipher.update(stored), decipher.final()]);
  }
}
