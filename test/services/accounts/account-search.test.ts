import { expect, test } from 'vitest';

import type { UserId } from '../../../src/core/ids.ts';
import type { UserDetail, UserQuery, UserSummary } from '../../../src/homeserver/admin/users.ts';
import {
  accountsFromList,
  filtersAppliedHere,
  fromList,
  searchAccounts,
  withServices,
} from '../../../src/services/accounts/account-search.ts';

const id = (name: string) => `@${name}:example.com` as UserId;

function row(name: string, own: Partial<UserSummary> = {}): UserSummary {
  return {
    name: id(name),
    displayname: null,
    avatarUrl: null,
    admin: false,
    deactivated: false,
    erased: false,
    locked: false,
    shadowBanned: false,
    isGuest: false,
    userType: null,
    creationTs: 1000,
    lastSeenTs: 2000,
    ...own,
  };
}

/** A list of accounts that behaves as Synapse's, as far as it matters here. */
function server(rows: readonly UserSummary[], services: Readonly<Record<string, string>> = {}) {
  const queries: UserQuery[] = [];
  const looked: string[] = [];
  const select = (query: UserQuery) => {
    queries.push(query);
    const found = rows.filter(
      ({ name, displayname, deactivated }) =>
        (query.name === undefined || `${name} ${displayname}`.includes(query.name)) &&
        (query.deactivated === true || !deactivated),
    );
    return query.orderBy === 'creation_ts'
      ? found.toSorted((one, other) => (other.creationTs ?? 0) - (one.creationTs ?? 0))
      : found;
  };
  return {
    queries,
    looked,
    async *all(query: UserQuery = {}) {
      yield* select(query);
    },
    async list(query: UserQuery = {}) {
      const found = select(query);
      const start = Number(query.from ?? 0);
      const end = start + (query.limit ?? 100);
      return {
        users: found.slice(start, end),
        total: found.length,
        nextToken: end < found.length ? String(end) : null,
      };
    },
    async whois(name: UserId) {
      const ip = name.startsWith('@spam') ? '203.0.113.7' : '2001:db8:1:2::9';
      return [{ ip, lastSeen: 1, userAgent: null }];
    },
    async find(name: UserId) {
      looked.push(name);
      const service = Object.entries(services).find(([start]) => name.startsWith(`@${start}`));
      return { ...fromList(row('x')), name, appserviceId: service?.[1] ?? null } as UserDetail;
    },
  };
}

const names = (rows: readonly { name: string }[]) =>
  rows.map(({ name }) => name.slice(1).split(':', 1)[0]);

test('filters that Synapse does not have are applied here', async () => {
  const rows = [
    row('alice', { creationTs: 10_000, lastSeenTs: 70_000 }),
    row('bot', { userType: 'bot', creationTs: 20_000, lastSeenTs: null }),
    row('closed', { deactivated: true, creationTs: 30_000 }),
    row('locked', { locked: true, creationTs: 40_000, lastSeenTs: 50_000 }),
    row('spam-1', { creationTs: 50_000, lastSeenTs: 70_000 }),
    row('1spam', { creationTs: 60_000, displayname: 'Spam, Inc.', lastSeenTs: 70_000 }),
  ];
  const search = async (filter: Parameters<typeof searchAccounts>[1]) =>
    names(await searchAccounts(server(rows), filter));
  expect(await search({ name: 'spam' })).toEqual(['spam-1', '1spam']);
  expect(await search({ name: 'spam*' })).toEqual(['spam-1', '1spam']);
  expect(await search({ name: 'spam-?' })).toEqual(['spam-1']);
  // For Synapse, `_` is any character.
  expect(await search({ name: 'spam_1' })).toEqual([]);
  expect(await search({ deactivatedOnly: true })).toEqual(['closed']);
  expect(await search({ deactivated: true })).toHaveLength(6);
  expect(await search({ locked: true })).toEqual(['locked']);
  expect(await search({ locked: false })).not.toContain('locked');
  expect(await search({ type: 'bot' })).toEqual(['bot']);
  expect(await search({ type: 'ordinary' })).not.toContain('bot');
  expect(await search({ createdAfter: 40_999, createdBefore: 60_000 })).toEqual([
    'locked',
    'spam-1',
  ]);
  expect(await search({ lastSeenBefore: 60_000 })).toEqual(['bot', 'locked']);
  expect(await search({ ip: ['203.0.113.7'] })).toEqual(['spam-1']);
  expect(await search({ ip: ['2001:db8:1:2::/64'], locked: true })).toEqual(['locked']);
  await expect(search({ ip: ['nonsense'] })).rejects.toThrow('`--ip` needs IP addresses');
});

