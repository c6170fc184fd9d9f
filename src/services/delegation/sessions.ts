import { HomeserverError } from '../../core/errors.ts';
import type { MasId } from '../../homeserver/mas/json-api.ts';
import type { MasApi } from '../../homeserver/mas/mas-api.ts';
import { deviceInScope } from '../../homeserver/mas/sessions.ts';

/** Scopes that give power over the server: over Synapse, and over MAS. */
const adminScopes: ReadonlySet<string> = new Set(['urn:synapse:admin:*', 'urn:mas:admin']);

export function hasAdminScope(scope: readonly string[]): boolean {
  return scope.some((part) => adminScopes.has(part));
}

/**
 * How a session came to be: a login in a browser at MAS itself, one of an OAuth 2.0 client, a Matrix login of
 * the older kind, or a personal access token.
 */
export type SessionKind = 'browser' | 'oauth' | 'compat' | 'personal';

/** A session that has not ended. Times in milliseconds since 1970. */
export interface Session {
  readonly id: MasId;
  readonly kind: SessionKind;
  readonly deviceId: string | undefined;
  /** What it may do; undefined if MAS doesn't say. */
  readonly scope: readonly string[] | undefined;
  readonly name: string | null;
  readonly createdAt: number | null;
  readonly lastActiveAt: number | null;
  readonly lastActiveIp: string | null;
  /** Null if it lasts until somebody ends it. */
  readonly expiresAt: number | null;
}

/** All sessions of an account, of every kind: MAS has a list for each. Browsers come first. */
export async function activeSessions(mas: MasApi, userId: MasId): Promise<Session[]> {
  const query = { userId, status: 'active' } as const;
  const found: Session[] = [];
  for await (const {
    id,
    createdAt,
    lastActiveAt,
    lastActiveIp,
    userAgent,
  } of mas.sessions.browser.all(query)) {
    found.push({
      kind: 'browser',
      id,
      createdAt,
      lastActiveAt,
      lastActiveIp,
      name: userAgent,
      deviceId: undefined,
      scope: undefined,
      expiresAt: null,
    });
  }
  for await (const session of mas.sessions.oauth.all(query)) {
    found.push({
      ...common(session),
      kind: 'oauth',
      scope: session.scope,
      deviceId: deviceInScope(session.scope),
      expiresAt: null,
    });
  }
  for await (const session of mas.sessions.compat.all(query)) {
    found.push({
      ...common(session),
      kind: 'compat',
      scope: undefined,
      deviceId: session.deviceId ?? undefined,
      expiresAt: null,
    });
  }
  for await (const session of mas.personalSessions.all({ actorId: userId, status: 'active' })) {
    found.push({
      ...common(session),
      kind: 'personal',
      scope: session.scope,
      deviceId: deviceInScope(session.scope),
      expiresAt: session.expiresAt,
    });
  }
  return found;
}

function common({
  id,
  humanName,
  createdAt,
  lastActiveAt,
  lastActiveIp,
}: Pick<Session, 'id' | 'createdAt' | 'lastActiveAt' | 'lastActiveIp'> & {
  readonly humanName: string | null;
}) {
  return { id, name: humanName, createdAt, lastActiveAt, lastActiveIp };
}

/** Ends sessions one by one; MAS can't end several with one call. One that has already ended is fine. */
export async function endSessions(mas: MasApi, sessions: readonly Session[]): Promise<void> {
  for (const { kind, id } of sessions) {
    try {
      await (kind === 'personal' ? mas.personalSessions.revoke(id) : mas.sessions[kind].finish(id));
    } catch (error) {
      if (!(error instanceof HomeserverError && [400, 404, 409].includes(error.status))) {
        throw error;
      }
    }
  }
}
