import { randomBytes } from 'node:crypto';

import { bearer, Refusal, refused } from './answers.ts';
import type { Answer, Call } from './answers.ts';
import { whyInvalid } from './oauth.ts';
import { addSession, addToken, newId, newUser, now } from './state.ts';
import type { Session, SessionKind, State, User } from './state.ts';
import type { SynapseLink } from './synapse-link.ts';

const prefix = '/api/admin/v1';

type Body = Readonly<Record<string, unknown>>;
type Attributes = Readonly<Record<string, unknown>>;

interface Context {
  readonly state: State;
  readonly synapse: SynapseLink;
  readonly serverName: string;
}

/** What a handler sees: the ID in the path, if it has one, and the JSON body. */
interface Seen {
  readonly id: string;
  readonly query: URLSearchParams;
  readonly body: Body;
  /** Whose token it is. */
  readonly caller: Session;
}

type Handler = (seen: Seen) => Answer | Promise<Answer>;

/** Answers what begins with `/api/admin/v1`, undefined for other paths. */
export async function answerAdminApi(call: Call, context: Context): Promise<Answer | undefined> {
  if (!call.path.startsWith(`${prefix}/`)) {
    return undefined;
  }
  const routes = allRoutes(context);
  const path = call.path.slice(prefix.length);
  const methods = Object.entries(routes).flatMap(([route, handler]) => {
    const [method = '', template = ''] = route.split(' ');
    const found = new RegExp(`^${template.replace('{id}', '(?<id>[^/]+)')}$`, 'u').exec(path);
    return found === null ? [] : [{ method, handler, id: found.groups?.['id'] ?? '' }];
  });
  if (methods.length === 0) {
    return {
      status: 404,
      body: '<!DOCTYPE html><title>Not found</title>',
      contentType: 'text/html',
    };
  }
  const route = methods.find(({ method }) => method === call.method);
  if (route === undefined) {
    return { status: 405 };
  }
  const caller = authorize(call, context.state);
  // A localpart may stand where an ID does.
  if (route.id !== '' && !path.includes('by-username') && !/^[0-9A-Z]{26}$/u.test(route.id)) {
    throw refused(400, 'Invalid ULID in path', 'invalid length');
  }
  const id = decodeURIComponent(route.id);
  return route.handler({ id, query: call.query, body: bodyOf(call), caller });
}

function authorize(call: Call, state: State): Session {
  if (call.headers['authorization'] === undefined) {
    throw refused(400, 'Missing authorization header');
  }
  const text = bearer(call) ?? '';
  if (!/^m[ap]t_/u.test(text)) {
    throw refused(401, 'Invalid type of access token');
  }
  const token = state.tokens.get(text);
  if (token === undefined) {
    throw refused(401, 'Unknown access token');
  }
  const why = whyInvalid(state, token);
  if (why !== undefined) {
    throw refused(401, why);
  }
  if (!token.session.scope.split(' ').includes('urn:mas:admin')) {
    throw refused(401, 'Missing urn:mas:admin scope');
  }
  return token.session;
}

function bodyOf({ headers, text }: Call): Body {
  if (text === '') {
    return {};
  }
  if (!String(headers['content-type']).startsWith('application/json')) {
    throw plain(415, 'Expected request with `Content-Type: application/json`');
  }
  try {
    return JSON.parse(text) as Body;
  } catch {
    throw plain(400, 'Failed to parse the request body as JSON');
  }
}

function plain(status: number, body: string): Refusal {
  return new Refusal({ status, body, contentType: 'text/plain' });
}

/** A field of a body that must be there. */
function need<Type extends 'string' | 'boolean'>(body: Body, name: string, type: Type) {
  const value = body[name];
  if (typeof value !== type) {
    const why = value === undefined ? `missing field \`${name}\`` : `${name}: invalid type`;
    throw plain(422, `Failed to deserialize the JSON body into the target type: ${why}`);
  }
  return value as Type extends 'string' ? string : boolean;
}

interface Resource<Item> {
  readonly path: string;
  readonly type: string;
  readonly attributes: (item: Item) => Attributes;
  /** What stands in `links.next` and `meta.page.cursor`. */
  readonly cursor?: (item: Item) => string;
  readonly filters: Readonly<Record<string, (item: Item, value: string) => boolean>>;
}

