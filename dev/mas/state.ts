import { randomBytes } from 'node:crypto';

/** An account. Times are RFC 3339, as the admin API shows them. */
export interface User {
  readonly id: string;
  readonly username: string;
  readonly createdAt: string;
  lockedAt: string | null;
  deactivatedAt: string | null;
  admin: boolean;
  password?: string;
}

interface Email {
  readonly id: string;
  readonly createdAt: string;
  readonly userId: string;
  readonly email: string;
}

export type SessionKind = 'compat' | 'oauth2' | 'user' | 'personal';

export interface Session {
  readonly kind: SessionKind;
  readonly id: string;
  readonly createdAt: string;
  /** Null for a client that acts for itself. */
  readonly userId: string | null;
  /** Of the client of an OAuth 2.0 session. */
  readonly clientId: string | null;
  readonly scope: string;
  readonly deviceId: string | null;
  /** The browser session that it began from. */
  readonly userSessionId: string | null;
  /** Whose a personal session is. */
  readonly ownerUserId: string | null;
  readonly ownerClientId: string | null;
  readonly humanName: string | null;
  endedAt: string | null;
}

/** Its ID is also its `client_id`. */
interface OAuthClient {
  readonly id: string;
  readonly name: string;
  readonly isStatic: boolean;
  /** Whether people log in with it. */
  readonly takesPeople: boolean;
}

export interface Token {
  readonly session: Session;
  readonly expiresAtMs: number | null;
}

interface RegistrationToken {
  readonly id: string;
  readonly token: string;
  readonly createdAt: string;
  usageLimit: number | null;
  expiresAt: string | null;
  revokedAt: string | null;
}

interface UpstreamLink {
  readonly id: string;
  readonly createdAt: string;
  readonly providerId: string;
  readonly subject: string;
  userId: string | null;
  readonly accountName: string | null;
}

/** Everything that the stand-in knows, in the order in which it came to be. */
export interface State {
  readonly users: User[];
  readonly emails: Email[];
  readonly clients: OAuthClient[];
  readonly sessions: Session[];
  readonly tokens: Map<string, Token>;
  readonly registrationTokens: RegistrationToken[];
  readonly upstreamProviders: { readonly id: string; readonly createdAt: string }[];
  readonly upstreamLinks: UpstreamLink[];
  readonly policyData: { readonly id: string; readonly createdAt: string; data: unknown }[];
}

export function newState(): State {
  return {
    users: [],
    emails: [],
    clients: [],
    sessions: [],
    tokens: new Map(),
    registrationTokens: [],
    upstreamProviders: [{ id: newId(), createdAt: now() }],
    upstreamLinks: [],
    policyData: [],
  };
}

export const now = () => new Date().toISOString();

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
let made = 0;

/** A ULID. Later ones sort behind earlier ones, as lists are ordered by them. */
export function newId(): string {
  made += 1;
  let text = '';
  for (let number = Date.now() * 2 ** 5 + (made % 2 ** 5); text.length < 11;) {
    text = `${digits[number % 32] ?? ''}${text}`;
    number = Math.floor(number / 32);
  }
  const counter = made.toString().padStart(8, '0');
  const random = [...randomBytes(7)].map((byte) => digits[byte % 32]).join('');
  return `${text.slice(0, 10)}${counter}${random}${digits[0]}`;
}

export function newUser(username: string): User {
  return {
    id: newId(),
    username,
    createdAt: now(),
    lockedAt: null,
    deactivatedAt: null,
    admin: false,
  };
}

const scopeDevice = /(?:^| )urn:matrix:(?:org\.matrix\.msc2967\.)?client:device:(?<id>\S+)/u;

/** Makes a session, and a token for it that begins with `prefix`. */
export function addSession(
  state: State,
  session: Pick<Session, 'kind' | 'userId' | 'scope'> & Partial<Session>,
  expiresInS: number | null = null,
): { readonly session: Session; readonly token: string } {
  const added: Session = {
    deviceId: scopeDevice.exec(session.scope)?.groups?.['id'] ?? null,
    humanName: null,
    clientId: null,
    userSessionId: null,
    ownerUserId: null,
    ownerClientId: null,
    ...session,
    id: newId(),
    createdAt: now(),
    endedAt: null,
  };
  state.sessions.push(added);
  return { session: added, token: addToken(state, added, expiresInS) };
}

export function addToken(state: State, session: Session, expiresInS: number | null): string {
  const prefixes = { compat: 'mct', oauth2: 'mat', user: 'none', personal: 'mpt' };
  const token = `${prefixes[session.kind]}_${randomBytes(18).toString('base64url')}`;
  const expiresAtMs = expiresInS === null ? null : Date.now() + expiresInS * 1000;
  state.tokens.set(token, { session, expiresAtMs });
  return token;
}
