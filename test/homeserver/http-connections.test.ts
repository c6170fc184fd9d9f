import { once } from 'node:events';
import { createServer } from 'node:http';
import https from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';

import { HomeserverError, UnreachableError } from '../../src/core/errors.ts';
import { createHttp, createSendRequest } from '../../src/homeserver/http.ts';
import { startPlainServer } from '../support/plain-server.ts';
import { certificate, startTlsServer } from '../support/tls-server.ts';

const template = '/_synapse/admin/v1/things';
const thing = { answer: z.object({ ok: z.boolean() }) };
const good = 'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"ok":true}';
/** A whole answer, as far as anyone can tell, that does not say how long it is. */
const withoutLength = 'HTTP/1.1 200 OK\r\n\r\n{"ok":true}';

function sender(url: string, stop?: AbortSignal) {
  return createSendRequest(createHttp({ accessToken: 'syt_secret' }), url, { stop });
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('it should have failed');
    },
    (error: unknown) => error,
  );
}

/** Answers each request on the wire with the next of these; the last for all further ones. */
async function startWireServer(...answers: ((socket: Socket) => void)[]) {
  let requests = 0;
  const server = await startPlainServer((socket) => {
    socket.once('data', () => {
      requests += 1;
      answers[Math.min(requests, answers.length) - 1]?.(socket);
    });
  });
  return { ...server, requests: () => requests };
}

const reset = (text: string) => (socket: Socket) => {
  socket.write(text, () => {
    // The text arrives first.
    setTimeout(() => socket.resetAndDestroy(), 100);
  });
};

describe('an answer without a length', () => {
  test('that ends with a reset is asked for again', async () => {
    using server = await startWireServer(reset(withoutLength), (socket) => socket.end(good));
    await expect(sender(server.url)('GET', template, thing)).resolves.toEqual({ ok: true });
    expect(server.requests()).toBe(2);
  });

  test('that ends with a reset leaves open whether a change was made', async () => {
    using server = await startWireServer(reset(withoutLength));
    const error = await failure(sender(server.url)('POST', template, thing));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ networkCode: 'ECONNRESET', mayHaveHappened: true });
    expect(server.requests()).toBe(1);
  });

  test('that does not end in time is not taken as complete', async () => {
    using server = await startWireServer((socket) => socket.write(withoutLength));
    const error = await failure(
      sender(server.url)('POST', template, { ...thing, timeoutMs: 1_000 }),
    );
    expect(error).toMatchObject({
      message: 'the homeserver did not answer for 1 s',
      mayHaveHappened: true,
    });
  });

  test('that a stop ends is not taken as complete', async () => {
    const stopping = new AbortController();
    using server = await startWireServer((socket) => {
      socket.write(withoutLength, () => {
        setTimeout(() => stopping.abort(), 100);
      });
    });
    const error = await failure(sender(server.url, stopping.signal)('POST', template, thing));
    expect(error).toMatchObject({ networkCode: 'ERR_ABORTED', mayHaveHappened: true });
  });

  test('that the server ends is complete', async () => {
    using server = await startWireServer((socket) => socket.end(withoutLength));
    await expect(sender(server.url)('POST', template, thing)).resolves.toEqual({ ok: true });
  });
});

test('a server that changes the protocol does not keep a request waiting forever', async () => {
  using server = await startWireServer((socket) =>
    socket.write('HTTP/1.1 101 OK\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'),
  );
  const error = await failure(sender(server.url)('POST', template, thing));
  expect(error).toBeInstanceOf(UnreachableError);
  expect(error).toMatchObject({ mayHaveHappened: true });
});

test('an answer that comes before all of the request was read ends the connection', async () => {
  const bytes = Buffer.alloc(32 * 1024 * 1024);
  const { promise: answered, resolve } = Promise.withResolvers<Socket>();
  using server = await startWireServer((socket) => {
    socket.pause();
    socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 25\r\n\r\n{"errcode":"M_TOO_LARGE"}');
    resolve(socket);
  });
  const file = { bytes, contentType: 'text/plain' };
  const error = await failure(sender(server.url)('POST', template, { ...thing, file }));
  expect(error).toBeInstanceOf(HomeserverError);
  expect(error).toMatchObject({ errcode: 'M_TOO_LARGE' });
  const socket = await answered;
  socket.resume();
  await once(socket, 'close');
  expect(socket.bytesRead).toBeLessThan(bytes.length);
});

describe('with TLS', () => {
  test.for([
    ['hangs up', '', 'ECONNRESET'],
    ['speaks plain HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'EPROTO'],
  ])('a server that %s during the handshake received nothing', async ([, text = '', code]) => {
    using server = await startWireServer((socket) => socket.end(text));
    const send = sender(server.url.replace('http:', 'https:'));
    const error = await failure(send('POST', template, { ...thing, retry: 'never' }));
    expect(error).toMatchObject({ networkCode: code, mayHaveHappened: false });
  });

  test('a server whose certificate is not trusted received nothing', async () => {
    const answer = vi.fn();
    await using server = await startTlsServer(answer);
    const send = sender(`https://localhost:${server.port}`);
    const error = await failure(send('POST', template, thing));
    expect(error).toMatchObject({
      networkCode: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      mayHaveHappened: false,
    });
    expect(answer).not.toHaveBeenCalled();
  });

  test('a slow answer through a proxy of the environment is waited for, and sent once', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    let requests = 0;
    await using server = await startTlsServer((_, response) => {
      requests += 1;
      vi.advanceTimersByTime(20_000);
      // The client hangs up first, if it does.
      setImmediate(() => response.end('{"ok":true}'));
    });
    using proxy = await startProxy();
    useAgent({ ca: certificate, proxyEnv: { https_proxy: proxy.url } });
    const send = sender(`https://localhost:${server.port}`);
    await expect(send('POST', template, { ...thing, retry: 'never' })).resolves.toEqual({
      ok: true,
    });
    expect(proxy.tunnels()).toBe(1);
    expect(requests).toBe(1);
  });
});

/** What Node makes of NODE_USE_ENV_PROXY. */
function useAgent(options: https.AgentOptions): void {
  const { globalAgent } = https;
  const agent = new https.Agent(options);
  Object.assign(https, { globalAgent: agent });
  onTestFinished(() => {
    Object.assign(https, { globalAgent });
    agent.destroy();
  });
}

/** A proxy that makes tunnels to ports of this machine. */
async function startProxy() {
  let tunnels = 0;
  const server = createServer();
  server.on('connect', (request, socket: Socket) => {
    tunnels += 1;
    const there = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      there.pipe(socket).pipe(there);
    });
    for (const end of [there, socket]) {
      end.on('error', () => undefined);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tunnels: () => tunnels,
    [Symbol.dispose]: () => server.close(),
  };
}
