import { copyFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Answer } from '../../dev/room/moderator.ts';
import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { runChecks } from '../../src/cli/check-config/checks.ts';
import { backupDatabase } from '../../src/store/files/backup.ts';
import { adminApi, asUserId, newUser, uniqueLocalpart } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';
import { onPostgres } from '../support/test-database.ts';

const api = adminApi();

let room: TestRoom;
let mallory: MatrixUser;
let trudy: MatrixUser;
let walter: MatrixUser;
beforeAll(async () => {
  // The head of the audit log comes as soon as there is one.
  room = await openRoom({}, { timing: { headLookMs: 100 } });
  [mallory, trudy, walter] = await Promise.all([
    newUser('mallory'),
    newUser('trudy'),
    newUser('walter'),
  ]);
});
afterAll(async () => room.close());

const isShadowBanned = async (user: MatrixUser) =>
  (await api.users.get(asUserId(user.userId))).shadowBanned;

// Other tests have tokens on this homeserver, too. These are of nobody else: they have
// this number of uses.
const OWN_USES = 7321;

/** The registration tokens this file has made. */
async function ownTokens() {
  const tokens = await api.registrationTokens.list();
  return tokens.filter(({ usesAllowed }) => usesAllowed === OWN_USES);
}

const alerts = () => room.ana.unasked().filter(({ body }) => body.startsWith('⚠️ My database'));

async function newAlert(before: number): Promise<Answer> {
  return room.ana.until('the alert', () => alerts()[before]);
}

/** What the bot says to this comes after all that it had to say before. */
async function nothingMoreIsSaid(): Promise<void> {
  await room.ana.ask('!version');
}

async function useDatabase(backup: string | undefined): Promise<void> {
  for (const ending of ['', '-wal', '-shm']) {
    await rm(room.databaseFile + ending, { force: true });
  }
  if (backup !== undefined) {
    await copyFile(backup, room.databaseFile);
  }
}

/** What check-config warns of about the database. */
async function databaseWarnings() {
  const file = path.join(room.folder, 'lawspeaker.yaml');
  const { homeserver, managementRoom, database } = room.config;
  await writeFile(file, JSON.stringify({ homeserver, managementRoom, database }), { mode: 0o600 });
  const checks = await runChecks(file, {});
  return checks.filter(({ name, advice }) => name === 'database' && advice !== null);
}

let confirmation: Answer;

it.skipIf(onPostgres)(
  'SQLite: a restored backup does nothing twice, and tells what it does not know',
  async () => {
    const { ana, ben } = room;
    await ana.ask(`!shadow-ban ${trudy.userId}`);
    await ana.until('the head', () =>
      ana.unasked().find(({ body }) => body.includes('Audit log:')),
    );
    const early = await ana.ask(`!deactivate ${walter.userId}`);
    const backup = `${room.databaseFile}.backup`;
    await backupDatabase(room.databaseFile, backup);

    const ban = await ana.say(`!shadow-ban ${mallory.userId}`);
    await ana.answerTo(ban);
    await ana.ask(`!create-token --uses ${OWN_USES}`);
    const doomed = uniqueLocalpart('token');
    await ana.ask(`!create-token --token ${doomed} --uses ${OWN_USES}`);
    const deletion = await ana.ask(`!delete-token ${doomed}`);
    await ana.user.react(room.id, deletion.event, '✅');
    await ana.outcomeOf(deletion, 'done');
    // Pending in the backup, decided in the room.
    await ana.user.react(room.id, early.event, '✅');
    await ana.outcomeOf(early, 'done');
    confirmation = await ana.ask(`!deactivate ${mallory.userId}`);
    expect(confirmation.field.status).toBe('pending');
    await room.stopBot();
    // What would show if it were done once more.
    await api.users.unshadowBan(asUserId(mallory.userId));
    await api.registrationTokens.create({ token: doomed, usesAllowed: OWN_USES });
    await api.users.reactivate(asUserId(walter.userId));
    const tokens = await ownTokens();
    expect(tokens).toHaveLength(2);
    const late = await ben.say(`!user ${mallory.userId}`);
    await useDatabase(backup);
    const [hint] = await databaseWarnings();
    expect(hint?.message).toMatch(
      /: its audit log ends at #\d, and the room shows actions up to #\d+\.$/u,
    );
    expect(hint?.advice).toContain('If you have a newer backup, restore that one.');
    await room.startBot();

    const alert = await newAlert(0);
    expect(alert.content['m.mentions']).toEqual({ user_ids: [ana.user.userId] });
    expect(alert.body).toContain('My database is older than this room');
    expect(alert.body).toMatch(/My record ends at #2, and this room shows actions up to #\d+/u);
    expect(alert.body).toContain(mallory.userId);
    expect(alert.field.data).toMatchObject({
      record_ends_at: 2,
      missing: [
        { id: 3, command: 'shadow-ban', status: 'done' },
        { command: 'create-token', status: 'done' },
        { command: 'create-token', status: 'done' },
        { command: 'delete-token', status: 'done' },
        { command: 'deactivate', status: 'done' },
      ],
    });
    expect(alert.body).toMatch(/5 actions are missing, (?:of|from) \d{4}-\d\d-\d\d/u);
    // What came when nobody was there is done.
    expect((await ben.answerTo(late)).field.status).toBe('done');
    await nothingMoreIsSaid();
    expect(ana.answersTo(ban)).toHaveLength(1);
    expect(await isShadowBanned(mallory)).toBe(false);
    expect(await ownTokens()).toEqual(tokens);
    expect((await api.users.get(asUserId(walter.userId))).deactivated).toBe(false);
    const notDone = ana.unasked().filter(({ body }) => body.includes('Not done'));
    expect(notDone).toEqual([]);
    expect((await ana.ask('!pending')).body).not.toContain(walter.userId);
    expect((await ana.ask('!status')).body).toContain('the audit log lacks #3 to #');
  },
  60_000,
);

it.skipIf(onPostgres)(
  'SQLite: a confirmation of the lost time can’t be confirmed, and whoever tries hears it',
  async () => {
    const { ana } = room;
    const lost = await ana.outcomeOf(confirmation, 'expired');
    expect(lost.body).toContain('can’t be confirmed any more');
    await ana.user.react(room.id, confirmation.event, '✅');
    await ana.until('an answer to the tick', () =>
      ana.unasked().find(({ body }) => body.includes('from before my database was restored')),
    );
    const yes = await ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.text',
      body: 'yes',
      'm.relates_to': { 'm.in_reply_to': { event_id: confirmation.event } },
    });
    expect((await ana.answerTo(yes)).body).toContain('from before my database was restored');
    const typed = await ana.ask(`!confirm ${confirmation.field.confirmation?.code}`);
    expect(typed.body).toContain('there is no confirmation with the code');
    expect(typed.body).toMatch(
      /If it is from before \S+ \S+ UTC, when my database was restored or lost, resend the command\./u,
    );
    expect((await api.users.get(asUserId(mallory.userId))).deactivated).toBe(false);
  },
);

