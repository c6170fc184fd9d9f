import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { speaksHttp, speaksTls } from '../../src/homeserver/protocol-probe.ts';

let server: Server;
const sockets = new Set<Socket>();
afterEach(() => {
  sockets.forEach((socket) => socket.destroy());
  server.close();
});

/** A server that does this with each connection. */
async function listen(onConnection: (socket: Socket) => void): Promise<string> {
  server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Sends the beginning of something again and again, which never becomes a whole. */
function trickle(socket: Socket, first: string, more: string): void {
  socket.write(first);
  const timer = setInterval(() => socket.write(more), 500);
  socket.once('close', () => clearInterval(timer));
}

test('a server that answers plain HTTP speaks HTTP, and no TLS', async () => {
  const address = await listen((socket) => {
    socket.end('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n');
  });
  expect(await speaksHttp(`https://${address}`)).toBe(true);
  expect(await speaksTls(`http://${address}`)).toBe(false);
});

test('a server that never ends a header or a handshake speaks neither, and is not waited for', async () => {
  const http = await listen((socket) => trickle(socket, 'HTTP/1.1 200 OK\r\n', 'x: y\r\n'));
  expect(await speaksHttp(`https://${http}`)).toBe(false);
  server.close();
  // The header of a TLS record of 16 kB with a server's part of a handshake.
  const record = '\u0016\u0003\u0003@\0\u0002\0?\u00FC';
  const tls = await listen((socket) => trickle(socket, record, '\0'));
  expect(await speaksTls(`http://${tls}`)).toBe(false);
});
