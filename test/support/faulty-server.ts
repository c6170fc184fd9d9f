import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener } from 'node:http';

/** A request as the server saw it. */
interface SeenRequest {
  readonly method: string;
  /** Path and query, as they came over the wire. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface FaultyServer extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly SeenRequest[];
}

/**
 * A local HTTP server for what a homeserver can't be made to do.
 *
 * @param answers one for each request, the last for all further ones
 */
export async function startFaultyServer(...answers: RequestListener[]): Promise<FaultyServer> {
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      answers[Math.min(requests.length, answers.length) - 1]?.(request, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Answers with this status and body; objects are sent as JSON. */
export function answer(
  status: number,
  body: object | string = {},
  headers: Readonly<Record<string, string>> = {},
): RequestListener {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return (_, response) => {
    response.writeHead(status, headers).end(text);
  };
}

/** Closes the connection without a word. */
export const hangUp: RequestListener = (request) => {
  request.socket.destroy();
};

/** Promises more than it sends, then closes the connection. */
export const hangUpHalfWay: RequestListener = (request, response) => {
  response.writeHead(200, { 'content-length': '1000' }).write('{"users":[', () => {
    request.socket.destroy();
  });
};

/** Sends a part without saying how much there is, then closes the connection. */
export const hangUpBetweenChunks: RequestListener = (request, response) => {
  response.writeHead(200).write('{"users":[', () => {
    request.socket.destroy();
  });
};

/** Takes the request and never answers. */
export const keepSilent: RequestListener = () => undefined;
