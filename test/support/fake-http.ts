import type { Http } from '../../src/homeserver/http.ts';

/** An HTTP client that gives what `respond` makes, without any network, for `createSendRequest`. */
export function fakeHttp(
  respond: (url: string, method: string) => Promise<{ status: number; body: string }>,
): Http {
  return async (url, { method }) => {
    const { status, body } = await respond(url, method);
    return { status, body: Buffer.from(body) };
  };
}
