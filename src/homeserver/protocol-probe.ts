import { get } from 'node:http';
import { connect } from 'node:tls';

const patienceMs = 3000;

/** Whether a server speaks TLS, whatever its certificate. Sends nothing but the handshake. */
export async function speaksTls(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect({
    host: hostname.replaceAll(/^\[|\]$/gu, ''),
    port: Number(port === '' ? 80 : port),
    rejectUnauthorized: false,
    timeout: patienceMs,
  });
  try {
    return await new Promise((resolve) => {
      socket.once('secureConnect', () => resolve(true));
      for (const event of ['error', 'timeout', 'close']) {
        socket.once(event, () => resolve(false));
      }
    });
  } finally {
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
      timeout: patienceMs,
    });
    request.once('response', () => {
      resolve(true);
      request.destroy();
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
    request.once('close', () => resolve(false));
  });
}
