import { expect, test } from 'vitest';

import { HomeserverError, TargetError, isNotFound, orUndefined } from '../../src/core/errors.ts';

async function fails(reason: Error): Promise<string> {
  throw reason;
}

test('an expected error becomes undefined', async () => {
  await expect(orUndefined(Promise.resolve('found'))).resolves.toBe('found');
  await expect(orUndefined(fails(new TargetError('unknown', 'not there')))).resolves.toBe(
    undefined,
  );
});

test('our own faults are thrown', async () => {
  await expect(orUndefined(fails(new TypeError('x is not a function')))).rejects.toThrow(TypeError);
});

test('errors that the caller does not expect are thrown', async () => {
  const missing = new HomeserverError(404, 'M_NOT_FOUND', 'GET /x');
  const forbidden = new HomeserverError(403, 'M_FORBIDDEN', 'GET /x');
  await expect(orUndefined(fails(missing), isNotFound)).resolves.toBe(undefined);
  await expect(orUndefined(fails(forbidden), isNotFound)).rejects.toBe(forbidden);
});

test('an endpoint that the homeserver does not have is not a thing that does not exist', () => {
  expect(isNotFound(new HomeserverError(404, 'M_UNRECOGNIZED', 'GET /x'))).toBe(false);
});
