import { expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import {
  setExperimentalFeatures,
  setValidity,
} from '../../../src/services/accounts/account-settings.ts';

const user = '@vera:example.com' as UserId;

/** A homeserver that renews accounts, and fails to set a time. */
const renewsOnly = (failure: Error) =>
  ({
    users: {
      async setValidity(_: UserId, { expirationTs }: { expirationTs?: number }) {
        if (expirationTs !== undefined) {
          throw failure;
        }
        return 5000;
      },
    },
  }) as unknown as AdminApi;

test('an account that was renewed counts as renewed, even if its expiry is refused', async () => {
  const options = { expirationTs: 9000, renewalEmails: true };
  const refused = new HomeserverError(403, 'M_FORBIDDEN', 'POST');
  expect(await setValidity(renewsOnly(refused), user, options)).toEqual({
    expirationTs: 5000,
    notSet: refused,
  });
  const lost = new UnreachableError('POST', 'did not answer', true);
  await expect(setValidity(renewsOnly(lost), user, options)).rejects.toBe(lost);
});

test('after experimental features are set, nothing is asked that could fail', async () => {
  const calls: string[] = [];
  const api = {
    users: {
      async experimentalFeatures() {
        calls.push('read');
        return new Map([
          ['msc1', false],
          ['msc2', true],
        ]);
      },
      async setExperimentalFeatures() {
        calls.push('set');
      },
    },
  } as unknown as AdminApi;
  expect(await setExperimentalFeatures(api, user, new Map([['msc1', true]]))).toEqual({
    before: new Map([['msc1', false]]),
    features: new Map([
      ['msc1', true],
      ['msc2', true],
    ]),
  });
  expect(calls).toEqual(['read', 'set']);
});
