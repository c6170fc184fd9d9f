import { afterAll, beforeAll, expect, it } from 'vitest';

import { startOwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import type { Homeserver } from '../../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { highlightsOf } from '../../support/notifications.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

// New accounts of other tests would be part of the wave.
let server: Homeserver;
let room: TestRoom;

beforeAll(async () => {
  server = await startOwnHomeserver();
});
afterAll(async () => {
  await room.close();
  await server.stop();
});

const alerts = () =>
  room.ben.unasked().filter(({ body }) => /^⚠️ \d+ new accounts in /u.test(body));

async function signUp(localpart: string, address: string): Promise<void> {
  const user = await MatrixUser.register(server, { localpart });
  await user.request('GET', '/_matrix/client/v3/account/whoami', { address });
}

it('a wave calls those on call once, and shows the moderator what to look at', async () => {
  room = await openRoom(
    { reports: { rules: [{ name: 'wave', when: { signups: { atLeast: 20, within: '10m' } } }] } },
    { server, timing: { signUpPollMs: 200 } },
  );
  for (let at = 0; at < 15; at += 1) {
    await signUp(`-coins${at}`, `203.0.113.${at % 3}`);
  }
  // The people of the room count, too: nineteen with the bot.
  expect(alerts()).toEqual([]);
  await signUp('-coins15', '203.0.113.1');
  const alert = await room.ben.until('the alert', () => alerts()[0]);
  expect(alert.body).toMatch(/^⚠️ 20 new accounts in \d+ seconds?: 16 of them look alike\n/u);
  expect(alert.body).toContain('16 accounts named -coins* from 3 addresses');
  expect(alert.body).toContain('rule wave: 20 or more within 10 minutes');
  // Everybody in the room sees it.
  expect(alert.body).not.toContain('203.0.113');
  expect(await highlightsOf(room.ana.user)).toEqual([alert.event]);

  const line = /!recent-users --since \S+/u.exec(alert.body)?.[0] ?? '';
  const shown = await room.ben.ask(line);
  expect(shown.field.data).toMatchObject({ total: 20 });
  expect(shown.body).toContain('16 of 20 new accounts look alike');

  await room.stopBot();
  await room.startBot();
  await signUp('alice', '198.51.100.1');
  await room.ben.ask('!status');
  await room.ben.ask('!status');
  expect(alerts()).toHaveLength(1);

  // Nobody is called again while it grows, but the alert says so.
  for (let at = 16; at < 30; at += 1) {
    await signUp(`-coins${at}`, `203.0.113.${at % 3}`);
  }
  const grown = await room.ben.until('the edit', () => alerts().find(({ edited }) => edited));
  expect(grown.body).toMatch(/^⚠️ \d+ new accounts in .*: \d+ more than when I alerted you/u);
  expect(alerts()).toHaveLength(1);
  expect(await highlightsOf(room.ana.user)).toEqual([alert.event]);
  const stats = await room.ben.ask('!stats --last 1d');
  expect(stats.body).toContain('wave');
  expect((await room.ben.ask('!status')).body).toMatch(/^✅/u);
});
