import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';

import {
  ForeignAnswerError,
  HomeserverError,
  TooLargeAnswerError,
  UnreachableError,
} from '../../src/core/errors.ts';
import { createClientApi } from '../../src/homeserver/client/client-api.ts';
import { createDownload } from '../../src/homeserver/download.ts';
import { createHttp, createSendRequest, fillTemplate } from '../../src/homeserver/http.ts';
import { networkFault } from '../../src/homeserver/network-faults.ts';
import {
  answer,
  hangUp,
  hangUpBetweenChunks,
  hangUpHalfWay,
  keepSilent,
  startFaultyServer,
} from '../support/faulty-server.ts';
import { startPlainServer } from '../support/plain-server.ts';

const accessToken = 'syt_c2VjcmV0_AbCdEfGhIjKlMnOpQrSt_0Xyz12';
const template = '/_synapse/admin/v1/things/{thing}';
const thing = { path: { thing: 'a' }, answer: z.object({ ok: z.boolean() }) };
const good = answer(200, { ok: true });
/** Lets the client try again at once instead of after a second. */
const now = { 'retry-after': '0' };
const matrixError = { errcode: 'M_UNKNOWN', error: 'Internal server error' };

function sender(url: string) {
  return createSendRequest(createHttp({ accessToken }), url);
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it should have failed');
}

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('retries', () => {
  test.for([502, 503, 504])('a GET is asked again after %i', async (status) => {
    await using server = await startFaultyServer(answer(status, '', now), good);
    await expect(sender(server.url)('GET', template, thing)).resolves.toEqual({ ok: true });
    expect(server.requests).toHaveLength(2);
  });

  test('a GET is asked again when the connection breaks', async () => {
    await using server = await startFaultyServer(hangUp, good);
    await expect(sender(server.url)('GET', template, thing)).resolves.toEqual({ ok: true });
    expect(server.requests).toHaveLength(2);
  });

  test.for([
    ['with a promised length', hangUpHalfWay],
    ['in chunks', hangUpBetweenChunks],
  ] as const)('a GET is asked again when an answer %s breaks off', async ([, fault]) => {
    await using server = await startFaultyServer(fault, good);
    await expect(sender(server.url)('GET', template, thing)).resolves.toEqual({ ok: true });
    expect(server.requests).toHaveLength(2);
  });

  test.for([
    ['with a promised length', 'content-length: 1000\r\n\r\n{"users":['],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\na\r\n{"users":['],
  ] as const)(
    'a GET is asked again when an answer %s breaks off that is the last of its connection',
    async ([, half]) => {
      const whole = 'content-length: 11\r\n\r\n{"ok":true}';
      const answers = [half, whole];
      using server = await startPlainServer((socket) => {
        socket.once('data', () => {
          socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n${answers.shift()}`);
        });
      });
      await expect(sender(server.url)('GET', template, thing)).resolves.toEqual({ ok: true });
      expect(answers).toEqual([]);
    },
  );

  test('a GET is given up after three times', async () => {
    await using server = await startFaultyServer(answer(503, '', now));
    const error = await failure(sender(server.url)('GET', template, thing));
    expect(error).toMatchObject({ code: 'foreign_answer', status: 503 });
    expect(server.requests).toHaveLength(3);
  });

  test.for([400, 401, 403, 404, 409, 500])('a GET is not asked again after %i', async (status) => {
    await using server = await startFaultyServer(answer(status), good);
    await failure(sender(server.url)('GET', template, thing));
    expect(server.requests).toHaveLength(1);
  });

  const changing = ['POST', 'PUT', 'DELETE'] as const;
  test.for(
    changing.flatMap((method) => [502, 503, 504].map((status) => [method, status] as const)),
  )('a %s is not sent again after %i', async ([method, status]) => {
    await using server = await startFaultyServer(answer(status, matrixError, now), good);
    const error = await failure(sender(server.url)(method, template, thing));
    expect(error).toBeInstanceOf(HomeserverError);
    expect(error).toMatchObject({ status, mayHaveHappened: true });
    expect(server.requests).toHaveLength(1);
  });

  test.for(changing)('a %s is not sent again when the connection breaks', async (method) => {
    await using server = await startFaultyServer(hangUp, good);
    const error = await failure(sender(server.url)(method, template, thing));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ mayHaveHappened: true });
    expect(server.requests).toHaveLength(1);
  });

  test.for(['GET', ...changing] as const)('a %s waits what a 429 says', async (method) => {
    const limited = answer(429, { errcode: 'M_LIMIT_EXCEEDED' }, { 'retry-after': '1' });
    await using server = await startFaultyServer(limited, good);
    const startMs = performance.now();
    await sender(server.url)(method, template, {
      ...thing,
      ...(method === 'GET' ? {} : { body: { a: 1 } }),
    });
    expect(performance.now() - startMs).toBeGreaterThan(950);
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]).toMatchObject({ method, body: server.requests[0]?.body });
  });

  test('a 429 waits for a fraction of a second', async () => {
    const limited = answer(429, { errcode: 'M_LIMIT_EXCEEDED' }, { 'retry-after': '0.3' });
    await using server = await startFaultyServer(limited, good);
    const startMs = performance.now();
    await sender(server.url)('POST', template, thing);
    expect(performance.now() - startMs).toBeGreaterThan(250);
  });

  test('a 429 without a header waits what its body says', async () => {
    const limited = answer(429, { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 1500 });
    await using server = await startFaultyServer(limited, good);
    const startMs = performance.now();
    await sender(server.url)('POST', template, thing);
    expect(performance.now() - startMs).toBeGreaterThan(1450);
    expect(server.requests).toHaveLength(2);
  });

  test('a 429 that asks for less than no time is sent again at once', async () => {
    const limited = answer(429, { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: -5 });
    await using server = await startFaultyServer(limited, good);
    const warned = vi.fn();
    process.once('warning', warned);
    onTestFinished(() => {
      process.off('warning', warned);
    });
    await expect(sender(server.url)('POST', template, thing)).resolves.toEqual({ ok: true });
    expect(warned).not.toHaveBeenCalled();
  });

  test.for([
    ['after 502', answer(502, matrixError, now)],
    ['when the connection breaks', hangUp],
  ] as const)('an idempotent PUT is sent again %s', async ([, fault]) => {
    await using server = await startFaultyServer(fault, good);
    const idempotent = { ...thing, body: { a: 1 }, retry: 'idempotent' } as const;
    await expect(sender(server.url)('PUT', template, idempotent)).resolves.toEqual({ ok: true });
    expect(server.requests).toHaveLength(2);
    expect(server.requests[1]?.body).toBe('{"a":1}');
  });

  test.for([
    ['502', answer(502, matrixError, now)],
    ['429', answer(429, { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 700 }, now)],
  ] as const)('a request whose caller tries again is sent once, after %s', async ([, fault]) => {
    await using server = await startFaultyServer(fault, good);
    const error = await failure(sender(server.url)('GET', template, { ...thing, retry: 'never' }));
    expect(error).toBeInstanceOf(HomeserverError);
    expect(server.requests).toHaveLength(1);
  });

  test('an error tells how long the server asks to wait', async () => {
    const limited = answer(429, { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 61_000 });
    await using server = await startFaultyServer(limited);
    const error = await failure(sender(server.url)('GET', template, thing));
    expect(error).toMatchObject({ status: 429, retryAfterMs: 61_000 });
    expect(server.requests).toHaveLength(1);
  });

  test('a stop ends the wait for the next attempt', async () => {
    const limited = answer(429, { errcode: 'M_LIMIT_EXCEEDED' }, { 'retry-after': '50' });
    await using server = await startFaultyServer(limited);
    const stopping = new AbortController();
    const send = createSendRequest(createHttp({ accessToken }), server.url, {
      stop: stopping.signal,
    });
    const failed = failure(send('PUT', template, thing));
    await expect.poll(() => server.requests.length).toBe(1);
    stopping.abort();
    expect(await failed).toBeInstanceOf(UnreachableError);
  });

  test('a 429 that asks for more than a minute is passed on', async () => {
    const limited = answer(429, { errcode: 'M_LIMIT_EXCEEDED' }, { 'retry-after': '61' });
    await using server = await startFaultyServer(limited);
    const error = await failure(sender(server.url)('POST', template, thing));
    expect(error).toMatchObject({
      status: 429,
      errcode: 'M_LIMIT_EXCEEDED',
      mayHaveHappened: false,
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe('errors', () => {
  test("the server's errcode is kept, its text is not", async () => {
    const body = { errcode: 'M_FORBIDDEN', error: 'You are not a server admin' };
    await using server = await startFaultyServer(answer(403, body));
    const error = await failure(sender(server.url)('GET', template, thing));
    expect(error).toMatchObject({
      message: 'the homeserver refused (403 M_FORBIDDEN)',
      request: `GET ${template}`,
      mayHaveHappened: false,
    });
  });

  test('an errcode that is text for the room is left out', async () => {
    await using server = await startFaultyServer(
      answer(502, { errcode: '@room <b>hello</b>', error: '' }),
    );
    const error = await failure(sender(server.url)('POST', template, thing));
    expect(error).toMatchObject({ message: 'the homeserver refused (502 M_UNKNOWN)' });
  });

  const foreign = [
    ['an HTML page', '<html><body>Gateway</body></html>'],
    ['half of JSON', '{"errcode":"M_FORB'],
    ['JSON without an errcode', '{"error":"not found"}'],
    ['an errcode that is no text', '{"errcode":404}'],
    ['null', 'null'],
    ['nothing', ''],
  ] as const;

  test.for(
    foreign.flatMap((page) =>
      [400, 401, 403, 404, 413, 502].map((status) => [status, ...page] as const),
    ),
  )(
    '%i with %s is not the homeserver’s word: not “there is none”, nor that nothing happened',
    async ([status, , body]) => {
      await using server = await startFaultyServer(answer(status, body));
      const error = await failure(sender(server.url)('POST', template, thing));
      expect(error).toBeInstanceOf(ForeignAnswerError);
      expect(error).not.toHaveProperty('isNotFound');
      expect(error).toMatchObject({ status, mayHaveHappened: true });
      expect(String((error as ForeignAnswerError).advice)).toContain('homeserver.adminUrl');
    },
  );

  test.for([
    ['an HTML page', '<html></html>'],
    ['half of JSON', '{"ok":'],
    ['nothing', ''],
  ])('a 200 with %s comes from something in between', async ([, body]) => {
    await using server = await startFaultyServer(answer(200, body ?? ''));
    const error = await failure(sender(server.url)('GET', template, thing));
    expect(error).toBeInstanceOf(ForeignAnswerError);
    expect(error).toMatchObject({ status: 200, mayHaveHappened: true });
  });

  test.for([
    ['JSON of another form', '{"ok":"yes"}', '"ok"'],
    ['JSON that is no object', '[]', 'form'],
  ])('a 200 with %s is no answer', async ([, body, why]) => {
    await using server = await startFaultyServer(answer(200, body ?? ''));
    const error = await failure(sender(server.url)('GET', template, thing));
    expect(error).toBeInstanceOf(HomeserverError);
    expect(error).toMatchObject({ status: 200, errcode: 'LAWSPEAKER_BAD_ANSWER' });
    expect(String(error)).toContain(why);
  });

  test('a redirect is not followed', async () => {
    await using other = await startFaultyServer(good);
    await using server = await startFaultyServer(answer(302, '', { location: other.url }));
    const error = await failure(sender(server.url)('GET', template, thing));
    expect(error).toBeInstanceOf(ForeignAnswerError);
    expect(error).toMatchObject({ status: 302, mayHaveHappened: true });
    expect(other.requests).toHaveLength(0);
  });

  test('a refused connection means that nothing happened', async () => {
    const url = `http://127.0.0.1:${await unusedPort()}`;
    const error = await failure(sender(url)('POST', template, thing));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ mayHaveHappened: false, request: `POST ${template}` });
    expect(String(error)).toContain('ECONNREFUSED');
  }, 10_000);

  test('a refused connection after an answer of a proxy means that it may have happened', async () => {
    using server = await startPlainServer((socket, stop) => {
      stop();
      socket.once('data', () => {
        socket.end('HTTP/1.1 504 Timeout\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n');
      });
    });
    const idempotent = { ...thing, retry: 'idempotent' } as const;
    const error = await failure(sender(server.url)('PUT', template, idempotent));
    expect(error).toMatchObject({ status: 504, mayHaveHappened: true });
  }, 10_000);

  test('a 429 after the answer of a proxy means that it may have happened', async () => {
    const limited = answer(429, { errcode: 'M_LIMIT_EXCEEDED' }, { 'retry-after': '61' });
    await using server = await startFaultyServer(answer(502, '', now), limited);
    const idempotent = { ...thing, retry: 'idempotent' } as const;
    const error = await failure(sender(server.url)('PUT', template, idempotent));
    expect(error).toMatchObject({ status: 502, mayHaveHappened: true });
    expect(server.requests).toHaveLength(2);
  });

  test('a refusal after the answer of a proxy means that it may have happened', async () => {
    const refused = answer(403, { errcode: 'M_FORBIDDEN' });
    await using server = await startFaultyServer(answer(502, '', now), refused);
    const idempotent = { ...thing, retry: 'idempotent' } as const;
    const error = await failure(sender(server.url)('PUT', template, idempotent));
    expect(error).toMatchObject({ status: 502, mayHaveHappened: true });
    expect(server.requests).toHaveLength(2);
  });

  test.for([
    ['what another protocol says', 'SSH-2.0-OpenSSH_9.9\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} '],
    ['endless headers', `HTTP/1.1 200 OK\r\n${`x: ${'y'.repeat(1000)}\r\n`.repeat(100)}`],
  ])('%s is not HTTP', async ([, text = '']) => {
    using server = await startPlainServer((socket) => socket.write(text));
    const error = await failure(sender(server.url)('POST', template, thing));
    expect(error).toBeInstanceOf(UnreachableError);
    const { networkCode, mayHaveHappened } = error as UnreachableError;
    expect(networkFault(networkCode, server.url, 'x')?.message).toContain('does not speak HTTP');
    expect(mayHaveHappened).toBe(true);
  });

  test('a stop before the request keeps it from being sent', async () => {
    await using server = await startFaultyServer(good);
    const send = createSendRequest(createHttp({}), server.url, { stop: AbortSignal.abort() });
    const error = await failure(send('POST', template, thing));
    expect(error).toMatchObject({ networkCode: 'ERR_ABORTED' });
    expect(server.requests).toHaveLength(0);
  });

  test('an answer that breaks off means that it may have happened', async () => {
    await using server = await startFaultyServer(hangUpHalfWay);
    const error = await failure(sender(server.url)('POST', template, thing));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ mayHaveHappened: true });
  });

  test('an answer that never comes means that it may have happened', async () => {
    await using server = await startFaultyServer(keepSilent);
    const error = await failure(
      sender(server.url)('POST', template, { ...thing, timeoutMs: 1_000 }),
    );
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({
      mayHaveHappened: true,
      message: 'the homeserver did not answer for 1 s',
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe('the size of an answer', () => {
  /** 1 GiB of blanks in 1 MB: a gzip stream may have several parts. */
  const bomb = Buffer.concat(
    Array.from({ length: 16 }).fill(gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '))) as Buffer[],
  );
  const explode: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
  };
  /** Sends for as long as somebody reads. */
  const flood: RequestListener = (_, response) => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    const send = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', send).writeHead(200);
    send();
  };

  test.for([
    ['one that never ends', flood, new TooLargeAnswerError('', 32 * 1024 * 1024)],
    // Nobody asked for a compressed one.
    ['what a few bytes would unpack to', explode, new ForeignAnswerError(200, '')],
  ] as const)(
    'is bounded: %s is refused, and the memory stays small',
    async ([, fault, refusal]) => {
      await using server = await startFaultyServer(fault);
      const before = process.memoryUsage().rss;
      let most = before;
      const watching = setInterval(() => {
        most = Math.max(most, process.memoryUsage().rss);
      }, 5);
      const error = await failure(sender(server.url)('POST', template, thing));
      clearInterval(watching);
      expect(error).toBeInstanceOf(refusal.constructor);
      expect(error).toMatchObject({ message: refusal.message, mayHaveHappened: true });
      expect(server.requests).toHaveLength(1);
      // Far above what is needed, since nobody knows when garbage is collected, and far below what came.
      expect(most - before).toBeLessThan(384 * 1024 * 1024);
    },
  );

  test('of the client API is bounded', async () => {
    await using server = await startFaultyServer(flood);
    const client = createClientApi({
      url: server.url,
      accessToken,
      stop: new AbortController().signal,
    });
    const sync = client.sync({ since: 's1', holdMs: 0, filter: {} });
    await expect(sync).rejects.toThrow(TooLargeAnswerError);
  });
});

describe('the token', () => {
  test('goes to the server in its header', async () => {
    await using server = await startFaultyServer(good);
    await sender(server.url)('GET', template, thing);
    expect(server.requests[0]?.headers.authorization).toBe(`Bearer ${accessToken}`);
    expect(server.requests[0]?.url).not.toContain(accessToken);
    expect(server.requests[0]?.headers['accept-encoding']).toBe('identity');
  });

  test.for([
    ['an error status', answer(403, { errcode: 'M_FORBIDDEN', error: accessToken })],
    ['an errcode that repeats it', answer(403, { errcode: accessToken })],
    ['a redirect', answer(302, '', { location: `/?access_token=${accessToken}` })],
    ['a bad answer', answer(200, accessToken)],
    ['a broken connection', hangUp],
    ['a broken answer', hangUpHalfWay],
    ['no answer', keepSilent],
  ] as const)('is in no error after %s', async ([, fault]) => {
    await using server = await startFaultyServer(fault);
    const error = await failure(sender(server.url)('POST', template, { ...thing, timeoutMs: 300 }));
    expect(everythingIn(error)).not.toContain(accessToken);
    expect(error).not.toHaveProperty('cause');
  });

  test('is in no error after a refused connection', async () => {
    const url = `http://127.0.0.1:${await unusedPort()}`;
    const error = await failure(sender(url)('POST', template, thing));
    expect(everythingIn(error)).not.toContain(accessToken);
    expect(error).not.toHaveProperty('cause');
  }, 10_000);

  function everythingIn(error: unknown): string {
    const seen = inspect(error, { depth: Infinity, showHidden: true, getters: true });
    return `${seen} ${JSON.stringify(error)}`;
  }
});

describe('paths and queries', () => {
  test.for([
    ['@a:localhost?.evil:localhost', '%40a%3Alocalhost%3F.evil%3Alocalhost'],
    ['@a#b:localhost', '%40a%23b%3Alocalhost'],
    ['@a/devices:localhost', '%40a%2Fdevices%3Alocalhost'],
    ['@a%2f:localhost', '%40a%252f%3Alocalhost'],
    ['../deactivate', '..%2Fdeactivate'],
    ['@a\\b:localhost', '%40a%5Cb%3Alocalhost'],
    ['@é:localhost', '%40%C3%A9%3Alocalhost'],
    [
      '!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM',
      '!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM',
    ],
  ])('%s stays one segment', async ([id = '', encoded]) => {
    await using server = await startFaultyServer(good);
    await sender(server.url)('GET', template, { ...thing, path: { thing: id } });
    expect(server.requests[0]?.url).toBe(`/_synapse/admin/v1/things/${encoded}`);
  });

  test.for(['', '.', '..', '@\ud800:localhost'])('"%s" is refused as a segment', async (id) => {
    expect(() => fillTemplate(template, { thing: id })).toThrow(TypeError);
  });

  test('a query repeats lists, leaves out undefined and encodes all', async () => {
    await using server = await startFaultyServer(good);
    await sender(server.url)('GET', template, {
      ...thing,
      query: { name: 'a&b=c é', locked: true, limit: 1, from: undefined, via: ['x', 'y'] },
    });
    const query = 'name=a%26b%3Dc+%C3%A9&locked=true&limit=1&via=x&via=y';
    expect(server.requests[0]?.url).toBe(`/_synapse/admin/v1/things/a?${query}`);
  });

  test('the base URL may end in slashes and have a path', async () => {
    await using server = await startFaultyServer(good);
    await sender(`${server.url}/synapse//`)('GET', template, thing);
    expect(server.requests[0]?.url).toBe('/synapse/_synapse/admin/v1/things/a');
  });
});

describe('a file', () => {
  const maxBytes = 512 * 1024;
  const download = async (url: string) =>
    createDownload(createHttp({ accessToken }), url)('/file', { maxBytes });

  test('is read as it is', async () => {
    await using server = await startFaultyServer(answer(200, '@a:x\n@b:x'));
    expect(String(await download(server.url))).toBe('@a:x\n@b:x');
  });

  test('that the homeserver refuses is an error with its errcode', async () => {
    await using server = await startFaultyServer(answer(404, { errcode: 'M_NOT_FOUND' }));
    expect(await failure(download(server.url))).toMatchObject({
      status: 404,
      errcode: 'M_NOT_FOUND',
      request: 'GET /file',
    });
  });

  test('that never ends is read as far as a list may go, and no further', async () => {
    const closed = Promise.withResolvers<void>();
    await using server = await startFaultyServer((request, response) => {
      const piece = Buffer.alloc(65_536, 'x');
      const more = () => {
        while (response.write(piece)) {
          // Until the connection is full.
        }
      };
      request.socket.once('close', closed.resolve);
      response.on('drain', more);
      more();
    });
    expect(await failure(download(server.url))).toBeInstanceOf(TooLargeAnswerError);
    await closed.promise;
  });
});
