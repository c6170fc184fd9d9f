import { afterAll, beforeAll, expect, it } from 'vitest';

import { startOwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import type { Homeserver } from '../../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

// New accounts of other tests would be in the same groups.
let server: Homeserver;
let room: TestRoom;

beforeAll(async () => {
  server = await startOwnHomeserver();
  room = await openRoom({}, { server });
  for (let at = 0; at < 9; at += 1) {
    const spammer = await signUp(`-coins${at}`, `203.0.113.${at % 3}`);
    const lobby = await spammer.createRoom({ preset: 'public_chat' });
    await spammer.invite(lobby, room.vic.user.userId);
  }
  for (const name of ['qx', 'lm3p', 'zzt']) {
    await signUp(name, '2001:db8:1:2::9');
  }
  await signUp('alice', '198.51.100.1');
  await signUp('bob', '198.51.100.2');
});
afterAll(async () => {
  await room.close();
  await server.stop();
});

async function signUp(localpart: string, address: string): Promise<MatrixUser> {
  const user = await MatrixUser.register(server, { localpart });
  await user.request('GET', '/_matrix/client/v3/account/whoami', { address });
  return user;
}

it('finds a wave, says why, and gives the line that handles it', async () => {
  const answer = await room.ben.ask('!recent-users --since 10m');
  const [wave, other] = (answer.field.data as { groups: Record<string, unknown>[] }).groups;
  expect(wave).toMatchObject({ accounts: 9, name_pattern: '-coins*', invites: 9, joins: 9 });
  expect(other).toMatchObject({ accounts: 3, networks: [{ value: '2001:db8:1:2::/64' }] });
  expect(answer.body).toContain('look alike');
  expect(answer.body).toContain('203.0.113.0 (3)');
  expect(answer.body).not.toContain('alice');

  for (const [selected, count] of [
    ['--name=-coins*', 9],
    ['--ip 2001:db8:1:2::/64', 3],
  ] as const) {
    const line = answer.body
      .split('\n')
      .map((one) => /!deactivate --matching "[^"]+"/u.exec(one)?.[0])
      .find((one) => one?.includes(selected));
    const question = await room.ben.ask(`${line} --reason wave`);
    expect(question.body).toContain(`${count} accounts`);
    await room.ben.ask('!confirm');
    await room.ben.outcomeOf(question, 'done');
  }

  const after = await room.ben.ask('!recent-users --since 10m');
  expect(after.body).toContain('none of them look alike');
  const alice = await room.ben.ask('!user alice');
  expect(alice.body).not.toContain('deactivated');
});

it('is for moderators, and so is searching by address', async () => {
  expect((await room.vic.ask('!recent-users')).field.status).toBe('denied');
  const search = await room.vic.ask('!users --ip 198.51.100.1');
  expect(search.field.status).not.toBe('done');
  expect(search.body).not.toContain('alice');
  const found = await room.ben.ask('!users --ip 198.51.100.0/30 --created-after 1h');
  expect(found.body).toContain('alice');
  expect(found.body).toContain('bob');
  expect((await room.ben.ask('!users --ip nonsense')).body).toContain('needs IP addresses');
});
