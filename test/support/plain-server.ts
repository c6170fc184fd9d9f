import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A server that is not HTTP, or hardly. */
export async function startPlainServer(onConnection: (socket: Socket, stop: () => void) => void) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    onConnection(socket, () => server.close());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => server.close(),
  };
}
