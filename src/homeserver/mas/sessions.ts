import { z } from 'zod';

import { maybe } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { filters, listAll, masId, resource, single, time, timeForMas } from './json-api.ts';
import type { MasId } from './json-api.ts';

/** A scope: what a token may be used for, such as `urn:mas:admin`. */
export const scope = z.string().transform((text) => text.split(' ').filter((part) => part !== ''));

const common = {
  created_at: maybe(time),
  finished_at: maybe(time),
  user_agent: maybe(z.string()),
  last_active_at: maybe(time),
  last_active_ip: maybe(z.string()),
};

/** A session that began with the older Matrix login (`/login`). */
const compatSession = resource({
  ...common,
  user_id: masId,
  /** A Matrix device. A few sessions have none. */
  device_id: maybe(z.string()),
  /** The browser session that it began from. */
  user_session_id: maybe(masId),
  human_name: maybe(z.string()),
});

/** A session of an OAuth 2.0 client. Its scope names its device: see `deviceInScope`. */
const oauthSession = resource({
  ...common,
  /** Null for a client that acts for itself. */
  user_id: maybe(masId),
  user_session_id: maybe(masId),
  client_id: masId,
  scope,
  human_name: maybe(z.string()),
});

/** A login at MAS itself, in a browser. Ending it does not end the sessions that began from it. */
const browserSession = resource({ ...common, user_id: masId });

export interface SessionQuery {
  readonly userId?: MasId | undefined;
  readonly status?: 'active' | 'finished' | undefined;
  /** Milliseconds since 1970, like the next three. */
  readonly createdBefore?: number | undefined;
  readonly createdAfter?: number | undefined;
  readonly lastActiveBefore?: number | undefined;
  readonly lastActiveAfter?: number | undefined;
}

export interface OAuthSessionQuery extends SessionQuery {
  readonly clientId?: MasId | undefined;
  readonly clientKind?: 'dynamic' | 'static' | undefined;
  /** The session must have all of them. */
  readonly scopes?: readonly string[] | undefined;
}

function sessionFilters(query: SessionQuery) {
  return {
    user: query.userId,
    status: query.status,
    'created-before': timeForMas(query.createdBefore),
    'created-after': timeForMas(query.createdAfter),
    'last-active-before': timeForMas(query.lastActiveBefore),
    'last-active-after': timeForMas(query.lastActiveAfter),
  };
}

const devicePattern = /^urn:matrix:(?:org\.matrix\.msc2967\.)?client:device:(?<device>.+)$/su;

/** The Matrix device that a scope names, undefined if it names none. */
export function deviceInScope(scope: readonly string[]): string | undefined {
  return scope
    .map((part) => devicePattern.exec(part)?.groups?.['device'])
    .find((device) => device !== undefined);
}

/**
 * The sessions that people and their clients have: see also `personalSessionsApi`. All lists are oldest
 * first, and throw MasError 404 for an unknown account.
 */
export function sessionsApi(send: SendRequest) {
  return {
    /** By `/api/admin/v1/compat-sessions`. */
    compat: {
      /** GET /api/admin/v1/compat-sessions */
      all: (query: SessionQuery = {}) =>
        listAll(
          send,
          '/api/admin/v1/compat-sessions',
          compatSession,
          filters(sessionFilters(query)),
        ),
      ...oneSession(send, '/api/admin/v1/compat-sessions/{id}', compatSession),
    },

    /** By `/api/admin/v1/oauth2-sessions`. */
    oauth: {
      /** GET /api/admin/v1/oauth2-sessions */
      all: (query: OAuthSessionQuery = {}) =>
        listAll(
          send,
          '/api/admin/v1/oauth2-sessions',
          oauthSession,
          filters({
            ...sessionFilters(query),
            client: query.clientId,
            'client-kind': query.clientKind,
            scope: query.scopes,
          }),
        ),
      ...oneSession(send, '/api/admin/v1/oauth2-sessions/{id}', oauthSession),
    },

    /** By `/api/admin/v1/user-sessions`. */
    browser: {
      /** GET /api/admin/v1/user-sessions */
      all: (query: SessionQuery = {}) =>
        listAll(
          send,
          '/api/admin/v1/user-sessions',
          browserSession,
          filters(sessionFilters(query)),
        ),
      ...oneSession(send, '/api/admin/v1/user-sessions/{id}', browserSession),
    },
  };
}

function oneSession<Session>(send: SendRequest, sessionPath: string, session: z.ZodType<Session>) {
  const answer = single(session);
  return {
    /** One session, undefined if unknown. GET …/{id} */
    async find(id: MasId): Promise<Session | undefined> {
      return ifFound(async () => send('GET', sessionPath, { path: { id }, answer }));
    },

    /**
     * Ends a session. Its device leaves Synapse, and with it its token, within 2 seconds; a browser session
     * has no device. POST …/{id}/finish
     *
     * @throws MasError 404 unknown, 400 it has ended already
     */
    async finish(id: MasId): Promise<Session> {
      return send('POST', `${sessionPath}/finish`, { path: { id }, answer });
    },
  };
}
