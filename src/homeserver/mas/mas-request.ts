import { createHttp, createSendRequest } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { namedServer } from '../named-server.ts';
import { clientCredentialsTokens, fixedToken } from './access-token.ts';
import type { MasCredentials, TokenSource } from './access-token.ts';
import { aboutMas, MasError, masAnsweredError } from './mas-errors.ts';

export interface MasRequestOptions {
  /** Base URL of the listener with MAS's admin API. */
  readonly url: string;
  readonly credentials: MasCredentials;
  /**
   * Full URL of the token endpoint, if the admin API has a listener of its own; the homeserver's metadata
   * names it. By default `/oauth2/token` at `url`.
   */
  readonly tokenEndpoint?: string | undefined;
  /** How long one request may take in all; see `createHttp`. */
  readonly requestTimeoutMs?: number | undefined;
  /** Called before each request that changes something. Throws if this process may change nothing. */
  readonly assertMayChange?: (() => void) | undefined;
  /** Which of several homeservers it is the service of, for errors. */
  readonly serverName?: string | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * Requests to MAS's admin API with a valid token. A request whose token MAS refuses is sent once more with
 * a new token, if there is one: MAS checks the token first, so nothing has happened.
 */
export function createMasRequest(options: MasRequestOptions): SendRequest {
  const tokens = tokenSource(options);
  const { url, requestTimeoutMs, assertMayChange, serverName } = options;
  let latest: { readonly token: string; readonly send: SendRequest } | undefined;

  function sendWith(token: string): SendRequest {
    if (latest?.token !== token) {
      const http = createHttp({ accessToken: token, requestTimeoutMs, assertMayChange });
      const send = createSendRequest(http, url, { answered: masAnsweredError, assertMayChange });
      latest = { token, send };
    }
    return latest.send;
  }

  const sendToMas: SendRequest = async (method, template, request) => {
    const token = await tokens.token();
    try {
      return await sendWith(token)(method, template, request);
    } catch (error) {
      const other =
        error instanceof MasError && error.status === 401
          ? await tokens.replacement(token)
          : undefined;
      if (other === undefined) {
        throw aboutMas(error);
      }
      try {
        return await sendWith(other)(method, template, request);
      } catch (secondError) {
        throw aboutMas(secondError);
      }
    }
  };
  if (serverName === undefined) {
    return sendToMas;
  }
  const around = namedServer(serverName);
  return async (method, template, request) =>
    around(`${method} ${template}`, async () => sendToMas(method, template, request));
}

function tokenSource(options: MasRequestOptions): TokenSource {
  const { credentials, requestTimeoutMs, now } = options;
  if ('accessToken' in credentials) {
    return fixedToken(credentials.accessToken);
  }
  const tokenEndpoint = options.tokenEndpoint ?? `${options.url.replace(/\/+$/u, '')}/oauth2/token`;
  return clientCredentialsTokens({
    ...credentials,
    tokenEndpoint,
    requestTimeoutMs,
    ...(now === undefined ? {} : { now }),
  });
}
