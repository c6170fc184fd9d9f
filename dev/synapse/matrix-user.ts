import { randomUUID } from 'node:crypto';

import { accountOf, registerUser } from './accounts.ts';
import type { Account, RegisterOptions, Session } from './accounts.ts';
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

/** The answer of `/sync`, as far as tests read it. */
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
  /** How long the server may wait for something new. Default: 0. */
  timeoutMs?: number;
  filter?: Record<string, unknown>;
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
   * Sends any request as this user.
   *
   * @param path from the root; IDs in it are encoded by `segment`.
   * @throws RequestError if the homeserver refuses, as all methods here do.
   */
  async request<Answer>(
    method: string,
    path: string,
    options: Omit<RequestOptions, 'accessToken'> = {},
  ): Promise<Answer> {
    const { accessToken } = this.#account;
    return request<Answer>(this.homeserverUrl, method, path, { ...options, accessToken });
  }

  /**
   * @param options the body of `POST /createRoom`.
   * @returns the room's ID.
   */
  async createRoom(options: Record<string, unknown> = {}): Promise<string> {
    return (await this.#client<{ room_id: string }>('POST', '/createRoom', options)).room_id;
  }

  async invite(roomId: string, userId: string): Promise<void> {
    await this.#client('POST', `/rooms/${segment(roomId)}/invite`, { user_id: userId });
  }

  /** @returns the room's ID. */
  async join(roomIdOrAlias: string): Promise<string> {
    const path = `/join/${segment(roomIdOrAlias)}`;
    return (await this.#client<{ room_id: string }>('POST', path, {})).room_id;
  }

  async leave(roomId: string): Promise<void> {
    await this.#client('POST', `/rooms/${segment(roomId)}/leave`, {});
  }

  /**
   * @param txnId sending again with the same one sends nothing new.
   * @returns the event's ID, as the methods below do.
   */
  async send(
    roomId: string,
    type: string,
    content: Record<string, unknown>,
    txnId: string = randomUUID(),
  ): Promise<string> {
    return this.#put(roomId, `send/${segment(type)}/${segment(txnId)}`, content);
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
    return this.#put(roomId, `state/${segment(type)}/${segment(stateKey)}`, content);
  }

  async react(roomId: string, eventId: string, key: string): Promise<string> {
    const relation = { rel_type: 'm.annotation', event_id: eventId, key };
    return this.send(roomId, 'm.reaction', { 'm.relates_to': relation });
  }

  async redact(roomId: string, eventId: string, reason?: string): Promise<string> {
    return this.#put(roomId, `redact/${segment(eventId)}/${randomUUID()}`, { reason });
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

  /** @returns the file's `mxc://` URI. */
  async uploadMedia(content: Uint8Array, type: string, filename?: string): Promise<string> {
    const answer = await this.request<{ content_uri: string }>('POST', '/_matrix/media/v3/upload', {
      bytes: { content: new Uint8Array(content), type },
      query: { filename },
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

  /** Logs in on a new device, whose access token is used from now on. */
  async login(password: string = this.#account.password): Promise<Account> {
    const identifier = { type: 'm.id.user', user: this.userId };
    const json = { type: 'm.login.password', identifier, password };
    const path = '/_matrix/client/v3/login';
    const session = await request<Session>(this.homeserverUrl, 'POST', path, { json });
    this.#account = accountOf(session, password);
    return this.#account;
  }

  async #put(roomId: string, path: string, content: unknown): Promise<string> {
    const rooms = `/rooms/${segment(roomId)}`;
    return (await this.#client<{ event_id: string }>('PUT', `${rooms}/${path}`, content)).event_id;
  }

  async #client<Answer>(method: string, path: string, json?: unknown): Promise<Answer> {
    return this.request<Answer>(method, `/_matrix/client/v3${path}`, { json });
  }
}
