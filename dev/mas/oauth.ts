import { bearer } from './answers.ts';
import type { Answer, Call } from './answers.ts';
import { addSession, newId } from './state.ts';
import type { State, Token } from './state.ts';
import type { SynapseLink } from './synapse-link.ts';

export interface Client {
  readonly clientId: string;
  readonly clientSecret: string;
}

const tokenLifetimeS = 300;

/** What clients and homeservers ask MAS: metadata, tokens, introspection, the Matrix login of old. */
export async function answerOAuth(
  call: Call,
  context: {
    readonly url: string;
    readonly secret: string;
    readonly serverName: string;
    readonly client: Client;
    readonly state: State;
    readonly synapse: SynapseLink;
  },
): Promise<Answer | undefined> {
  const { url, secret, client, state } = context;
  switch (`${call.method} ${call.path}`) {
    case 'GET /.well-known/openid-configuration':
      return {
        status: 200,
        body: {
          issuer: `${url}/`,
          account_management_uri: `${url}/account/`,
          token_endpoint: `${url}/oauth2/token`,
          introspection_endpoint: `${url}/oauth2/introspect`,
        },
      };
    case 'POST /oauth2/introspect':
      return bearer(call) === secret
        ? { status: 200, body: introspection(state, new URLSearchParams(call.text).get('token')) }
        : oauthError(401, 'invalid_client');
    case 'POST /oauth2/token':
      return grant(call, client, state);
    case 'POST /_matrix/client/v3/login':
      return logIn(call, context);
    default:
      return undefined;
  }
}

function oauthError(status: number, error: string): Answer {
  return { status, body: { error, error_description: `${error}.` } };
}

/** Why a token is not valid any more, in MAS's words. */
export function whyInvalid(state: State, token: Token): string | undefined {
  const user = state.users.find(({ id }) => id === token.session.userId);
  if (token.session.endedAt !== null) {
    return 'Access token revoked';
  }
  if (token.expiresAtMs !== null && token.expiresAtMs <= Date.now()) {
    return 'Access token expired';
  }
  return user?.lockedAt || user?.deactivatedAt ? 'User locked' : undefined;
}

function introspection(state: State, text: string | null): object {
  const token = state.tokens.get(text ?? '');
  if (token === undefined || whyInvalid(state, token) !== undefined) {
    return { active: false };
  }
  const { session, expiresAtMs } = token;
  const user = state.users.find(({ id }) => id === session.userId);
  return {
    active: true,
    scope: session.scope,
    token_type: 'access_token',
    ...(user === undefined ? {} : { username: user.username, sub: user.id }),
    ...(session.kind === 'compat' && session.deviceId ? { device_id: session.deviceId } : {}),
    ...(expiresAtMs === null
      ? {}
      : { expires_in: Math.max(0, Math.floor((expiresAtMs - Date.now()) / 1000)) }),
  };
}

function grant({ headers, text }: Call, client: Client, state: State): Answer {
  const basic = Buffer.from(`${client.clientId}:${client.clientSecret}`).toString('base64');
  if (headers['authorization'] !== `Basic ${basic}`) {
    return oauthError(401, 'invalid_client');
  }
  const form = new URLSearchParams(text);
  if (form.get('grant_type') !== 'client_credentials') {
    return oauthError(400, 'unsupported_grant_type');
  }
  const scope = form.get('scope') ?? '';
  if (scope !== '' && scope !== 'urn:mas:admin') {
    return oauthError(403, 'invalid_scope');
  }
  const { token } = addSession(
    state,
    { kind: 'oauth2', userId: null, clientId: client.clientId, scope },
    tokenLifetimeS,
  );
  const granted = scope === '' ? {} : { scope };
  return {
    status: 200,
    body: { access_token: token, token_type: 'Bearer', expires_in: tokenLifetimeS, ...granted },
  };
}

async function logIn(
  { text }: Call,
  {
    state,
    synapse,
    serverName,
  }: { readonly state: State; readonly synapse: SynapseLink; readonly serverName: string },
): Promise<Answer> {
  const { identifier, password } = JSON.parse(text) as {
    identifier?: { user?: string };
    password?: string;
  };
  const localpart = identifier?.user?.replace(/^@|:.*$/gu, '');
  const user = state.users.find(({ username }) => username === localpart);
  if (user?.password === undefined || user.password !== password || user.deactivatedAt) {
    const body = { errcode: 'M_FORBIDDEN', error: 'Invalid username/password' };
    return { status: 403, body };
  }
  if (user.lockedAt) {
    return { status: 401, body: { errcode: 'M_USER_LOCKED', error: 'User account is locked' } };
  }
  const { deviceId, token } = await addCompatSession(state, synapse, user.username);
  const userId = `@${user.username}:${serverName}`;
  return { status: 200, body: { user_id: userId, device_id: deviceId, access_token: token } };
}

/** A session of the Matrix login of old, with a device in Synapse. */
export async function addCompatSession(
  state: State,
  synapse: SynapseLink,
  username: string,
  options: { readonly deviceId?: string; readonly isSynapseAdmin?: boolean } = {},
): Promise<{ readonly deviceId: string; readonly token: string }> {
  const user = state.users.find((one) => one.username === username);
  if (user === undefined) {
    throw new Error(`MAS has no user ${username}`);
  }
  const { deviceId = `DEVICE${newId().slice(0, 20)}` } = options;
  await synapse.addDevice(username, deviceId);
  const scope = `urn:matrix:client:api:*${options.isSynapseAdmin ? ' urn:synapse:admin:*' : ''}`;
  const { token } = addSession(state, { kind: 'compat', userId: user.id, scope, deviceId });
  return { deviceId, token };
}
