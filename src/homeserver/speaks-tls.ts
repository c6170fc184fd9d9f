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
