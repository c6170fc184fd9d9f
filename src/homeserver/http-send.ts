import { request as requestByHttp } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { request as requestByHttps } from 'node:https';

import { SendError } from './http-errors.ts';

const connectTimeoutMs = 5_000;

interface Sending {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: string | Buffer | undefined;
  readonly signal: AbortSignal;
  /** Called before the first byte leaves. */
  onConnected(): void;
}

/** Resolves when the header of the answer is there. Node keeps the connection for the next request. */
export async function send(
  url: URL,
  { method, headers, bytes, signal, onConnected }: Sending,
): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:';
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = (isSecure ? requestByHttps : requestByHttp)(url, { method, headers, signal });
  // When the server changes the protocol, nothing else comes.
  const hungUp = () => reject(new SendError('ECONNRESET'));
  request.on('error', reject).once('close', hungUp);
  request.once('response', (received) => {
    request.off('close', hungUp);
    resolve(received);
    request.once('error', (error) => {
      // Node takes a reset for the end of an answer without a length.
      if (!received.complete) {
        received.destroy(error);
      }
    });
    received.once('end', () => {
      // The server may never read the rest of the request.
      if (!request.writableFinished) {
        request.destroy();
      }
    });
  });
  request.once('socket', (socket) => {
    // A connection through a proxy is made before, and one that was kept is there.
    if (!socket.connecting) {
      onConnected();
      return;
    }
    // A server that speaks plain HTTP, such as Synapse, doesn't answer a TLS handshake, but waits for more.
    const timer = setTimeout(() => {
      request.destroy(new SendError('ETIMEDOUT', { neverLeft: true }));
    }, connectTimeoutMs);
    const stopTimer = () => clearTimeout(timer);
    socket.once('close', stopTimer);
    socket.once(isSecure ? 'secureConnect' : 'connect', () => {
      stopTimer();
      onConnected();
    });
  });
  request.end(bytes);
  return promise;
}

/** @throws SendError the answer breaks off, or there are more than `maxBytes`. Its connection is closed */
export async function readAll(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      size += piece.length;
      if (size > maxBytes) {
        throw new SendError('ERR_TOO_LARGE');
      }
      pieces.push(piece);
    }
  } catch (error) {
    // Node has several errors for it.
    throw error instanceof SendError ? error : new SendError('ECONNRESET');
  }
  return Buffer.concat(pieces);
}
