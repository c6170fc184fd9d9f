import { afterEach, expect, test, vi } from 'vitest';

import { HomeserverError, UnreachableError } from '../../src/core/errors.ts';
import { createBreaker } from '../../src/homeserver/breaker.ts';
import { MasError } from '../../src/homeserver/mas/mas-errors.ts';
import { namedServer } from '../../src/homeserver/named-server.ts';

const request = 'GET /x';

afterEach(() => vi.useRealTimers());

function breakerFor(onNoAnswer = () => undefined as void) {
  return createBreaker({
    serverName: 'two.example',
    onNoAnswer,
    whyRefused: (awayMs) => `has not answered for ${Math.round(awayMs / 1000)} s`,
  });
}

const failing = (error: Error) => async () => {
  throw error;
};

test('while it is open, nothing is sent', async () => {
  const breaker = breakerFor();
  const send = vi.fn(async () => 'answer');
  breaker.open(Date.now() - 3000);
  await expect(breaker.around(request, send)).rejects.toMatchObject({
    code: 'unreachable',
    message: 'two.example has not answered for 3 s',
    mayHaveHappened: false,
  });
  expect(send).not.toHaveBeenCalled();
  breaker.close();
  await expect(breaker.around(request, send)).resolves.toBe('answer');
});

test('a request without an answer is told, and refuses nothing by itself', async () => {
  const onNoAnswer = vi.fn();
  const breaker = breakerFor(onNoAnswer);
  const lost = failing(new UnreachableError(request, 'did not answer for 30 s', true));
  await expect(breaker.around(request, lost)).rejects.toMatchObject({
    message: 'two.example did not answer for 30 s',
    mayHaveHappened: true,
  });
  const refused = failing(new HomeserverError(403, 'M_FORBIDDEN', request));
  await expect(breaker.around(request, refused)).rejects.toThrow('two.example refused (403');
  expect(onNoAnswer).toHaveBeenCalledTimes(1);
  await expect(breaker.around(request, async () => 'answer')).resolves.toBe('answer');
});

test('a slow request is told, and ends when the breaker opens, unless it changes something', async () => {
  vi.useFakeTimers();
  const onNoAnswer = vi.fn();
  const breaker = breakerFor(onNoAnswer);
  const never = async () => new Promise<string>(() => undefined);
  const read = breaker.around(request, never);
  // It is looked at below.
  read.catch(() => undefined);
  const late = Promise.withResolvers<string>();
  const change = breaker.around('POST /x', async () => late.promise);
  await vi.advanceTimersByTimeAsync(4900);
  expect(onNoAnswer).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(200);
  expect(onNoAnswer).toHaveBeenCalled();
  breaker.open(Date.now());
  await expect(read).rejects.toThrow('two.example has not answered for 0 s');
  late.resolve('done');
  await expect(change).resolves.toBe('done');
});

test('errors of a MAS say whose it is', async () => {
  const error = new MasError(403, 'MAS_FORBIDDEN', request);
  await expect(namedServer('two.example')(request, failing(error))).rejects.toThrow(
    /^the authentication service of two\.example refused \(403/u,
  );
});
