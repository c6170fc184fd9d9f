import { get } from 'node:http';
import { connect } from 'node:tls';

/** In all: a server that sends a byte now and then does not get longer. */
const patienceMs = 3000;

/** Whether a server speaks TLS, whatever its certificate. Sends nothing but the handshake. */
export async function speaksTls(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect({
    host: hostname.replaceAll(/^\[|\]$/gu, ''),
    port: Number(port === '' ? 80 : port),
    rejectUnauthorized: false,
  });
  const timer = setTimeout(() => socket.destroy(), patienceMs);
  try {
    return await new Promise((resolve) => {
      socket.once('secureConnect', () => resolve(true));
      for (const event of ['error', 'close']) {
        socket.on(event, () => resolve(false));
      }
    });
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Whether a server answers plain HTTP, at a URL that begins with `https:`. */
export async function speaksHttp(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const request = get({
      host: hostname.replaceAll(/^\[|\]$/gu, ''),
      port: Number(port === '' ? 443 : port),
      path: '/_matrix/client/versions',
      agent: false,
      signal: AbortSignal.timeout(patienceMs),
    });
    request.once('response', () => {
      resolve(true);
      request.destroy();
    });
    request.on('error', () => resolve(false));
    request.once('close', () => resolve(false));
  });
}
