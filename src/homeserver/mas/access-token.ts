import { z } from 'zod';

import { apiObject, maybe } from '../decode.ts';
import { createHttp, createSendRequest } from '../http.ts';
import { aboutMas, masAnsweredError } from './mas-errors.ts';

/** How to get a token for MAS's admin API: as a client of MAS, or with one personal access token. */
export type MasCredentials =
  | { readonly clientId: string; readonly clientSecret: string }
  | { readonly accessToken: string };

/** Where requests get their token from. */
export interface TokenSource {
  /** A token that is valid, as far as is known. */
  token(): Promise<string>;
  /** Another token instead of one that MAS refused; undefined if there is no other. */
  replacement(refused: string): Promise<string | undefined>;
}

/** A token is renewed this long before it expires: longer than a request waits for its turn. */
const renewalMarginMs = 30_000;

const grant = apiObject({
  access_token: z.string(),
  /** Seconds. */
  expires_in: maybe(z.number()),
});

interface ClientCredentials {
  /** Full URL. */
  readonly tokenEndpoint: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly requestTimeoutMs?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * Tokens by client credentials, with the scope `urn:mas:admin`. They last for 5 minutes by default and
 * can't be refreshed, so a new one is requested before the old one expires. Concurrent callers share it.
 *
 * POST /oauth2/token
 *
 * @throws MasError 401 `MAS_INVALID_CLIENT` unknown client or wrong secret, 403 `MAS_INVALID_SCOPE` not
 * an admin client
 * @throws UnreachableError no answer
 */
export function clientCredentialsTokens(options: ClientCredentials): TokenSource {
  const { clientId, clientSecret, requestTimeoutMs, now = Date.now } = options;
  const { origin, pathname } = new URL(options.tokenEndpoint);
  const http = createHttp({ client: { id: clientId, secret: clientSecret }, requestTimeoutMs });
  const send = createSendRequest(http, origin, { answered: masAnsweredError });
  const form = Buffer.from(
    new URLSearchParams({ grant_type: 'client_credentials', scope: 'urn:mas:admin' }).toString(),
  );

  let current: { readonly token: string; readonly renewAtMs: number } | undefined;
  let asked: Promise<string> | undefined;

  async function ask(): Promise<string> {
    const askedAtMs = now();
    try {
      const { accessToken, expiresIn } = await send('POST', pathname, {
        file: { bytes: form, contentType: 'application/x-www-form-urlencoded' },
        // A token that is not used does no harm.
        retry: 'idempotent',
        answer: grant,
      });
      const lifetimeMs = expiresIn === null ? Number.POSITIVE_INFINITY : expiresIn * 1000;
      const marginMs = Math.min(renewalMarginMs, lifetimeMs / 2);
      current = { token: accessToken, renewAtMs: askedAtMs + lifetimeMs - marginMs };
      return accessToken;
    } catch (error) {
      throw aboutMas(error);
    }
  }

  async function token(): Promise<string> {
    if (current !== undefined && now() < current.renewAtMs) {
      return current.token;
    }
    asked ??= ask().finally(() => {
      asked = undefined;
    });
    return asked;
  }

  return {
    token,
    async replacement(refused) {
      if (current?.token === refused) {
        current = undefined;
      }
      return token();
    },
  };
}

/** One token, for as long as MAS accepts it. */
export function fixedToken(accessToken: string): TokenSource {
  return {
    token: async () => accessToken,
    replacement: async () => undefined,
  };
}
