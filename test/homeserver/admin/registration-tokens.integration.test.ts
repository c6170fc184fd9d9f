import { describe, expect, test } from 'vitest';

import { adminApi, uniqueLocalpart } from '../../support/homeserver.ts';

const { registrationTokens } = adminApi();

const notFound = { status: 404, isNotFound: true };
const refused = { status: 400 };

describe('POST /_synapse/admin/v1/registration_tokens/new', () => {
  test('makes a random token without limits', async () => {
    const created = await registrationTokens.create();
    expect(created).toEqual({
      token: expect.stringMatching(/^[\w.~-]{16}$/),
      usesAllowed: null,
      pending: 0,
      completed: 0,
      expiryTime: null,
    });
    const long = await registrationTokens.create({ length: 64 });
    expect(long.token).toHaveLength(64);
  });

  test('makes a given token with limits', async () => {
    const options = {
      token: uniqueLocalpart('A.~_'),
      usesAllowed: 3,
      expiryTime: Date.now() + 60_000,
    };
    await expect(registrationTokens.create(options)).resolves.toMatchObject(options);
    await expect(registrationTokens.find(options.token)).resolves.toMatchObject(options);
  });

  test('400 for a token that exists and for values out of bounds', async () => {
    const { token } = await registrationTokens.create();
    for (const options of [
      { token },
      { token: 'with blank' },
      { token: 'x'.repeat(65) },
      { length: 65 },
      { usesAllowed: -1 },
      { expiryTime: Date.now() - 1_000 },
    ]) {
      await expect(registrationTokens.create(options)).rejects.toMatchObject(refused);
    }
  });
});

describe('GET /_synapse/admin/v1/registration_tokens', () => {
  test('lists all tokens, or those that can be used', async () => {
    const usable = await registrationTokens.create();
    const used = await registrationTokens.create({ usesAllowed: 0 });
    const all = await registrationTokens.list();
    expect(all).toEqual(expect.arrayContaining([usable, used]));
    const valid = await registrationTokens.list({ valid: true });
    expect(valid).toContainEqual(usable);
    expect(valid).not.toContainEqual(used);
    const invalid = await registrationTokens.list({ valid: false });
    expect(invalid).toContainEqual(used);
    expect(invalid).not.toContainEqual(usable);
  });
});

describe('GET, PUT and DELETE /_synapse/admin/v1/registration_tokens/{token}', () => {
  test('show, change and remove a token', async () => {
    const { token } = await registrationTokens.create({ usesAllowed: 3 });
    const expiryTime = Date.now() + 60_000;
    const changed = await registrationTokens.modify(token, { expiryTime });
    expect(changed).toMatchObject({ usesAllowed: 3, expiryTime });
    const unlimited = await registrationTokens.modify(token, { usesAllowed: null });
    expect(unlimited).toMatchObject({ usesAllowed: null, expiryTime });
    await registrationTokens.delete(token);
    await expect(registrationTokens.find(token)).resolves.toBeUndefined();
  });

  test('404 for an unknown token', async () => {
    await expect(registrationTokens.find('none')).resolves.toBeUndefined();
    await expect(registrationTokens.modify('none', {})).rejects.toMatchObject(notFound);
    await expect(registrationTokens.delete('none')).rejects.toMatchObject(notFound);
  });
});
