import { createHash, randomBytes } from 'node:crypto';

import { request } from '../synapse/http.ts';

/** A client of MAS that people log in with. One that has registered itself has no secret. */
export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly redirectUri: string;
}

/** Registers a client, as Matrix clients do. */
export async function registerClient(
  masUrl: string,
  redirectUri: string,
): Promise<{ readonly clientId: string }> {
  const answer = await request<{ client_id: string }>(masUrl, 'POST', '/oauth2/registration', {
    json: {
      client_name: 'Element',
      client_uri: new URL('/', redirectUri).href,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
  });
  return { clientId: answer.client_id };
}

/** A browser with cookies of its own, and a person who fills in the forms of MAS. */
export function openBrowser(masUrl: string) {
  const cookies = new Map<string, string>();

  async function go(path: string, form?: Readonly<Record<string, string>>): Promise<Response> {
    const response = await fetch(new URL(path, masUrl), {
      method: form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { cookie: [...cookies].map((cookie) => cookie.join('=')).join('; ') },
      body: form === undefined ? null : new URLSearchParams(form),
    });
    for (const line of response.headers.getSetCookie()) {
      const { name = '', value = '' } = /^(?<name>[^=]+)=(?<value>[^;]*)/u.exec(line)?.groups ?? {};
      cookies.set(name, value);
    }
    return response;
  }

  /** Where an answer sends the browser. */
  async function onward(response: Response): Promise<string> {
    const to = response.headers.get('location');
    if (to === null) {
      const heading = /<h1[^>]*>[^]*?<\/h1>[^]{0,500}/u.exec(await response.text())?.[0] ?? '';
      throw new Error(`MAS does not go on from ${response.url}: ${response.status} ${heading}`);
    }
    return to;
  }

  /** Fills in the form of a page. */
  async function submit(path: string, fields: Readonly<Record<string, string>>): Promise<string> {
    const page = await (await go(path)).text();
    const csrf = /name="csrf" value="(?<token>[^"]+)"/u.exec(page)?.groups?.['token'] ?? '';
    return onward(await go(path, { ...fields, csrf }));
  }

  return {
    async logIn(username: string, password: string): Promise<void> {
      await submit('/login', { username, password });
    },

    /** Lets a client act for the person who has logged in. Returns the client's access token. */
    async authorize(client: OAuthClient, scope: string): Promise<string> {
      const verifier = randomBytes(32).toString('base64url');
      const query = new URLSearchParams({
        response_type: 'code',
        response_mode: 'query',
        client_id: client.clientId,
        redirect_uri: client.redirectUri,
        scope,
        state: 'state',
        code_challenge_method: 'S256',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      });
      const consent = await onward(await go(`/authorize?${query.toString()}`));
      const callback = new URL(await submit(consent, {}));
      const { clientId, clientSecret } = client;
      const basic = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
      const response = await fetch(new URL('/oauth2/token', masUrl), {
        method: 'POST',
        headers: clientSecret === undefined ? {} : { authorization: `Basic ${basic}` },
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: callback.searchParams.get('code') ?? '',
          redirect_uri: client.redirectUri,
          code_verifier: verifier,
          ...(clientSecret === undefined ? { client_id: clientId } : {}),
        }),
      });
      const { access_token: token } = (await response.json()) as { access_token?: string };
      if (token === undefined) {
        throw new Error(`MAS gives no token: ${response.status}, ${callback.href}`);
      }
      return token;
    },
  };
}