/** One item, or what became of it when `action` was asked for. */
function one<Item extends { readonly id: string }>(
  resource: Resource<Item>,
  item: Item,
  options: {
    readonly status?: number;
    readonly action?: string;
    /** How it was asked for, if not by its ID. */
    readonly self?: string;
    readonly extra?: Attributes;
  } = {},
): Answer {
  const { status = 200, action, extra = {} } = options;
  const self = `${prefix}${resource.path}/${item.id}`;
  const attributes = { ...resource.attributes(item), ...extra };
  const data = { type: resource.type, id: item.id, attributes, links: { self } };
  const asked = action === undefined ? item.id : `${item.id}/${action}`;
  const links = { self: `${prefix}${resource.path}/${options.self ?? asked}` };
  return { status, body: { data, links } };
}

const isUlid = (text: string) => /^[0-9A-HJKMNP-TV-Z]{26}$/u.test(text);

/** Filters of all lists whose values MAS checks. Those of other names are ignored. */
const filterValues: readonly (readonly [RegExp, (value: string) => boolean])[] = [
  [
    /^(?:admin|legacy-guest|used|revoked|expired|valid|enabled)$/u,
    (value) => ['true', 'false'].includes(value),
  ],
  [
    /^(?:user|client|provider|user-session|actor_user|owner_user|owner_client|active-oauth2-client)$/u,
    isUlid,
  ],
  [/^client-kind$/u, (value) => ['static', 'dynamic'].includes(value)],
];

function filtersIn(query: URLSearchParams): (readonly [name: string, value: string])[] {
  const found = [...query].flatMap(([parameter, value]) => {
    const name = /^filter\[(?<name>.*)\]$/u.exec(parameter)?.groups?.['name'];
    return name === undefined ? [] : [[name, value] as const];
  });
  const wrong = found.find(([name, value]) =>
    filterValues.some(([pattern, isValid]) => pattern.test(name) && !isValid(value)),
  );
  if (wrong !== undefined) {
    throw refused(400, 'Invalid filter parameters', `${wrong[0]}: invalid value`);
  }
  return found;
}

/** The size of a page, and after which item it begins. */
function pageIn(query: URLSearchParams): { readonly size: number; readonly after: string } {
  const first = query.get('page[first]');
  const size = Number(first ?? 10);
  const after = query.get('page[after]') ?? '';
  if (!Number.isSafeInteger(size) || size < 1 || (after !== '' && !isUlid(after))) {
    throw refused(400, 'Invalid pagination parameters', 'invalid value');
  }
  if (first !== null && query.has('page[last]')) {
    throw refused(400, 'Cannot specify both `page[first]` and `page[last]` parameters');
  }
  return { size, after };
}

/** A page, oldest first. Unknown parameters are ignored, as MAS does. */
function list<Item extends { readonly id: string }>(
  resource: Resource<Item>,
  all: readonly Item[],
  query: URLSearchParams,
): Answer {
  const { path, type, attributes, cursor = ({ id }: Item) => id } = resource;
  const { size, after } = pageIn(query);
  const wanted = filtersIn(query);
  const matching = all.filter((item) =>
    wanted.every(([name, value]) => resource.filters[name]?.(item, value) ?? true),
  );
  const rest = matching.filter(({ id }) => id > after);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  const self = `${prefix}${path}`;
  const count = query.get('count') ?? 'true';
  const meta = count === 'false' ? {} : { meta: { count: matching.length } };
  if (count === 'only') {
    return { status: 200, body: { ...meta, links: { self: `${self}?count=only` } } };
  }
  const paged = (cursors: string) => `${self}?${cursors}page[first]=${size}`;
  const links = {
    self: paged(after === '' ? '' : `page[after]=${after}&`),
    first: paged(''),
    last: `${self}?page[last]=${size}`,
    ...(rest.length > page.length && last !== undefined
      ? { next: paged(`page[after]=${cursor(last)}&`) }
      : {}),
  };
  const data = page.map((item) => ({
    type,
    id: item.id,
    attributes: attributes(item),
    links: { self: `${self}/${item.id}` },
    meta: { page: { cursor: cursor(item) } },
  }));
  return { status: 200, body: { ...meta, data, links } };
}

