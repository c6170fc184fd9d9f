import { randomUUID } from 'node:crypto';

import { registerUser } from './accounts.ts';
import type { Account, RegisterOptions } from './accounts.ts';
import type { Homeserver } from './homeserver.ts';
import { request, segment } from './http.ts';
import type { RequestOptions } from './http.ts';

export interface MatrixEvent {
  event_id: string;
  type: string;
  sender: string;
  origin_server_ts: number;
  state_key?: string;
  content: Record<string, unknown>;
  unsigned?: Record<string, unknown>;
}

/** What `/sync` answers, as far as tests look at it. */
export interface SyncAnswer {
  next_batch: string;
  rooms?: {
    join?: Record<
      string,
      {
        timeline: { events: MatrixEvent[]; limited?: boolean; prev_batch?: string };
        state?: { events: MatrixEvent[] };
      }
    >;
    invite?: Record<string, { invite_state: { events: Omit<MatrixEvent, 'event_id'>[] } }>;
    leave?: Record<string, { timeline: { events: MatrixEvent[] } }>;
  };
}

export interface SyncOptions {
  since?: string | undefined;
  /** How long the server may wait for something new, in milliseconds. Default: not at all. */
  timeoutMs?: number;
  filter?: Record<string, unknown>;
  /** Ends the waiting. */
  signal?: AbortSignal;
}

/** An ordinary user with an ordinary client, over the client-server API (`/_matrix/client/v3`). */
export class MatrixUser {
  readonly homeserverUrl: string;
  #account: Account;

  constructor(homeserver: Pick<Homeserver, 'url'>, account: Account) {
    this.homeserverUrl = homeserver.url;
    this.#account = account;
  }

  /** Registers an account and returns its user. */
  static async register(
    homeserver: Pick<Homeserver, 'url' | 'sharedSecret'>,
    options: RegisterOptions,
  ): Promise<MatrixUser> {
    return new MatrixUser(homeserver, await registerUser(homeserver, options));
  }

  get account(): Account {
    return this.#account;
  }

  get userId(): string {
    return this.#account.userId;
  }

  /**
   * Asks anything as this user.
   *
   * @param path from the root, with ids encoded by `segment`.
   * @throws RequestError when refused, as all methods here do.
   */
  async request<Answer>(
    method: string,
    path: string,
    options: Omit<RequestOptions, 'accessToken'> = {},
  ): Promise<Answer> {
    const { accessToken } = this.#account;
    return request<Answer>(this.homeserverUrl, method, path, { ...options, accessToken });
  }

  /** @param options the body of `POST /createRoom`. Returns the room's id. */
  async createRoom(options: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.#client<{ room_id: string }>('POST', '/createRoom', options);
    return answer.room_id;
  }

  async invite(roomId: string, userId: string): Promise<void> {
    await this.#client('POST', `/rooms/${segment(roomId)}/invite`, { user_id: userId });
  }

  /** Joins by id or alias and returns the room's id. */
  async join(roomIdOrAlias: string): Promise<string> {
    const path = `/join/${segment(roomIdOrAlias)}`;
    return (await this.#client<{ room_id: string }>('POST', path, {})).room_id;
  }

  async leave(roomId: string): Promise<void> {
    await this.#client('POST', `/rooms/${segment(roomId)}/leave`, {});
  }

  /** Sends an event and returns its id. The same `txnId` again sends nothing new. */
  async send(
    roomId: string,
    type: string,
    content: Record<string, unknown>,
    txnId: string = randomUUID(),
  ): Promise<string> {
    const path = `/rooms/${segment(roomId)}/send/${segment(type)}/${segment(txnId)}`;
    return (await this.#client<{ event_id: string }>('PUT', path, content)).event_id;
  }

  async sendText(roomId: string, body: string, txnId?: string): Promise<string> {
    return this.send(roomId, 'm.room.message', { msgtype: 'm.text', body }, txnId);
  }

  async setState(
    roomId: string,
    type: string,
    content: Record<string, unknown>,
    stateKey = '',
  ): Promise<string> {
    const path = `/rooms/${segment(roomId)}/state/${segment(type)}/${segment(stateKey)}`;
    return (await this.#client<{ event_id: string }>('PUT', path, content)).event_id;
  }

  async react(roomId: string, eventId: string, key: string): Promise<string> {
    const relation = { rel_type: 'm.annotation', event_id: eventId, key };
    return this.send(roomId, 'm.reaction', { 'm.relates_to': relation });
  }

  async redact(roomId: string, eventId: string, reason?: string): Promise<string> {
    const path = `/rooms/${segment(roomId)}/redact/${segment(eventId)}/${randomUUID()}`;
    return (await this.#client<{ event_id: string }>('PUT', path, { reason })).event_id;
  }

  /** @param options `score` runs from -100 (worst) to 0. */
  async reportEvent(
    roomId: string,
    eventId: string,
    options: { reason?: string; score?: number } = {},
  ): Promise<void> {
    await this.#client('POST', `/rooms/${segment(roomId)}/report/${segment(eventId)}`, options);
  }

  async reportUser(userId: string, reason = ''): Promise<void> {
    await this.#client('POST', `/users/${segment(userId)}/report`, { reason });
  }

  async setDisplayName(displayName: string): Promise<void> {
    const path = `/profile/${segment(this.userId)}/displayname`;
    await this.#client('PUT', path, { displayname: displayName });
  }

  /** Uploads a file and returns its `mxc://` URI: `POST /_matrix/media/v3/upload`. */
  async uploadMedia(bytes: Uint8Array, type: string, name?: string): Promise<string> {
    const answer = await this.request<{ content_uri: string }>('POST', '/_matrix/media/v3/upload', {
      bytes: { content: new Uint8Array(bytes), type },
      query: { filename: name },
    });
    return answer.content_uri;
  }

  async sync(options: SyncOptions = {}): Promise<SyncAnswer> {
    const { since, timeoutMs = 0, filter, signal } = options;
    return this.request<SyncAnswer>('GET', '/_matrix/client/v3/sync', {
      query: { since, timeout: timeoutMs, filter: filter && JSON.stringify(filter) },
      timeoutMs: timeoutMs + 30_000,
      signal,
    });
  }

  async whoami(): Promise<{ user_id: string; device_id?: string }> {
    return this.#client('GET', '/account/whoami');
  }

  /** Logs in anew, on a new device, and goes on with that one's access token. */
  async login(password: string = this.#account.password): Promise<Account> {
    const { localpart } = this.#account;
    const identifier = { type: 'm.id.user', user: this.userId };
    const answer = await request<{ user_id: string; access_token: string; device_id: string }>(
      this.homeserverUrl,
      'POST',
      '/_matrix/client/v3/login',
      { json: { type: 'm.login.password', identifier, password } },
    );
    this.#account = {
      userId: answer.user_id,
      localpart,
      password,
      accessToken: answer.access_token,
      deviceId: answer.device_id,
    };
    return this.#account;
  }

  async #client<Answer>(method: string, path: string, json?: unknown): Promise<Answer> {
    return this.request<Answer>(method, `/_matrix/client/v3${path}`, { json });
  }
}