test('what is applied here is named', () => {
  expect(filtersAppliedHere({ name: 'spam', admins: false, deactivated: true })).toEqual([]);
  expect(filtersAppliedHere({ name: 'spam*', locked: false, createdAfter: 1 })).toEqual([
    'name',
    'createdAfter',
    'locked',
  ]);
});

test('the newest accounts are found without reading the old ones', async () => {
  const rows = Array.from({ length: 50 }, (_, at) => row(`u${at}`, { creationTs: at * 1000 }));
  let read = 0;
  const counting = {
    ...server(rows),
    async *all(query: UserQuery = {}) {
      for await (const one of server(rows).all(query)) {
        read += 1;
        yield one;
      }
    },
  };
  expect(names(await searchAccounts(counting, { createdAfter: 47_000 }))).toEqual([
    'u47',
    'u48',
    'u49',
  ]);
  expect(read).toBe(4);
});

const many = (count: number, start = 'spam') =>
  Array.from({ length: count }, (_, at) => row(`${start}${at}`));

test('many accounts are read from the list, deactivated ones as well', async () => {
  const rows = [...many(1500), row('spam-old', { deactivated: true })];
  const users = server(rows);
  const found = await accountsFromList(
    users,
    rows.map(({ name }) => name),
  );
  expect(found?.size).toBe(1501);
  expect(users.queries).toHaveLength(2);
  expect(users.queries[0]).toMatchObject({ name: 'spam', limit: 1000, deactivated: true });
  expect(found?.get(id('spam-old'))).toMatchObject({ deactivated: true, listed: 'unchecked' });
});

test('few accounts, and those of a server with many others, are not', async () => {
  expect(
    await accountsFromList(
      server(many(30)),
      many(30).map(({ name }) => name),
    ),
  ).toBe(undefined);
  const users = server([...many(20_000, 'other'), ...many(150), row('x')]);
  const wanted = [...many(150), row('x')].map(({ name }) => name);
  expect(await accountsFromList(users, wanted)).toBe(undefined);
  expect(users.queries).toHaveLength(1);
});

test('users of application services are found by samples of the accounts never seen', async () => {
  const never = { lastSeenTs: null };
  const accounts = [
    ...Array.from({ length: 40 }, (_, at) => row(`_irc_user${at}`, never)),
    ...Array.from({ length: 40 }, (_, at) => row(`spam${at}`, never)),
    ...many(40, 'person'),
  ].map(fromList);
  const users = server([], { _irc_: 'irc' });
  const checked = await withServices(users, accounts);
  expect(users.looked).toHaveLength(2);
  expect(names(checked.filter(({ appserviceId }) => appserviceId === 'irc'))).toHaveLength(40);
  expect(checked.every(({ listed }) => listed === 'checked')).toBe(true);
});

test('not all kinds of names are sampled, and who was not checked is known', async () => {
  const letters = 'abcdefghijklmnopqrstuvwxyz';
  const accounts = Array.from({ length: 400 }, (_, at) =>
    fromList(row(`${letters[at % 26]}${letters[Math.floor(at / 26)]}x`, { lastSeenTs: null })),
  );
  const users = server([]);
  const checked = await withServices(users, accounts);
  expect(users.looked).toHaveLength(150);
  expect(checked.filter(({ listed }) => listed === 'unchecked')).toHaveLength(250);
});
