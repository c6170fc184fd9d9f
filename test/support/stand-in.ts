import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { homeserver } from './homeserver.ts';

/** Answers a request as JSON with status 200, or leaves it to the homeserver. */
export type StandInAnswer = (request: {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}) => object | { readonly status: number; readonly body: object } | undefined;

export interface StandIn extends AsyncDisposable {
  /** For `homeserver.adminUrl`. */
  readonly url: string;
}

/**
 * Stands before the run's homeserver and answers in its place what it can't: about servers that it
 * does not federate with, and about settings that all tests share.
 */
export async function startStandIn(answer: StandInAnswer): Promise<StandIn> {
  const server = createServer((incoming, outgoing) => {
    handle(answer, incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function handle(
  answer: StandInAnswer,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = incoming;
  const body = Buffer.concat(await incoming.toArray()).toString();
  const { pathname, searchParams } = new URL(url, homeserver().url);
  const own = answer({
    method,
    path: decodeURIComponent(pathname),
    query: searchParams,
    body: body === '' ? undefined : (JSON.parse(body) as unknown),
  });
  if (own !== undefined) {
    const { status, body: content } =
      'status' in own && 'body' in own ? own : { status: 200, body: own };
    outgoing.writeHead(status, { 'content-type': 'application/json' });
    outgoing.end(JSON.stringify(content));
    return;
  }
  const { authorization } = incoming.headers;
  const response = await fetch(`${homeserver().url}${url}`, {
    method,
    ...(authorization === undefined ? {} : { headers: { authorization } }),
    ...(body === '' ? {} : { body }),
  });
  outgoing.writeHead(response.status, { 'content-type': 'application/json' });
  outgoing.end(await response.text());
}
