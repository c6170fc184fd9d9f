import type { Got } from 'got';

/** An HTTP client that gives what `respond` makes, without any network, for `createSendRequest`. */
export function fakeHttp(
  respond: (url: string, method: string) => Promise<{ statusCode: number; body: string }>,
): Got {
  // What got returns also tells of its progress.
  const http = (url: string, { method }: { method: string }) =>
    Object.assign(respond(url, method), { on: () => undefined });
  return http as unknown as Got;
}
