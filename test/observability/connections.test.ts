import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { startHttp } from '../../src/observability/http.ts';
import type { HttpServer } from '../../src/observability/http.ts';
import { freePort } from '../support/free-port.ts';

let server: HttpServer;
let port: number;
/** What the metrics wait for, and when they do. */
let metrics: PromiseWithResolvers<string>;
let asked: PromiseWithResolvers<void>;
const sockets: Socket[] = [];

beforeEach(async () => {
  port = await freePort();
  metrics = Promise.withResolvers();
  asked = Promise.withResolvers();
  server = await startHttp({ host: '127.0.0.1', port }, 'there', {
    deathCause: () => undefined,
    faults: async () => [],
    metrics: {
      contentType: 'text/plain',
      async text() {
        asked.resolve();
        return metrics.promise;
      },
    },
    onError: () => undefined,
  });
});
afterEach(async () => {
  sockets.forEach((socket) => socket.destroy());
  sockets.length = 0;
  await server.stop();
});

/** Opens a connection, and says this. */
async function open(said: string, from = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  socket.resume();
  sockets.push(socket);
  await once(socket, 'connect');
  socket.write(said);
  return socket;
}

const unfinished = 'GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ';
const openSockets = () => sockets.filter(({ closed }) => !closed).length;

/** Asks on a connection that is kept for the next time. */
async function askWith(agent: Agent, path: string): Promise<string> {
  const request = httpRequest({ host: '127.0.0.1', port, path, agent });
  request.end();
  const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
  const parts: Buffer[] = [];
  for await (const part of response) {
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

test('whoever opens very many connections keeps nobody from the probes', async () => {
  const prober = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    expect(await askWith(prober, '/health/live')).toBe('alive\n');
    // On Linux, every address of this network is this machine.
    const other = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';
    for (let number = 0; number < 150; number += 1) {
      await open(unfinished, other);
    }
    await expect.poll(openSockets).toBeLessThanOrEqual(100);
    expect(openSockets()).toBeGreaterThan(90);
    expect(await askWith(prober, '/health/live')).toBe('alive\n');
    const newcomer = new Agent();
    expect(await askWith(newcomer, '/health/live')).toBe('alive\n');
  } finally {
    prober.destroy();
  }
});

test('behind one address, those who wait for an answer get it', async () => {
  const answer = askWith(new Agent(), '/metrics');
  await asked.promise;
  for (let number = 0; number < 150; number += 1) {
    await open(unfinished);
  }
  metrics.resolve('up 1\n');
  expect(await answer).toBe('up 1\n');
  await expect.poll(openSockets).toBeLessThanOrEqual(100);
});
