import { expect, test } from 'vitest';

import type { UserId } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { findSignUps } from '../../../src/services/accounts/sign-ups.ts';

/** A homeserver with these accounts, the newest first, by name and second of creation. */
function server(accounts: readonly (readonly [name: string, second: number])[]): AdminApi['users'] {
  return {
    async *all() {
      yield* accounts.map(([name, second]) => ({
        name: `@${name}:example.com` as UserId,
        displayname: null,
        creationTs: second * 1000,
      }));
    },
    find: async () => undefined,
    whois: async () => [],
    invitesSince: async () => 0,
    joinsSince: async () => 0,
  } as unknown as AdminApi['users'];
}

const numbered = (name: string, amount: number, second: (at: number) => number) =>
  Array.from({ length: amount }, (_, at) => [`${name}${at}`, second(at)] as const);

test('all accounts since the given time are looked up, if they are not too many', async () => {
  const found = await findSignUps(server(numbered('coins', 3, () => 1)), 1500);
  expect(found).toMatchObject({ total: 3, examined: 3, examinedSince: 1500 });
  expect(found.groups).toMatchObject([{ filter: { name: 'coins*' } }]);
});

test('a filter selects no account that was not looked up', async () => {
  const wave = numbered('coins', 900, () => 5000);
  const rest = numbered('person', 300, (at) => 4000 - at);
  const found = await findSignUps(server([...wave, ...rest]), 0);
  // The newest account that was not looked up is person100, of second 3900.
  expect(found).toMatchObject({ total: 1200, examined: 1000, examinedSince: 3_901_000 });
  expect(found.groups[0]?.filter).toEqual({ name: 'coins*' });
});

test('no filter selects a group that shares its second with accounts that were not looked up', async () => {
  const found = await findSignUps(server(numbered('coins', 1001, () => 5000)), 0);
  expect(found).toMatchObject({ total: 1001, examined: 1000, examinedSince: 5_001_000 });
  expect(found.groups).toHaveLength(1);
  expect(found.groups[0]?.filter).toBeUndefined();
});
