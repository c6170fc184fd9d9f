import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

import { SetupError } from '../core/errors.ts';

/** What is answered; each is asked when somebody looks. */
export interface ProbeSources {
  /** What stands against being alive. */
  deathCause(): string | undefined;
  /** What stands against being ready, a line each. */
  faults(): Promise<string[]>;
  readonly metrics: {
    readonly contentType: string;
    text(): Promise<string>;
  };
  /** An answer could not be made. */
  onError(error: unknown): void;
}

export interface HttpServer {
  stop(): Promise<void>;
}

/** Nobody sends or waits longer; nobody needs more connections. */
const requestTimeoutMs = 10_000;
const maxConnections = 100;

/**
 * Serves `/health/live`, `/health/ready` and `/metrics`, to whoever can reach the address.
 *
 * @param written the address as the configuration has it, for faults
 * @throws SetupError it can't be listened on
 */
export async function startHttp(
  address: { readonly host: string; readonly port: number },
  written: string,
  sources: ProbeSources,
): Promise<HttpServer> {
  const server = createServer(
    { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs },
    (request, response) => {
      answer(sources, request, response).catch((error: unknown) => {
        sources.onError(error);
        send(response, 500, 'this can’t be told now; the log says why');
      });
    },
  );
  server.maxConnections = maxConnections;
  await listen(server, address, written);
  // Nothing that befalls it later (no file handles, say) may end the bot.
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
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    const advice = adviceFor(code);
    throw new SetupError(
      `http.listen: ${written} can’t be listened on${advice === undefined ? ` (${code})` : `: ${advice.reason}`}.`,
      advice?.todo ?? 'Set http.listen to another address, or to off.',
    );
  }
}

function adviceFor(code: string): { reason: string; todo: string } | undefined {
  switch (code) {
    case 'EADDRINUSE':
      return {
        reason: 'the port is in use',
        todo: 'Stop what uses it (another Lawspeaker, perhaps), or set http.listen to another port.',
      };
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        reason: 'this machine has no such address',
        todo: 'Set http.listen to an address of this machine, such as 127.0.0.1:9090.',
      };
    case 'EACCES':
      return {
        reason: 'that is not allowed',
        todo: 'Ports below 1024 are often for root alone: set http.listen to a higher one.',
      };
  }
  return undefined;
}

async function answer(
  sources: ProbeSources,
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path = ''] = url.split('?', 1);
  const serve = pages[path];
  if (serve === undefined) {
    send(response, 404, 'there is /health/live, /health/ready and /metrics');
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    send(response, 405, 'GET it');
    return;
  }
  await serve(sources, response);
}

type Page = (sources: ProbeSources, response: ServerResponse) => Promise<void>;

const pages: Readonly<Record<string, Page>> = Object.assign(Object.create(null), {
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
} satisfies Record<string, Page>);

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
