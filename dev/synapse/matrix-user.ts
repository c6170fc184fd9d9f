import { createHmac, randomBytes, randomUUID } from 'node:crypto';

import { request } from './http.ts';
import type { RequestOptions } from './http.ts';

export interface Account {
  readonly userId: string;
  readonly localpart: string;
  readonly password: string;
  readonly accessToken: string;
  readonly deviceId: string;
}

export interface RegisterOptions {
  /** Synapse converts it to lower case. */
  readonly localpart: string;
  /** Whether the account is a server admin. Default: false. */
  readonly admin?: boolean;
  readonly displayName?: string;
}

/** A homeserver, as far as making accounts there needs it. */
interface RegistrationServer {
  readonly url: string;
  readonly sharedSecret: string;
}

export interface MatrixEvent {
  event_id: string;
  type: string;
  sender: string;
  origin_server_ts: number;
  state_key?: string;
  content: Record<string, unknown>;
}

/** The answer of `/sync`, as far as it is read. */
export interface SyncAnswer {
  next_batch: string;
  rooms?: {
    join?: Record<string, { timeline: { events: MatrixEvent[] } }>;
    invite?: Record<string, { invite_state: { events: Omit<MatrixEvent, 'event_id'>[] } }>;
  };
}

export interface SyncOptions {
  since?: string | undefined;
  /** How long the server may wait for something new. Default: 0. */
  timeoutMs?: number;
  filter?: Record<string, unknown>;
  signal?: AbortSignal;
}

type Content = Record<string, unknown>;

/**
 * An ordinary user with an ordinary client, over the client-server API. All methods throw an
 * error with `status` and `errcode` if the homeserver refuses.
 */
export class MatrixUser {
  readonly homeserverUrl: string;
  account: Account;

  constructor({ url }: Pick<RegistrationServer, 'url'>, account: Account) {
    this.homeserverUrl = url;
    this.account = account;
  }

  /** Registers an account with the server's shared secret: `POST /_synapse/admin/v1/register`. */
  static async register(
    { url, sharedSecret }: RegistrationServer,
    { localpart: username, admin = false, displayName: displayname }: RegisterOptions,
  ): Promise<MatrixUser> {
    const password = randomBytes(12).toString('base64url');
    const path = '/_synapse/admin/v1/register';
    const { nonce } = await request<{ nonce: string }>(url, 'GET', path);
    const signed = [nonce, username, password, admin ? 'admin' : 'notadmin'].join('\0');
    const mac = createHmac('sha1', sharedSecret).update(signed).digest('hex');
    const json = { nonce, username, password, admin, mac, displayname };
    const session = await request<Session>(url, 'POST', path, { json });
    return new MatrixUser({ url }, accountOf(session, password));
  }

  get userId(): string {
    return this.account.userId;
  }

  /**
   * Sends any request as this user.
   *
   * @param path from the root; IDs in it are encoded
   */
  async request<Answer>(
    method: string,
    path: string,
    options: Omit<RequestOptions, 'accessToken'> = {},
  ): Promise<Answer> {
    const { accessToken } = this.account;
    return request<Answer>(this.homeserverUrl, method, path, { ...options, accessToken });
  }

  /**
   * @param options the body of `POST /createRoom`
   * @returns the room's ID
   */
  async createRoom(options: Content = {}): Promise<string> {
    return (await this.#client<{ room_id: string }>('POST', 'createRoom', options)).room_id;
  }

  async invite(room: string, userId: string): Promise<void> {
    await this.#client('POST', `${pathOf(room)}/invite`, { user_id: userId });
  }

  /** @returns the room's ID */
  async join(roomOrAlias: string): Promise<string> {
    const path = `join/${encodeURIComponent(roomOrAlias)}`;
    return (await this.#client<{ room_id: string }>('POST', path, {})).room_id;
  }

  async leave(room: string): Promise<void> {
    await this.#client('POST', `${pathOf(room)}/leave`, {});
  }

  /**
   * @param txnId if it was used before, nothing new is sent
   * @returns the event's ID, as the methods below do
   */
  async send(
    room: string,
    type: string,
    content: Content,
    txnId: string = randomUUID(),
  ): Promise<string> {
    return this.#put(room, ['send', type, txnId], content);
  }

  async sendText(room: string, body: string, txnId?: string): Promise<string> {
    return this.send(room, 'm.room.message', { msgtype: 'm.text', body }, txnId);
  }

  async setState(room: string, type: string, content: Content, stateKey = ''): Promise<string> {
    return this.#put(room, ['state', type, stateKey], content);
  }

  async react(room: string, event: string, key: string): Promise<string> {
    const relation = { rel_type: 'm.annotation', event_id: event, key };
    return this.send(room, 'm.reaction', { 'm.relates_to': relation });
  }

  async redact(room: string, event: string, reason?: string): Promise<string> {
    return this.#put(room, ['redact', event, randomUUID()], { reason });
  }

  /** @param options `score` runs from -100 (worst) to 0 */
  async reportEvent(
    room: string,
    event: string,
    options: { reason?: string; score?: number } = {},
  ): Promise<void> {
    await this.#client('POST', `${pathOf(room)}/report/${encodeURIComponent(event)}`, options);
  }

  /** @returns the file's `mxc://` URI */
  async uploadMedia(content: Uint8Array, type: string, filename?: string): Promise<string> {
    const file = new Blob([new Uint8Array(content)], { type });
    const path = '/_matrix/media/v3/upload';
    const query = { filename };
    return (await this.request<{ content_uri: string }>('POST', path, { file, query })).content_uri;
  }

  async sync({ since, timeoutMs = 0, filter, signal }: SyncOptions = {}): Promise<SyncAnswer> {
    return this.request<SyncAnswer>('GET', '/_matrix/client/v3/sync', {
      query: { since, timeout: timeoutMs, filter: filter && JSON.stringify(filter) },
      signal,
    });
  }

  async whoami(): Promise<{ user_id: string; device_id?: string }> {
    return this.#client('GET', 'account/whoami');
  }

  /** Logs in on a new device, whose access token is used from now on. */
  async login(password: string = this.account.password): Promise<Account> {
    const identifier = { type: 'm.id.user', user: this.userId };
    const json = { type: 'm.login.password', identifier, password };
    const path = '/_matrix/client/v3/login';
    const session = await request<Session>(this.homeserverUrl, 'POST', path, { json });
    this.account = accountOf(session, password);
    return this.account;
  }

  async #put(room: string, rest: readonly string[], content: Content): Promise<string> {
    const path = [pathOf(room), ...rest.map(encodeURIComponent)].join('/');
    return (await this.#client<{ event_id: string }>('PUT', path, content)).event_id;
  }

  async #client<Answer>(method: string, path: string, json?: Content): Promise<Answer> {
    return this.request<Answer>(method, `/_matrix/client/v3/${path}`, { json });
  }
}

/** What Synapse answers when it registers an account or logs it in. */
interface Session {
  readonly user_id: string;
  readonly access_token: string;
  readonly device_id: string;
}

function accountOf(session: Session, password: string): Account {
  const { user_id: userId, access_token: accessToken, device_id: deviceId } = session;
  const localpart = userId.slice(1, userId.indexOf(':'));
  return { userId, localpart, password, accessToken, deviceId };
}

function pathOf(room: string): string {
  return `rooms/${encodeURIComponent(room)}`;
}