const userResource = ({ sessions }: Pick<State, 'sessions'>): Resource<User> => ({
  path: '/users',
  type: 'user',
  attributes: ({ username, createdAt, lockedAt, deactivatedAt, admin }) => ({
    username,
    created_at: createdAt,
    locked_at: lockedAt,
    deactivated_at: deactivatedAt,
    admin,
    legacy_guest: false,
  }),
  filters: {
    admin: ({ admin }, value) => String(admin) === value,
    search: ({ username }, value) => username.includes(value),
    status: ({ lockedAt, deactivatedAt }, value) => {
      const status = deactivatedAt ? 'deactivated' : lockedAt ? 'locked' : 'active';
      return status === knownStatus(value, ['active', 'locked', 'deactivated']);
    },
    'active-oauth2-client': ({ id }, value) =>
      sessions.some(
        ({ userId, clientId, endedAt }) => userId === id && clientId === value && endedAt === null,
      ),
  },
});

function knownStatus(value: string, known: readonly string[]): string {
  if (!known.includes(value)) {
    throw refused(400, 'Invalid filter parameters', `unknown variant \`${value}\``);
  }
  return value;
}

function sessionResource(kind: SessionKind, { clients, tokens }: State): Resource<Session> {
  const paths = {
    compat: 'compat-session',
    oauth2: 'oauth2-session',
    user: 'user-session',
    personal: 'personal-session',
  };
  const own = ({ userId, ownerUserId, ownerClientId, clientId, deviceId, ...session }: Session) => {
    const { id, userSessionId, scope, endedAt } = session;
    switch (kind) {
      case 'compat':
        return {
          user_id: userId,
          device_id: deviceId,
          user_session_id: userSessionId,
          redirect_uri: null,
        };
      case 'oauth2':
        return { user_id: userId, client_id: clientId, user_session_id: userSessionId, scope };
      case 'user':
        return { user_id: userId };
      case 'personal':
        return {
          actor_user_id: userId,
          owner_user_id: ownerUserId,
          owner_client_id: ownerClientId,
          expires_at: endedAt === null ? expiryOf(id) : null,
          scope,
        };
    }
  };
  const seen = { last_active_at: null, last_active_ip: null };
  const ended = kind === 'personal' ? 'revoked' : 'finished';
  const expiryOf = (id: string) => {
    const token = [...tokens.values()].find(({ session }) => session.id === id);
    return token?.expiresAtMs ? new Date(token.expiresAtMs).toISOString() : null;
  };
  return {
    path: `/${paths[kind]}s`,
    type: paths[kind],
    attributes: (session) => ({
      ...seen,
      created_at: session.createdAt,
      [`${ended}_at`]: session.endedAt,
      ...own(session),
      ...(kind === 'personal' ? {} : { user_agent: null }),
      ...(kind === 'user' ? {} : { human_name: session.humanName }),
    }),
    // As in MAS: it takes the user's ID for the session's.
    ...(kind === 'user' ? { cursor: ({ userId }: Session) => userId ?? '' } : {}),
    filters: {
      user: ({ userId }, value) => userId === value,
      actor_user: ({ userId }, value) => userId === value,
      owner_user: ({ ownerUserId }, value) => ownerUserId === value,
      'created-before': ({ createdAt }, value) => Date.parse(createdAt) < Date.parse(value),
      'created-after': ({ createdAt }, value) => Date.parse(createdAt) > Date.parse(value),
      // The stand-in does not see when sessions are used.
      'last-active-before': () => false,
      'last-active-after': () => false,
      scope: ({ scope }, value) => scope.split(' ').includes(value),
      client: ({ clientId }, value) => clientId === value,
      'client-kind': ({ clientId }, value) => {
        const client = clients.find(({ id }) => id === clientId);
        return client?.isStatic === (value === 'static');
      },
      status: ({ endedAt }, value) =>
        (endedAt === null ? 'active' : ended) === knownStatus(value, ['active', ended]),
    },
  };
}

