import { once } from 'node:events';
import { createServer } from 'node:net';

import { afterEach, expect, test } from 'vitest';

import { healthcheck } from '../../src/cli/healthcheck.ts';
import type { ListenAddress } from '../../src/config/listen.ts';
import { SetupError } from '../../src/core/errors.ts';
import { startHttp } from '../../src/observability/http.ts';
import { freePort } from '../support/free-port.ts';

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

/** Serves the probes of a bot with these faults. */
async function serve(host: string, faults: readonly string[]): Promise<ListenAddress> {
  const address = { host, port: await freePort() };
  const server = await startHttp(address, '', {
    deathCause: () => undefined,
    faults: async () => [...faults],
    metrics: { contentType: 'text/plain', text: async () => '' },
    onError: () => undefined,
  });
  stop = async () => server.stop();
  return address;
}

/** What `lawspeaker healthcheck` prints, and whether it says ready. */
async function check(listen: ListenAddress | 'off', options = {}) {
  let text = '';
  const output = async (more: string) => void (text += more);
  return { isReady: await healthcheck({ http: { listen } }, output, options), text };
}

test.each(['127.0.0.1', '0.0.0.0', 'localhost'])('a ready bot that listens on %s', async (host) => {
  expect(await check(await serve(host, []))).toEqual({ isReady: true, text: 'ready\n' });
});

test('a bot that is not ready: one line with all reasons', async () => {
  const address = await serve('127.0.0.1', ['sync: dead', 'database: gone']);
  expect(await check(address)).toEqual({ isReady: false, text: 'sync: dead; database: gone\n' });
});

test('nobody answers', async () => {
  const port = await freePort();
  expect(await check({ host: '0.0.0.0', port })).toEqual({
    isReady: false,
    text: `no bot answers at 127.0.0.1:${port} (ECONNREFUSED): is it running?\n`,
  });
});

test('a bot that hangs is not waited for', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  stop = async () => void server.close();
  const { port } = server.address() as { port: number };
  expect(await check({ host: '127.0.0.1', port }, { patienceMs: 50 })).toEqual({
    isReady: false,
    text: `no answer from 127.0.0.1:${port} within 0.05 s\n`,
  });
});

test('without http.listen there is nothing to ask', async () => {
  await expect(check('off')).rejects.toThrow(SetupError);
});
