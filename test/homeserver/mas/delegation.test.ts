import { describe, expect, test } from 'vitest';

import { findDelegation } from '../../../src/homeserver/mas/delegation.ts';
import { answer, hangUp, startFaultyServer } from '../../support/faulty-server.ts';

const metadata = answer(200, {
  issuer: 'https://auth.example.com/',
  account_management_uri: 'https://auth.example.com/account/',
  token_endpoint: 'https://auth.example.com/oauth2/token',
  response_types_supported: ['code'],
});
const unrecognized = answer(404, { errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' });

describe('findDelegation', () => {
  test.for([
    ['the path of the specification', [metadata]],
    ['the path of older servers', [unrecognized, metadata]],
  ] as const)('reads %s', async ([, answers]) => {
    await using server = await startFaultyServer(...answers);
    expect(await findDelegation(server.url)).toEqual({
      issuer: 'https://auth.example.com/',
      accountManagementUri: 'https://auth.example.com/account/',
      tokenEndpoint: 'https://auth.example.com/oauth2/token',
    });
    expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual(
      [
        ['/_matrix/client/v1/auth_metadata', undefined],
        ['/_matrix/client/unstable/org.matrix.msc2965/auth_metadata', undefined],
      ].slice(0, answers.length),
    );
  });

  test.for([
    ['a homeserver that keeps accounts itself', unrecognized],
    ['a proxy that does not pass the path on', answer(404, '<html></html>')],
  ] as const)('finds none at %s', async ([, none]) => {
    await using server = await startFaultyServer(none);
    expect(await findDelegation(server.url)).toBeUndefined();
    expect(server.requests).toHaveLength(2);
  });

  test.for([
    ['500', answer(500, { errcode: 'M_UNKNOWN' }), 'refused'],
    ['a broken connection', hangUp, 'can'],
    ['metadata without an issuer', answer(200, {}), '"issuer"'],
  ] as const)('does not take %s for a no', async ([, fault, message]) => {
    await using server = await startFaultyServer(fault);
    await expect(findDelegation(server.url)).rejects.toThrow(message);
  });
});
