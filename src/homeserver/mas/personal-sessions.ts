import { z } from 'zod';

import { maybe } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { filters, listAll, masId, resource, single, time } from './json-api.ts';
import type { MasId } from './json-api.ts';
import { scope } from './sessions.ts';

const attributes = {
  created_at: maybe(time),
  revoked_at: maybe(time),
  /** Who made it: an account or a client. */
  owner_user_id: maybe(masId),
  owner_client_id: maybe(masId),
  /** Whom its token acts as. */
  actor_user_id: masId,
  human_name: maybe(z.string()),
  scope,
  last_active_at: maybe(time),
  last_active_ip: maybe(z.string()),
  expires_at: maybe(time),
};

const personalSession = resource(attributes);
const withToken = resource({ ...attributes, access_token: z.string() });

/** A session with a personal access token. Times in milliseconds since 1970. */
export type PersonalSession = z.output<typeof personalSession>;
/** A session with its token, which MAS reveals only this once. A secret. */
export type PersonalSessionWithToken = z.output<typeof withToken>;

export interface PersonalSessionQuery {
  readonly actorId?: MasId | undefined;
  readonly ownerId?: MasId | undefined;
  readonly status?: 'active' | 'revoked' | undefined;
}

/** Personal sessions, by `/api/admin/v1/personal-sessions`. */
export function personalSessionsApi(send: SendRequest) {
  const listPath = '/api/admin/v1/personal-sessions';
  const sessionPath = '/api/admin/v1/personal-sessions/{id}';

  return {
    /**
     * All personal sessions, oldest first. GET /api/admin/v1/personal-sessions
     *
     * @throws MasError 404 unknown account
     */
    all(query: PersonalSessionQuery = {}): AsyncGenerator<PersonalSession, void, undefined> {
      const { actorId, ownerId, status } = query;
      const filter = filters({ actor_user: actorId, owner_user: ownerId, status });
      return listAll(send, listPath, personalSession, filter);
    },

    /** One session, undefined if unknown. GET /api/admin/v1/personal-sessions/{id} */
    async find(id: MasId): Promise<PersonalSession | undefined> {
      return ifFound(async () =>
        send('GET', sessionPath, { path: { id }, answer: single(personalSession) }),
      );
    },

    /**
     * Makes a token that acts as an account, with any scope. POST /api/admin/v1/personal-sessions
     *
     * @param options.expiresInS seconds; it never expires by default
     * @throws MasError 400 not a valid scope, 404 unknown account, 410 the account is deactivated
     */
    async create(options: {
      readonly actorId: MasId;
      readonly name: string;
      readonly scope: readonly string[];
      readonly expiresInS?: number | undefined;
    }): Promise<PersonalSessionWithToken> {
      return send('POST', listPath, {
        body: {
          actor_user_id: options.actorId,
          human_name: options.name,
          scope: options.scope.join(' '),
          expires_in: options.expiresInS,
        },
        answer: single(withToken),
      });
    },

    /**
     * Replaces the token of a session. Synapse may accept the old one for 2 more minutes.
     * POST /api/admin/v1/personal-sessions/{id}/regenerate
     *
     * @throws MasError 403 made by another client or account, 404 unknown, 422 revoked
     */
    async regenerate(
      id: MasId,
      options: { readonly expiresInS?: number | undefined } = {},
    ): Promise<PersonalSessionWithToken> {
      return send('POST', '/api/admin/v1/personal-sessions/{id}/regenerate', {
        path: { id },
        body: { expires_in: options.expiresInS },
        answer: single(withToken),
      });
    },

    /**
     * Ends a session; its device leaves Synapse. POST /api/admin/v1/personal-sessions/{id}/revoke
     *
     * @throws MasError 404 unknown, 409 it is revoked already
     */
    async revoke(id: MasId): Promise<PersonalSession> {
      return send('POST', '/api/admin/v1/personal-sessions/{id}/revoke', {
        path: { id },
        answer: single(personalSession),
      });
    },
  };
}
