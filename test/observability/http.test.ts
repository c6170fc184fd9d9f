import { once } from 'node:events';
import { connect, createServer } from 'node:net';

import { afterEach, describe, expect, test } from 'vitest';

import { SetupError } from '../../src/core/errors.ts';
import { startHttp } from '../../src/observability/http.ts';
import type { HttpServer, ProbeSources } from '../../src/observability/http.ts';
import { freePort } from '../support/free-port.ts';

const sources: ProbeSources = {
  deathCause: () => undefined,
  faults: async () => [],
  metrics: { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n' },
  onError: () => undefined,
};

let server: HttpServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** Serves these, and returns how to ask. */
async function serve(changed: Partial<ProbeSources> = {}) {
  const port = await freePort();
  server = await startHttp({ host: '127.0.0.1', port }, `127.0.0.1:${port}`, {
    ...sources,
    ...changed,
  });
  const origin = `http://127.0.0.1:${port}`;
  const ask = async (path: string, method = 'GET') => {
    const response = await fetch(`${origin}${path}`, { method });
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      allow: response.headers.get('allow'),
      text: await response.text(),
    };
  };
  return Object.assign(ask, { origin });
}

describe('what is answered', () => {
  test('when all is well', async () => {
    const ask = await serve();
    expect(await ask('/health/live')).toMatchObject({ status: 200, text: 'alive\n' });
    expect(await ask('/health/ready')).toMatchObject({ status: 200, text: 'ready\n' });
    expect(await ask('/health/ready?x=1')).toMatchObject({ status: 200 });
    expect(await ask('/metrics')).toMatchObject({
      status: 200,
      type: 'text/plain; version=0.0.4',
      text: 'up 1\n',
    });
    expect(await ask('/metrics', 'HEAD')).toMatchObject({ status: 200, text: '' });
  });

  test('when it is not: 503 and what is wrong, a line each', async () => {
    const ask = await serve({
      deathCause: () => 'the bot can’t go on',
      faults: async () => ['sync: dead', 'database: gone'],
    });
    expect(await ask('/health/live')).toMatchObject({ status: 503, text: 'the bot can’t go on\n' });
    expect(await ask('/health/ready')).toMatchObject({
      status: 503,
      text: 'sync: dead\ndatabase: gone\n',
    });
  });

  test.each(['/', '/metrics/', '/health', '/constructor', '/__proto__', '//metrics', '/%2e%2e/x'])(
    'nothing at %s',
    async (path) => {
      const ask = await serve();
      expect((await ask(path)).status).toBe(404);
      expect((await ask(path, 'POST')).status).toBe(404);
    },
  );

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s to nothing', async (method) => {
    const ask = await serve();
    expect(await ask('/metrics', method)).toMatchObject({ status: 405, allow: 'GET, HEAD' });
  });

  test('a fault of ours is told to the log, not to who asks', async () => {
    const errors: unknown[] = [];
    const ask = await serve({
      metrics: {
        contentType: '',
        text: async () => {
          throw new Error('secret');
        },
      },
      onError: (error) => errors.push(error),
    });
    const { status, text } = await ask('/metrics');
    expect(status).toBe(500);
    expect(text).not.toContain('secret');
    expect(errors).toHaveLength(1);
    expect((await ask('/health/live')).status).toBe(200);
  });
});

test('it stops, also while somebody holds a connection', async () => {
  const ask = await serve();
  await ask('/metrics');
  await server?.stop();
  server = undefined;
  await expect(ask('/metrics')).rejects.toThrow('fetch failed');
});

test('whoever never finishes a request is soon disconnected', { timeout: 60_000 }, async () => {
  const ask = await serve();
  const { port } = new URL(ask.origin);
  const since = performance.now();
  const socket = connect(Number(port), '127.0.0.1');
  socket.resume();
  socket.write('GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
  await once(socket, 'close');
  expect(performance.now() - since).toBeLessThan(22_000);
});

describe('an address that can’t be listened on is a fault of the set-up', () => {
  test('since the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const fault = await startHttp({ host: '127.0.0.1', port }, `127.0.0.1:${port}`, sources).catch(
      (error: unknown) => error,
    );
    other.close();
    expect(fault).toBeInstanceOf(SetupError);
    expect((fault as SetupError).message).toBe(`http.listen: port ${port} is already in use.`);
    expect((fault as SetupError).advice).toContain('another port');
  });

  test('since this machine has no such address', async () => {
    const port = await freePort();
    const fault = await startHttp({ host: '203.0.113.1', port }, 'there', sources).catch(
      (error: unknown) => error,
    );
    expect(fault).toBeInstanceOf(SetupError);
    expect((fault as SetupError).message).toContain('this machine doesn’t have the address');
  });
});
