import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** The network between one process and PostgreSQL. */
export interface Line extends AsyncDisposable {
  /** The URL of a database at the other end. */
  url(database: string): string;
  /** From now on, nothing passes, and nobody is told, as behind a firewall that has forgotten its connections. */
  silence(): void;
  /** New connections pass again. Those that were silenced stay so. */
  restore(): void;
  /** Makes new connections lead to another server. */
  leadTo(socket: string): void;
}

/** Opens a port of the loopback interface that leads to PostgreSQL's socket. */
export async function openLine(socket: string): Promise<Line> {
  let target = socket;
  let isSilent = false;
  const open = new Set<Socket>();
  const keep = (one: Socket) => {
    open.add(one);
    one.once('close', () => open.delete(one));
    one.on('error', () => one.destroy());
  };
  const server = createServer((near) => {
    keep(near);
    if (isSilent) {
      return;
    }
    const far = createConnection(target);
    keep(far);
    // The end of one is the end of the other, unless nothing passes any more.
    near.once('close', () => far.destroy());
    far.once('close', () => near.destroy());
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: (database) => `postgres://lawspeaker@127.0.0.1:${port}/${database}`,
    silence() {
      isSilent = true;
      for (const one of open) {
        one.unpipe();
        one.pause();
        one.removeAllListeners('close');
        one.once('close', () => open.delete(one));
      }
    },
    restore() {
      isSilent = false;
    },
    leadTo(other) {
      target = other;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      open.forEach((one) => one.destroy());
      await once(server, 'close');
    },
  };
}
