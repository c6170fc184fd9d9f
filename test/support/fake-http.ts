import type { Got } from 'got';

/** An HTTP client that gives what `respond` makes, without any network, for `createSendRequest`. */
export function fakeHttp(
  respond: (url: string, method: string) => Promise<{ statusCode: number; body: string }>,
): Got {
  const http = (url: string, { method }: { method: string }) =>
    Object.assign(
      respond(url, method).then((response) => ({ headers: {}, ...response })),
      // What got returns also tells of its progress.
      { on: () => undefined },
    );
  return http as unknown as Got;
}
