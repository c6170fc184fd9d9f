import { once } from 'node:events';
import { createServer, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that has passed through the proxy. */
export interface PassedRequest {
  /** By `performance.now()`. */
  readonly atMs: number;
  /** Such as `GET /_synapse/admin/v1/event_reports`: without the query, and with `*` for IDs. */
  readonly what: string;
}

/** Stands between a bot and its homeserver, and records every request. */
export interface CountingProxy extends AsyncDisposable {
  readonly url: string;
  /** Oldest first. */
  readonly requests: readonly PassedRequest[];
}

/** Starts a proxy on a free loopback port. @param target the homeserver's base URL */
export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const requests: PassedRequest[] = [];
  const { hostname, port } = new URL(target);
  const server = createServer((incoming, answer) => {
    const { method = '', url = '', headers } = incoming;
    requests.push({ atMs: performance.now(), what: `${method} ${nameOf(url)}` });
    const outgoing = send({ hostname, port, method, path: url, headers }, (answered) => {
      answer.writeHead(answered.statusCode ?? 502, answered.headers);
      answered.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  });
  // The bot keeps idle connections open.
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The path with `*` for what differs between requests of the same kind. */
function nameOf(url: string): string {
  const [path = ''] = url.split('?');
  return path
    .split('/')
    .map((part) => (/^(?:%40|%21|%24|[@!$]|\d+$|lawspeaker-)/u.test(part) ? '*' : part))
    .join('/');
}
