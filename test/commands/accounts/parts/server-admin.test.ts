import { expect, test } from 'vitest';

import type { Context } from '../../../../src/chat/command/declaration.ts';
import { adminsLeft, adminsWithout } from '../../../../src/commands/accounts/parts/server-admin.ts';
import type { AdminApi } from '../../../../src/homeserver/admin/admin-api.ts';
import { createAccountService } from '../../../../src/services/accounts/account-service.ts';
import type { Account } from '../../../../src/services/services.ts';

const ana = { name: '@ana:example.com' } as Account;

/** A homeserver with these server admins. */
function withAdmins(...admins: object[]): Pick<Context, 'services'> {
  const users = {
    async *all() {
      yield* admins.map((one) => ({ deactivated: false, locked: false, ...one }));
    },
  };
  const accounts = createAccountService({ users } as unknown as AdminApi);
  return { services: { accounts } } as unknown as Pick<Context, 'services'>;
}

test('the last server admin who can act as such is not revoked', async () => {
  const left = withAdmins(
    ana,
    { name: '@gone:example.com', deactivated: true },
    { name: '@locked:example.com', locked: true },
  );
  await expect(adminsWithout(left, ana)).rejects.toMatchObject({
    code: 'state',
    message: '@ana:example.com is the last server admin',
  });
});

test('others are, and who is left is said', async () => {
  await expect(adminsWithout(withAdmins(ana, { name: '@bot:example.com' }), ana)).resolves.toBe(1);
  expect(adminsLeft(1)).toBe('This bot will be the only server admin left.');
  expect(adminsLeft(3)).toBe('3 server admins will be left, including this bot.');
});
