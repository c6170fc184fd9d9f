import { z } from 'zod';

import { SetupError, UnreachableError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { makeFolder } from '../../core/make-folder.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { nativeLibrary } from './native-library.ts';
import { LogLevel, LogService, MatrixClient, RustSdkCryptoStorageProvider } from './sdk.ts';

/** How a room is encrypted, in the SDK's form. */
export interface RoomSettings {
  readonly algorithm: string;
  readonly rotation_period_ms?: number;
  readonly rotation_period_msgs?: number;
  readonly historyVisibility: string;
}

/**
 * The native library's keys, in a folder. The SDK's own store would also write the rooms' settings to a
 * file and read each room only once; ours keeps them in memory and asks again at each start.
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
    // The access token decides which device this is.
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

interface KeyClientOptions {
  readonly client: ClientApi;
  readonly folder: string;
  readonly botUser: UserId;
  readonly device: string;
  readonly log: Log;
}

/** The SDK's client, for its crypto alone: it does not sync, and its requests go through ours. */
export class KeyClient extends MatrixClient {
  /** How each encrypted room is encrypted. */
  readonly rooms: Map<string, RoomSettings>;
  readonly #client: ClientApi;
  readonly #botUser: UserId;

  private constructor({ client, botUser, folder, device }: KeyClientOptions) {
    const keys = new KeyStore(folder, device);
    // Neither the URL nor the token is used: see `doRequest`.
    super('', '', noStorage, keys);
    this.rooms = keys.rooms;
    this.#client = client;
    this.#botUser = botUser;
  }

  /**
   * Opens the keys in a folder, and uploads the public ones if the homeserver does not have them.
   *
   * @throws SetupError the keys can't be used, and what to do
   * @throws UnreachableError
   */
  static async open(options: KeyClientOptions): Promise<KeyClient> {
    const { folder, log } = options;
    quietLog(log);
    try {
      makeFolder(folder, 0o700);
      const client = new KeyClient(options);
      await client.crypto.prepare([]);
      return client;
    } catch (error) {
      if (error instanceof UnreachableError) {
        throw error;
      }
      throw new SetupError(
        `The keys in ${folder} can’t be used: ${reasonOf(error)}.`,
        'Check its permissions. If it is damaged or comes from a backup, log in again as the bot and set ' +
          'homeserver.accessToken: a new device starts with new keys.',
      );
    }
  }

  override async doRequest(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    endpoint: string,
    query?: Record<string, string> | null,
    body?: unknown,
  ): Promise<unknown> {
    return this.#client.send(method, endpoint, {
      query: query ?? {},
      ...(body === undefined || body === null ? {} : { body }),
      answer: z.unknown(),
      // The SDK's only PUT sends keys to devices, with a transaction ID.
      retry: method === 'PUT' ? 'idempotent' : 'safe',
    });
  }

  override async getUserId(): Promise<string> {
    return this.#botUser;
  }

  /** Who gets the keys of a message: invited users too, if they may read it once they join. */
  override async getJoinedRoomMembers(room: string): Promise<string[]> {
    const members = await this.#client.rooms.members(room as RoomId);
    const wanted =
      this.rooms.get(room)?.historyVisibility === 'joined' ? ['join'] : ['join', 'invite'];
    return members
      .filter(({ membership }) => wanted.includes(membership))
      .map(({ userId }) => userId);
  }

  override async downloadContent(uri: string): Promise<{ data: Buffer; contentType: string }> {
    const data = await this.#client.media.download(uri);
    return { data, contentType: 'application/octet-stream' };
  }

  close(): void {
    this.crypto['engine'].machine.close();
  }
}

/** Without a sync, the SDK's client has nothing to store. */
const noStorage = {
  setSyncToken: () => undefined,
  getSyncToken: () => null,
  setFilter: () => undefined,
  getFilter: () => null as never,
  storeValue: () => undefined,
  readValue: () => null,
};

/** Sends the SDK's warnings to our log. It has one log for the whole process. */
function quietLog(log: Log): void {
  const quiet = () => undefined;
  LogService.setLevel(LogLevel.WARN);
  LogService.setLogger({
    trace: quiet,
    debug: quiet,
    info: quiet,
    warn: (module) => log.warn({ module }, 'a warning of the Matrix SDK'),
    // The caller also gets each error, and knows what it means.
    error: quiet,
  });
}

/** The reason of an error of ours or of the native library, whose errors hold IDs, but no keys. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown error';
}
