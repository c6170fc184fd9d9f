import { afterAll, beforeAll, expect, it } from 'vitest';

import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { adminApi, asUserId, homeserver, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const accounts = 120;
const run = `wave${Date.now().toString(36)}`;
/** Named the same, and not of the wave. */
let old: string;
let room: TestRoom;
let users: string[];

beforeAll(async () => {
  room = await openRoom();
  const register = async (localpart: string) =>
    (await MatrixUser.register(homeserver(), { localpart })).userId;
  old = await register(`${run}-old`);
  // Synapse counts creation in seconds.
  await new Promise((go) => setTimeout(go, 2100));
  started = new Date().toISOString();
  const waiting = Array.from({ length: accounts }, (_, at) => `${run}-${at}`);
  users = [];
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        users.push(await register(name));
      }
    }),
  );
}, 120_000);
afterAll(async () => room.close());

let started: string;

async function replyToFile(name: string, text: string, command: string) {
  const url = await room.ana.user.uploadMedia(Buffer.from(text), 'text/csv', name);
  const file = await room.ana.user.send(room.id, 'm.room.message', {
    msgtype: 'm.file',
    body: name,
    url,
  });
  const asked = await room.ana.user.send(room.id, 'm.room.message', {
    msgtype: 'm.text',
    body: command,
    'm.relates_to': { 'm.in_reply_to': { event_id: file } },
  });
  return room.ana.answerTo(asked);
}

it('users lists what Synapse can’t filter, and says so', { timeout: 60_000 }, async () => {
  const found = await room.ana.ask(`!users --name "${run}*" --created-after ${started}`);
  expect(found.field).toMatchObject({ data: { total: accounts } });
  expect(found.body).toContain('Synapse can’t filter by --name and --created-after');
  const before = await room.ana.ask(`!users --name ${run} --created-before ${started}`);
  expect(before.field).toMatchObject({ data: { total: 1 } });
  expect(before.body).toContain(old);
});

it('filters select accounts once, when they are shown', { timeout: 120_000 }, async () => {
  const confirmation = await room.ana.ask(
    `!lock --matching "--name ${run}-* --created-after ${started} --no-admins" --reason wave`,
  );
  expect(confirmation.field.status).toBe('pending');
  expect(confirmation.body).toContain(`Lock ${accounts} accounts?`);
  expect(confirmation.body).toContain(`all names start with ${run}-`);
  expect(confirmation.body).toContain('Matching: --name=');
  const late = await newUser(`${run}-late`);
  const begin = performance.now();
  await room.ana.say(`!confirm ${confirmation.field.confirmation?.code}`);
  const done = await room.ana.outcomeOf(confirmation, 'done', 'partial', 'failed');
  expect(done.body).toContain(`${accounts} of ${accounts} accounts done`);
  expect(performance.now() - begin).toBeLessThan(60_000);
  for (const spared of [late.userId, old]) {
    expect((await adminApi().users.get(asUserId(spared))).locked).toBe(false);
  }
  expect((await adminApi().users.get(asUserId(users[7] ?? ''))).locked).toBe(true);
});

it('a CSV file selects accounts, and names the line of one that is not there', async () => {
  const rows = users.map((user) => `x,${user}`);
  const wrong = await replyToFile(
    'wrong.csv',
    ['note,user_id', ...rows.slice(0, 3), `x,@nobody-${run}:localhost`, ...rows.slice(3)].join(
      '\n',
    ),
    '!unlock --from-file',
  );
  expect(wrong.field.error?.code).toBe('unknown_user');
  expect(wrong.body).toContain('(line 5 of the file)');
  const right = await replyToFile(
    'right.csv',
    ['note,user_id', ...rows, `x,${old}`].join('\n'),
    '!unlock --from-file',
  );
  expect(right.body).toContain(`Unlock ${accounts} accounts?`);
  expect(right.body).toContain(`Left out: ${old} (is not locked)`);
}, 60_000);

it('filters that match nothing, or protected accounts, change nothing', async () => {
  const none = await room.ana.ask('!lock --matching "--name nobody-is-called-so"');
  expect(none.body).toContain('no account matches these filters');
  const bot = await room.ana.ask(`!lock --matching "--user-id ${room.bot.userId}"`);
  expect(bot.field.status).toBe('protected');
  const usage = await room.ana.ask('!lock --matching "--limit 3"');
  expect(usage.body).toContain('--limit is not a filter');
});