function allRoutes({ state, synapse, serverName }: Context): Readonly<Record<string, Handler>> {
  const find = <Item extends { readonly id: string }>(
    all: readonly Item[],
    id: unknown,
    what: string,
  ): Item => {
    const item = all.find((one) => one.id === id);
    if (item === undefined) {
      throw refused(404, `${what} ${String(id)} not found`);
    }
    return item;
  };
  const users = userResource(state);
  const userOf = (id: unknown) => find(state.users, id, 'User ID');
  /** MAS looks up what filters name. */
  const assertKnownInFilters = (query: URLSearchParams) => {
    for (const [name, id] of filtersIn(query)) {
      if (/^(?:user|actor_user|owner_user)$/u.test(name)) {
        userOf(id);
      } else if (/^(?:client|active-oauth2-client)$/u.test(name)) {
        find(state.clients, id, 'Client ID');
      } else if (name === 'provider') {
        find(state.upstreamProviders, id, 'Provider ID');
      }
    }
  };
  const listed =
    <Item extends { readonly id: string }>(
      resource: Resource<Item>,
      all: () => readonly Item[],
    ): Handler =>
    ({ query }) => {
      assertKnownInFilters(query);
      return list(resource, all(), query);
    };
  const endSession = (session: Session) => {
    session.endedAt = now();
    const user = state.users.find(({ id }) => id === session.userId);
    if (user !== undefined && session.kind !== 'user') {
      synapse.syncDevicesLater(user);
    }
  };

  const userChange = (
    action: string,
    change: (user: User, body: Body) => void | Promise<unknown>,
  ): Readonly<Record<string, Handler>> => ({
    [`POST /users/{id}/${action}`]: async ({ id, body }) => {
      const user = userOf(id);
      await change(user, body);
      return one(users, user, { action });
    },
  });

  const userRoutes: Record<string, Handler> = {
    'GET /users': listed(users, () => state.users),
    'GET /users/{id}': ({ id }) => one(users, userOf(id)),
    'GET /users/by-username/{id}': ({ id }) => {
      const user = state.users.find(({ username }) => username === id.toLowerCase());
      if (user === undefined) {
        throw refused(404, `User with username "${id}" not found`);
      }
      return one(users, user, { self: `by-username/${id}` });
    },
    'POST /users': async ({ body }) => {
      const username = need(body, 'username', 'string');
      if (!/^(?!_)[a-z0-9=_\-./+]+$/u.test(username)) {
        throw refused(400, 'Username is not valid');
      }
      if (state.users.some((user) => user.username === username)) {
        throw refused(409, 'User already exists');
      }
      if (!(await synapse.isAvailable(username))) {
        throw refused(409, 'Username is reserved by the homeserver');
      }
      const { displayname = username, avatar_url: avatarUrl } = body as Record<string, string>;
      await synapse.create(username, displayname, avatarUrl);
      const user = newUser(username);
      state.users.push(user);
      return one(users, user, { status: 201 });
    },
    'POST /users/{id}/set-password': ({ id, body }) => {
      const user = userOf(id);
      const password = need(body, 'password', 'string');
      if (password.length < 8 && body['skip_password_check'] !== true) {
        throw refused(400, 'Password is too weak');
      }
      user.password = password;
      return { status: 204 };
    },
    ...userChange('set-admin', (user, body) => {
      user.admin = need(body, 'admin', 'boolean');
    }),
    ...userChange('lock', (user) => {
      user.lockedAt ??= now();
      synapse.provisionLater(user);
    }),
    ...userChange('unlock', (user) => {
      user.lockedAt = null;
      synapse.provisionLater(user);
    }),
    ...userChange('deactivate', (user, body) => {
      user.deactivatedAt ??= now();
      for (const session of state.sessions) {
        if (session.userId === user.id) {
          session.endedAt ??= now();
        }
      }
      const kept = state.emails.filter(({ userId }) => userId !== user.id);
      state.emails.splice(0, state.emails.length, ...kept);
      synapse.deactivateLater(user, body['skip_erase'] !== true);
    }),
    ...userChange('reactivate', async (user) => {
      await synapse.reactivate(user.username);
      user.deactivatedAt = null;
    }),
  };

  const emails: Resource<State['emails'][number]> = {
    path: '/user-emails',
    type: 'user-email',
    attributes: ({ createdAt, userId, email }) => ({
      created_at: createdAt,
      user_id: userId,
      email,
    }),
    filters: {
      user: ({ userId }, value) => userId === value,
      email: ({ email }, value) => email === value,
    },
  };
  const emailRoutes: Record<string, Handler> = {
    'GET /user-emails': listed(emails, () => state.emails),
    'GET /user-emails/{id}': ({ id }) => one(emails, find(state.emails, id, 'User email ID')),
    'POST /user-emails': ({ body }) => {
      const user = userOf(need(body, 'user_id', 'string'));
      const email = need(body, 'email', 'string');
      if (!/^[^@\s]+@[^@\s]+$/u.test(email)) {
        throw refused(400, `Email "${email}" is not valid`);
      }
      if (state.emails.some((other) => other.email === email)) {
        throw refused(409, `User email "${email}" already in use`);
      }
      const added = { id: newId(), createdAt: now(), userId: user.id, email };
      state.emails.push(added);
      synapse.provisionLater(user);
      return one(emails, added, { status: 201 });
    },
    'DELETE /user-emails/{id}': ({ id }) => {
      const email = find(state.emails, id, 'User email ID');
      state.emails.splice(state.emails.indexOf(email), 1);
      synapse.provisionLater(userOf(email.userId));
      return { status: 204 };
    },
  };

  function sessionRoutes(kind: SessionKind): Record<string, Handler> {
    const resource = sessionResource(kind, state);
    const own = () => state.sessions.filter((session) => session.kind === kind);
    const what = {
      compat: 'Compatibility session',
      oauth2: 'OAuth 2.0 session',
      user: 'User session',
      personal: 'Personal session',
    }[kind];
    const isPersonal = kind === 'personal';
    const action = isPersonal ? 'revoke' : 'finish';
    return {
      [`GET ${resource.path}`]: listed(resource, own),
      [`GET ${resource.path}/{id}`]: ({ id }) => {
        const session = own().find((one) => one.id === id);
        if (session === undefined) {
          throw refused(404, isPersonal ? `${what} not found` : `${what} ID ${id} not found`);
        }
        return one(resource, session);
      },
      [`POST ${resource.path}/{id}/${action}`]: ({ id }) => {
        const session = find(own(), id, `${what} with ID`);
        if (session.endedAt !== null) {
          const why = isPersonal ? 'revoked' : 'finished';
          throw refused(isPersonal ? 409 : 400, `${what} with ID ${id} is already ${why}`);
        }
        endSession(session);
        return one(resource, session, isPersonal ? {} : { action });
      },
    };
  }

  const personal = sessionResource('personal', state);
  const personalRoutes: Record<string, Handler> = {
    'POST /personal-sessions': async ({ body, caller }) => {
      const actorId = need(body, 'actor_user_id', 'string');
      const humanName = need(body, 'human_name', 'string');
      const scope = need(body, 'scope', 'string');
      const actor = state.users.find(({ id }) => id === actorId);
      if (actor === undefined) {
        throw refused(404, 'User not found');
      }
      if (actor.deactivatedAt) {
        throw refused(410, 'User is not active');
      }
      if (/["\\]/u.test(scope)) {
        throw refused(400, 'Invalid scope');
      }
      const expiresInS = (body['expires_in'] ?? null) as number | null;
      const made = { kind: 'personal', userId: actor.id, scope, humanName } as const;
      const owned = { ...made, ...ownerFor(caller) };
      const { session, token } = addSession(state, owned, expiresInS);
      if (session.deviceId !== null) {
        await synapse.addDevice(actor.username, session.deviceId);
      }
      return one(personal, session, { status: 201, extra: { access_token: token } });
    },
    'POST /personal-sessions/{id}/regenerate': ({ id, body, caller }) => {
      const session = state.sessions.find((one) => one.kind === 'personal' && one.id === id);
      if (session === undefined) {
        throw refused(404, 'Session not found');
      }
      if (session.endedAt !== null) {
        throw refused(422, 'Session not valid');
      }
      const { ownerUserId, ownerClientId } = ownerFor(caller);
      if (session.ownerUserId !== ownerUserId || session.ownerClientId !== ownerClientId) {
        throw refused(403, 'Session does not belong to you');
      }
      for (const [text, token] of state.tokens) {
        if (token.session === session) {
          state.tokens.delete(text);
        }
      }
      const token = addToken(state, session, (body['expires_in'] ?? null) as number | null);
      return one(personal, session, { status: 201, extra: { access_token: token } });
    },
  };

  return {
    ...userRoutes,
    ...emailRoutes,
    ...sessionRoutes('compat'),
    ...sessionRoutes('oauth2'),
    ...sessionRoutes('user'),
    ...sessionRoutes('personal'),
    ...personalRoutes,
    ...tokenRoutes(state, find),
    ...otherRoutes({ state, serverName, find, listed }),
  };
}

/** Who owns the personal sessions that a caller makes. */
function ownerFor({ userId, clientId }: Session) {
  return { ownerUserId: userId, ownerClientId: userId === null ? clientId : null };
}

type Find = <Item extends { readonly id: string }>(
  all: readonly Item[],
  id: unknown,
  what: string,
) => Item;

type Listed = <Item extends { readonly id: string }>(
  resource: Resource<Item>,
  all: () => readonly Item[],
) => Handler;

function tokenRoutes(state: State, find: Find): Record<string, Handler> {
  type Token = State['registrationTokens'][number];
  const isValid = ({ revokedAt, usageLimit, expiresAt }: Token) =>
    revokedAt === null &&
    (usageLimit === null || usageLimit > 0) &&
    (expiresAt === null || Date.parse(expiresAt) > Date.now());
  const tokens: Resource<Token> = {
    path: '/user-registration-tokens',
    type: 'user-registration_token',
    attributes: (token) => ({
      token: token.token,
      valid: isValid(token),
      usage_limit: token.usageLimit,
      times_used: 0,
      created_at: token.createdAt,
      last_used_at: null,
      expires_at: token.expiresAt,
      revoked_at: token.revokedAt,
    }),
    filters: {
      valid: (token, value) => String(isValid(token)) === value,
      revoked: ({ revokedAt }, value) => String(revokedAt !== null) === value,
    },
  };
  const change =
    (revoke: boolean): Handler =>
    ({ id }) => {
      const token = find(state.registrationTokens, id, 'Registration token with ID');
      if ((token.revokedAt !== null) === revoke) {
        const why = revoke ? 'already revoked' : 'not revoked';
        throw refused(400, `Registration token with ID ${id} is ${why}`);
      }
      token.revokedAt = revoke ? now() : null;
      return one(tokens, token, { action: revoke ? 'revoke' : 'unrevoke' });
    };
  const { path } = tokens;
  return {
    [`GET ${path}`]: ({ query }) => list(tokens, state.registrationTokens, query),
    [`GET ${path}/{id}`]: ({ id }) =>
      one(tokens, find(state.registrationTokens, id, 'Registration token with ID')),
    [`POST ${path}`]: ({ body }) => {
      const text = (body['token'] ?? randomBytes(6).toString('hex')) as string;
      if (state.registrationTokens.some(({ token }) => token === text)) {
        throw refused(409, 'A registration token with the same token already exists');
      }
      const token: Token = {
        id: newId(),
        token: text,
        createdAt: now(),
        usageLimit: (body['usage_limit'] ?? null) as number | null,
        expiresAt: (body['expires_at'] ?? null) as string | null,
        revokedAt: null,
      };
      state.registrationTokens.push(token);
      return one(tokens, token, { status: 201 });
    },
    [`PUT ${path}/{id}`]: ({ id, body }) => {
      const token = find(state.registrationTokens, id, 'Registration token with ID');
      if ('usage_limit' in body) {
        token.usageLimit = body['usage_limit'] as number | null;
      }
      if ('expires_at' in body) {
        token.expiresAt = body['expires_at'] as string | null;
      }
      return one(tokens, token);
    },
    [`POST ${path}/{id}/revoke`]: change(true),
    [`POST ${path}/{id}/unrevoke`]: change(false),
  };
}

function otherRoutes({
  state,
  serverName,
  find,
  listed,
}: {
  readonly state: State;
  readonly serverName: string;
  readonly find: Find;
  readonly listed: Listed;
}): Record<string, Handler> {
  const providers: Resource<State['upstreamProviders'][number]> = {
    path: '/upstream-oauth-providers',
    type: 'upstream-oauth-provider',
    attributes: ({ createdAt }) => ({
      issuer: 'https://id.example.com/',
      human_name: 'Example',
      brand_name: null,
      created_at: createdAt,
      disabled_at: null,
      registration_token_required: false,
    }),
    filters: { enabled: (_, value) => value === 'true' },
  };
  const links: Resource<State['upstreamLinks'][number]> = {
    path: '/upstream-oauth-links',
    type: 'upstream-oauth-link',
    attributes: (link) => ({
      created_at: link.createdAt,
      provider_id: link.providerId,
      subject: link.subject,
      user_id: link.userId,
      human_account_name: link.accountName,
    }),
    filters: {
      user: ({ userId }, value) => userId === value,
      provider: ({ providerId }, value) => providerId === value,
      subject: ({ subject }, value) => subject === value,
    },
  };
  const clients: Resource<State['clients'][number]> = {
    path: '/oauth2-clients',
    type: 'oauth2-client',
    attributes: ({ id, name, isStatic, takesPeople }) => ({
      client_id: id,
      client_name: name,
      client_uri: isStatic ? null : 'https://client.example/',
      logo_uri: null,
      redirect_uris: takesPeople ? ['https://client.example/callback'] : [],
      grant_types: ['authorization_code', 'refresh_token'],
      is_static: isStatic,
    }),
    filters: { 'client-kind': ({ isStatic }, value) => isStatic === (value === 'static') },
  };
  const policies: Resource<State['policyData'][number]> = {
    path: '/policy-data',
    type: 'policy-data',
    attributes: ({ createdAt, data }) => ({ created_at: createdAt, data }),
    filters: {},
  };
  return {
    'GET /version': () => ({ status: 200, body: { version: 'v1.22.0' } }),
    'GET /site-config': () => ({
      status: 200,
      body: {
        server_name: serverName,
        password_login_enabled: true,
        password_registration_enabled: false,
        password_registration_email_required: true,
        password_registration_token_required: false,
        registration_token_required: false,
        email_change_allowed: true,
        displayname_change_allowed: true,
        password_change_allowed: true,
        account_recovery_allowed: false,
        account_deactivation_allowed: true,
        captcha_enabled: false,
        minimum_password_complexity: 3,
      },
    }),
    'GET /oauth2-clients': ({ query }) => list(clients, state.clients, query),
    'GET /upstream-oauth-providers': ({ query }) => list(providers, state.upstreamProviders, query),
    'GET /upstream-oauth-links': listed(links, () => state.upstreamLinks),
    'GET /upstream-oauth-links/{id}': ({ id }) =>
      one(links, find(state.upstreamLinks, id, 'Upstream OAuth 2.0 Link ID')),
    'POST /upstream-oauth-links': ({ body }) => {
      const user = find(state.users, need(body, 'user_id', 'string'), 'User ID');
      const provider = find(
        state.upstreamProviders,
        need(body, 'provider_id', 'string'),
        'Upstream OAuth 2.0 Provider ID',
      );
      const subject = need(body, 'subject', 'string');
      const known = state.upstreamLinks.find(
        (link) => link.providerId === provider.id && link.subject === subject,
      );
      if (known?.userId) {
        const what = `Upstream Oauth 2.0 Provider ID ${provider.id} with subject ${subject}`;
        throw refused(409, `${what} is already linked to a user`);
      }
      if (known !== undefined) {
        known.userId = user.id;
        return one(links, known);
      }
      const added = {
        id: newId(),
        createdAt: now(),
        providerId: provider.id,
        subject,
        userId: user.id,
        accountName: (body['human_account_name'] ?? null) as string | null,
      };
      state.upstreamLinks.push(added);
      return one(links, added, { status: 201 });
    },
    'DELETE /upstream-oauth-links/{id}': ({ id }) => {
      const link = find(state.upstreamLinks, id, 'Upstream OAuth 2.0 Link ID');
      state.upstreamLinks.splice(state.upstreamLinks.indexOf(link), 1);
      return { status: 204 };
    },
    'GET /policy-data/latest': () => {
      const latest = state.policyData.at(-1);
      if (latest === undefined) {
        throw refused(404, 'No policy data found');
      }
      return one(policies, latest);
    },
    // As in MAS 1.22: it answers with the latest, whatever the ID.
    'GET /policy-data/{id}': ({ id }) => {
      const latest = state.policyData.at(-1);
      if (latest === undefined) {
        throw refused(404, `Policy data with ID ${id} not found`);
      }
      return one(policies, latest);
    },
    'POST /policy-data': ({ body }) => {
      if (!('data' in body)) {
        throw plain(
          422,
          'Failed to deserialize the JSON body into the target type: missing field `data`',
        );
      }
      const added = { id: newId(), createdAt: now(), data: body['data'] };
      state.policyData.push(added);
      return one(policies, added, { status: 201 });
    },
  };
}
