import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { networkOf } from '../core/ip.ts';

/** Connections at the same time, from everywhere. */
const maxConnections = 100;

/**
 * Keeps the connections of a server few. A new one is never refused: it may be that of a probe. Instead, the network
 * with the most connections loses its oldest, if it can one that waits for no answer. So whoever opens very many
 * takes them from themselves. A limit for each network would break proxies: many people share the address of one. A
 * proxy that loses a connection opens another when it needs it.
 */
export function keepConnectionsFew(server: Server): void {
  /** By network, the oldest first. */
  const open = new Map<string, Set<Socket>>();
  const awaiting = new WeakSet<Socket>();
  let total = 0;

  function forget(network: string, socket: Socket): void {
    const own = open.get(network);
    if (own?.delete(socket) === true) {
      total -= 1;
      if (own.size === 0) {
        open.delete(network);
      }
    }
  }

  function closeOldest(newest: Socket): void {
    const [[network, sockets] = ['', []]] = [...open].toSorted(
      ([, one], [, other]) => other.size - one.size,
    );
    const older = [...sockets].filter((socket) => socket !== newest);
    const oldest = older.find((socket) => !awaiting.has(socket)) ?? older[0];
    if (oldest !== undefined) {
      // It closes a little later, and must not count until then.
      forget(network, oldest);
      oldest.destroy();
    }
  }

  server.on('connection', (socket: Socket) => {
    const network = networkOf(socket.remoteAddress ?? '') ?? 'unknown';
    open.set(network, (open.get(network) ?? new Set()).add(socket));
    total += 1;
    socket.once('close', () => forget(network, socket));
    if (total > maxConnections) {
      closeOldest(socket);
    }
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    awaiting.add(socket);
    response.once('close', () => awaiting.delete(socket));
  });
}