it.skipIf(onPostgres)(
  'SQLite: says of a lost entry that it is missing, and undoes no newer one in its place',
  async () => {
    const { ana } = room;
    for (const command of ['undo', 'audit']) {
      const missing = await ana.ask(`!${command} 5`);
      expect(missing.field.status).toBe('failed');
      expect(missing.body).toContain(
        'audit entry #5 is missing since my database was restored or lost',
      );
    }
  },
);

it.skipIf(onPostgres)('SQLite: tells it once, and goes on working', async () => {
  await room.stopBot();
  await room.startBot();
  expect((await room.ana.ask(`!shadow-ban ${mallory.userId}`)).field).toMatchObject({
    status: 'done',
    audit: [3],
  });
  expect(alerts()).toHaveLength(1);
  const shown = await room.ana.ask('!audit 3');
  expect(shown.body).toContain(`Next: !unshadow-ban ${mallory.userId} · `);
  expect(shown.body).not.toContain('!undo 3');
  const undone = await room.ana.ask('!undo 3');
  expect(undone.body).toContain('#3 stands for two actions in this room');
  expect(undone.body).toContain(`To undo it: !unshadow-ban ${mallory.userId}`);
  expect(await isShadowBanned(mallory)).toBe(true);
  expect((await room.ana.ask('!undo last')).field.status).toBe('done');
  expect(await isShadowBanned(mallory)).toBe(false);
});

it.skipIf(onPostgres)(
  'SQLite: a new database beside an old room is an alarm, and nothing is done twice',
  async () => {
    const { ana } = room;
    const last = await ana.say(`!shadow-ban ${mallory.userId}`);
    await ana.answerTo(last);
    await room.stopBot();
    await api.users.unshadowBan(asUserId(mallory.userId));
    const tokens = await ownTokens();
    expect(await databaseWarnings()).toEqual([]);
    await useDatabase(undefined);
    const [hint] = await databaseWarnings();
    expect(hint?.message).toContain(
      'there are no actions in it, and the room shows actions up to #',
    );
    expect(hint?.advice).toContain('If the database was lost, restore a backup');
    await room.startBot();
    const alert = await newAlert(1);
    expect(alert.body).toContain(
      'My database is new, and this room shows the work of an older one',
    );
    expect(alert.body).toContain('my audit log has no such row');
    await nothingMoreIsSaid();
    expect(ana.answersTo(last)).toHaveLength(1);
    expect(await isShadowBanned(mallory)).toBe(false);
    expect(await ownTokens()).toEqual(tokens);
    // Nor after one more start.
    await room.stopBot();
    await room.startBot();
    await nothingMoreIsSaid();
    expect(alerts()).toHaveLength(2);
  },
);
