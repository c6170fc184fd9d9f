import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIP } from 'node:net';

import { SetupError } from '../core/errors.ts';
import { isLoopback } from '../core/ip.ts';
import { systemCodeOf } from '../core/system-error.ts';
import { keepConnectionsFew } from './connections.ts';

/** Other pages on the same address. */
export interface Pages {
  /**
   * Whether a request is for them.
   *
   * @param host what the request says
   * @param isProbe whether the path is that of a probe or of the metrics
   */
  claims(host: string | undefined, isProbe: boolean): boolean;
  /** Never rejects. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Where the answers come from. Each is asked when there is a request. */
export interface ProbeSources {
  /** Why the bot is not alive. */
  deathCause(): string | undefined;
  /** Why the bot is not ready, one line for each reason. */
  faults(): Promise<string[]>;
  readonly metrics: {
    readonly contentType: string;
    text(): Promise<string>;
  };
  /** Undefined if there are none. */
  pages?(): Pages | undefined;
  /** A request could not be answered. */
  onError(error: unknown): void;
}

export interface HttpServer {
  stop(): Promise<void>;
}

/** What proxies add. */
const forwardingHeaders = ['forwarded', 'via', 'x-forwarded-for'] as const;

const requestTimeoutMs = 10_000;
/** Requests that are too slow are looked for this often: Node's 30 s would let them take several times as long. */
const checkEveryMs = 2000;
const silenceTimeoutMs = 30_000;

/**
 * Serves `/health/live`, `/health/ready` and `/metrics`, without authentication, and other pages.
 *
 * @param written the address as it is in the configuration, for error messages
 * @throws SetupError it can't listen there
 */
export async function startHttp(
  address: { readonly host: string; readonly port: number },
  written: string,
  sources: ProbeSources,
): Promise<HttpServer> {
  const server = createServer(
    {
      requestTimeout: requestTimeoutMs,
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: checkEveryMs,
    },
    (request, response) => {
      answer(sources, address.host, request, response).catch((error: unknown) => {
        sources.onError(error);
        send(response, 500, 'internal error: see the log');
      });
    },
  );
  keepConnectionsFew(server);
  // Whoever reads no answer keeps no connection either: the probes must get one.
  server.setTimeout(silenceTimeoutMs);
  await listen(server, address, written);
  // Later errors, such as a lack of file handles, must not end the bot.
  server.on('error', sources.onError);
  return {
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(
  server: Server,
  address: { readonly host: string; readonly port: number },
  written: string,
): Promise<void> {
  server.listen(address);
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = systemCodeOf(error);
    const advice = adviceFor(code, address.port, written);
    throw new SetupError(
      `http.listen: ${advice?.reason ?? `can’t listen on ${written} (${code})`}.`,
      advice?.todo ?? 'Set http.listen to another address, or to off.',
    );
  }
}

function adviceFor(
  code: string,
  port: number,
  written: string,
): { reason: string; todo: string } | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return {
        reason: `port ${port} is already in use`,
        todo: 'Stop the program that uses it (another Lawspeaker?), or set http.listen to another port.',
      };
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        reason: `this machine doesn’t have the address ${written}`,
        todo: 'Set http.listen to an address of this machine, such as 127.0.0.1:9090.',
      };
    case 'EACCES':
      return {
        reason: `not allowed to listen on ${written}`,
        todo: 'Ports below 1024 often need root: set http.listen to a higher port.',
      };
  }
  return undefined;
}

async function answer(
  sources: ProbeSources,
  ownHost: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = request;
  const [path = ''] = url.split('?', 1);
  const serve = probes[path];
  const pages = sources.pages?.();
  if (pages?.claims(request.headers.host, serve !== undefined) === true) {
    await pages.answer(request, response);
    return;
  }
  if (serve === undefined || (pages !== undefined && !mayReadProbes(request, ownHost))) {
    send(response, 404, 'not found: try /health/live, /health/ready or /metrics');
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, 405, 'use GET');
    return;
  }
  await serve(sources, response);
}

/**
 * Whether a request comes from whom probes are for. Where there are pages, a proxy can lead here from the open
 * internet, and a browser through a tunnel. What a proxy forwards, under whatever name, is for the pages. And on
 * this machine, no name of somebody else's may lead to the probes (DNS rebinding): an address can't be rebound.
 */
function mayReadProbes({ headers, socket }: IncomingMessage, ownHost: string): boolean {
  if (forwardingHeaders.some((name) => headers[name] !== undefined)) {
    return false;
  }
  const peer = (socket.remoteAddress ?? '').replace(/^::ffff:/iu, '');
  // Browsers always name a host.
  if (!isLoopback(peer) || headers.host === undefined) {
    return true;
  }
  const [, address, word = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/u.exec(headers.host) ?? [];
  const host = (address ?? word).toLowerCase();
  return host === 'localhost' || host === ownHost.toLowerCase() || isIP(host) !== 0;
}

type Probe = (sources: ProbeSources, response: ServerResponse) => Promise<void>;

const probes: Readonly<Record<string, Probe>> = Object.assign(Object.create(null), {
  '/health/live': async ({ deathCause }, response) => {
    const cause = deathCause();
    send(response, cause === undefined ? 200 : 503, cause ?? 'alive');
  },
  '/health/ready': async ({ faults }, response) => {
    const found = await faults();
    send(response, found.length === 0 ? 200 : 503, found.length === 0 ? 'ready' : found.join('\n'));
  },
  '/metrics': async ({ metrics }, response) => {
    send(response, 200, await metrics.text(), metrics.contentType);
  },
} satisfies Record<string, Probe>);

function send(
  response: ServerResponse,
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  if (response.headersSent || response.destroyed) {
    return;
  }
  response.writeHead(status, {
    'content-type': contentType,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text.endsWith('\n') ? text : `${text}\n`);
}
