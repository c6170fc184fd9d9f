import { expect, it } from 'vitest';

import { localpartOf, parseUserId } from '../../../src/core/ids.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { groupSignUps } from '../../../src/services/accounts/sign-up-groups.ts';
import type { SignUp } from '../../../src/services/accounts/sign-up-groups.ts';

function signUp(name: string, more: Partial<SignUp> = {}): SignUp {
  return {
    name: parseUserId(`@${name}:example.com`) as UserId,
    displayname: null,
    createdAt: 1000,
    networks: [],
    emailDomains: [],
    userAgents: [],
    ...more,
  };
}

const found = (signUps: readonly SignUp[]) =>
  groupSignUps(signUps).map(({ members, filter }) => ({
    members: members.map(({ name }) => localpartOf(name)).toSorted(),
    filter,
  }));

it('accounts with one pattern of names and few addresses are one group', () => {
  const wave = Array.from({ length: 30 }, (_, at) =>
    signUp(`coins${at * 7}`, { networks: [`203.0.113.${at % 3}`], userAgents: ['curl/8'] }),
  );
  const others = [signUp('alice', { networks: ['198.51.100.1'] }), signUp('bob')];
  const [group, ...rest] = groupSignUps([...wave, ...others]);
  expect(rest).toEqual([]);
  expect(group?.members).toHaveLength(30);
  expect(group?.namePattern).toBe('coins*');
  expect(group?.networks).toHaveLength(3);
  expect(group?.userAgent).toEqual({ value: 'curl/8', accounts: 30 });
  expect(group?.filter).toEqual({ name: 'coins*' });
});

it('a pattern that others fit as well selects nothing', () => {
  const networks = ['203.0.113.7'];
  const wave = ['coins1', 'coins2', 'coins3'].map((name) => signUp(name, { networks }));
  const namesake = signUp('carol', { displayname: 'Coins and more' });
  expect(found([...wave, namesake])).toEqual([
    { members: ['coins1', 'coins2', 'coins3'], filter: { ip: networks } },
  ]);
});

it('accounts with random names are found by their address', () => {
  const networks = ['2001:db8:1:2::/64'];
  const wave = ['qx', 'lm3p', 'zzt'].map((name) => signUp(name, { networks }));
  expect(found([...wave, signUp('alice')])).toEqual([
    { members: ['lm3p', 'qx', 'zzt'], filter: { ip: networks } },
  ]);
});

it('an e-mail domain makes a group, a public provider does not', () => {
  const at = (domain: string) => (name: string) => signUp(name, { emailDomains: [domain] });
  expect(
    found([
      ...['ada', 'bea', 'cem'].map(at('gmail.com')),
      ...['dan', 'eve', 'fay'].map(at('throwaway.example')),
    ]),
  ).toEqual([{ members: ['dan', 'eve', 'fay'], filter: undefined }]);
});

it('two accounts, or the same program alone, are no group', () => {
  expect(found([signUp('coins1'), signUp('coins2')])).toEqual([]);
  expect(
    found(['ada', 'bea', 'cem'].map((name) => signUp(name, { userAgents: ['Element'] }))),
  ).toEqual([]);
});

it('two waves are two groups, the larger one first, and nobody is in both', () => {
  const one = ['1', '2', '3'].map((at) => signUp(`coins${at}`, { networks: ['203.0.113.1'] }));
  const other = ['1', '2', '3', '4'].map((at) =>
    signUp(`pills${at}`, { networks: ['203.0.113.2', ...(at === '1' ? ['203.0.113.1'] : [])] }),
  );
  expect(found([...one, ...other])).toEqual([
    { members: ['pills1', 'pills2', 'pills3', 'pills4'], filter: { name: 'pills*' } },
    { members: ['coins1', 'coins2', 'coins3'], filter: { name: 'coins*' } },
  ]);
});
