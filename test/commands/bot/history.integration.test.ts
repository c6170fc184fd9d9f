import { isDeepStrictEqual } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Answer } from '../../../dev/room/moderator.ts';
import { newRoom, newUser } from '../../support/homeserver.ts';
import { openReportStore } from '../../support/report-store.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const hour = 3_600_000;

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

it('says that nothing is known, of a user by name and of a room by alias', async () => {
  const user = await newUser('stranger');
  const local = user.userId.slice(1, user.userId.indexOf(':'));
  const nothing = await room.vic.ask(`!history ${local}`);
  expect(nothing.field).toMatchObject({
    status: 'done',
    data: { total: 0, subject: { kind: 'user', id: user.userId } },
  });
  expect(nothing.body).toBe(`ℹ️ Nothing is known about ${user.userId}\nNext: !user ${user.userId}`);
  const name = `lobby-${Date.now()}`;
  const id = await newRoom(user, { preset: 'public_chat', room_alias_name: name });
  const byAlias = await room.vic.ask(`!history #${name}:localhost`);
  expect(byAlias.field.data).toMatchObject({ subject: { kind: 'room', id } });
  const wrong = await room.vic.ask('!history $event');
  expect(wrong.field.status).toBe('usage');
  expect(wrong.body).toContain('neither a user nor a room');
});

it('shows what was done to a user, what was said about it and by it, newest first', async () => {
  const mallory = (await newUser('mallory')).userId;
  await using queue = await openReportStore(room.databaseFile);
  const now = Date.now();
  const [ana, ben] = [room.ana.user.userId, room.ben.user.userId];
  const first = await queue.report({ at: now - 5 * hour, sender: mallory });
  await queue.report({ at: now - 4 * hour, event: '$two', sender: mallory, reporter: '@rita:x' });
  await queue.report({ at: now - 3 * hour, event: '$two', sender: mallory, reporter: '@rob:x' });
  await queue.move(first, 'dismissed', ben, now - 4 * hour);
  const own = await queue.report({
    at: now - 6 * hour,
    sender: '@victim:x',
    reporter: mallory,
    reason: '<i>they</i> annoy\nme',
  });
  await queue.move(own, 'dismissed', ana, now - 2 * hour);

  await room.ben.ask(`!shadow-ban ${mallory} --for 24h --reason "spam, again"`);
  await room.vic.ask(`!deactivate ${mallory}`);
  const confirmation = await room.ben.ask(`!deactivate ${mallory}`);
  await room.ben.ask(`!cancel ${confirmation.field.confirmation?.code}`);

  const answer = await room.vic.ask(`!history ${mallory}`);
  const [title, about, by, ...rows] = answer.body.split('\n');
  expect(title).toBe(`ℹ️ ${mallory}: 1 item open, 1 action`);
  expect(about).toBe('3 reports by 2 people in 2 items · 1 open · 1 dismissed');
  expect(by).toBe('Reported others 1 time · 1 dismissed');
  const kinds = (answer.field.data as { rows: { kind: string }[] }).rows.map(({ kind }) => kind);
  expect(kinds).toEqual(['confirmation', 'action', 'timer', 'action', 'item', 'item', 'reporting']);
  expect(rows[1]).toContain(
    `confirmation ${confirmation.field.confirmation?.code}: deactivate asked by`,
  );
  expect(rows[1]).toContain(`cancelled by ${ben}`);
  expect(rows[2]).toContain(`❌ denied: deactivate by ${room.vic.user.userId}`);
  expect(rows[3]).toMatch(/timer \d+: unshadow-ban .* by .*, in 1 day/u);
  expect(rows[4]).toContain(`✅ done: shadow-ban by ${ben}, “spam, again”, audit #`);
  expect(rows[4]).toMatch(/audit #\d+, operation \d+/u);
  // It was refused, so there is none.
  expect(rows[2]).not.toContain('operation');
  expect(rows[5]).toContain('reported 2 times, open: a message by');
  expect(rows[6]).toContain(`reported 1 time, dismissed by ${ben}`);
  expect(rows[7]).toContain('“<i>they</i> annoy␤me”, dismissed');
  expect(answer.html).toContain('&lt;i&gt;they');
  expect(answer.body).toContain(`Next: !user ${mallory} · !reports --sender ${mallory}`);
  // The audit log itself is for moderators.
  expect(answer.body).not.toContain('!audit');
  expect((await room.ben.ask(`!history ${mallory}`)).body).toContain(`!audit --target ${mallory}`);

  const card = await room.vic.ask(`!user ${mallory}`);
  expect(card.body).toContain('Reported 3 times by 2 people · 1 case open · 1 previous action');
  expect(card.body).toContain(`!history ${mallory}`);
});

it('leads from page to page, and sends all as a file', async () => {
  await using queue = await openReportStore(room.databaseFile);
  const sender = '@flooder:elsewhere.example';
  const now = Date.now();
  for (let number = 0; number < 45; number += 1) {
    // All at once: the order must hold all the same.
    await queue.report({ at: now, event: `$flood-${number}`, sender });
  }
  const seen: number[] = [];
  let answer = await room.vic.ask(`!history ${sender}`);
  expect(answer.body).toContain('20 of 45 entries');
  for (;;) {
    const data = answer.field.data as { rows: { id: number }[] };
    seen.push(...data.rows.map(({ id }) => id));
    if (!answer.body.includes('!more')) {
      break;
    }
    answer = await room.vic.ask('!more');
  }
  expect(new Set(seen).size).toBe(45);
  expect(seen).toEqual(seen.toSorted((one, other) => other - one));
  const file = await room.vic.ask(`!history ${sender} --all --format json`);
  expect(file.body).toContain('45 rows in history.json');
  expect((await room.vic.ask(`!history ${sender} --from 20`)).field.status).toBe('usage');
});

it('lists what is scheduled and has no entry yet', async () => {
  const mallory = (await newUser('mallory')).userId;
  const later = await room.ben.ask(`!lock ${mallory} --in 2h`);
  const { id } = later.field.operation as { id: number };
  const answer = await room.vic.ask(`!history ${mallory}`);
  expect(answer.field.data).toMatchObject({
    total: 1,
    rows: [{ kind: 'operation', id, command: 'lock', state: 'scheduled' }],
  });
  expect(answer.body).toMatch(/⏳ scheduled: lock by @ben\S*, in 2 hours.*, operation \d+/u);
  await room.ben.ask(`!stop-job ${id}`);
  expect((await room.vic.ask(`!history ${mallory}`)).field.data).toMatchObject({ total: 0 });
});

it('says what will be noted later', async () => {
  const mallory = (await newUser('mallory')).userId;
  await room.ben.ask(`!note --in 2h ${mallory} is to answer, see https://evil.example`);
  await room.ben.ask(`!tag ${mallory} on-parole --for 1d --in 2h`);
  const { body } = await room.vic.ask(`!history ${mallory}`);
  expect(body).toContain('⏳ scheduled: note “is to answer, see https[:]//evil[.]example” by @ben');
  expect(body).toMatch(/⏳ scheduled: tag on-parole until \d{4}-\d\d-\d\d \d\d:\d\d UTC by @ben/u);
  expect(body).not.toContain('(passed)');
});

it('knows of a room what was reported in it and done to it', async () => {
  const owner = await newUser('owner');
  const id = await newRoom(owner);
  await using queue = await openReportStore(room.databaseFile);
  await queue.report({ at: Date.now() - hour, room: id, sender: '@mallory:elsewhere.example' });
  await queue.report({ at: Date.now() - hour, user: owner.userId });
  await room.ben.ask(`!block-room ${id} --reason "scam room"`);
  const answer = await room.vic.ask(`!history ${id}`);
  expect(answer.body).toContain(`${id}: 1 item open, 1 action`);
  expect(answer.body).toContain('✅ done: block-room');
  expect(answer.body).toContain('reported 1 time, open: a message by @mallory:elsewhere.example');
  expect(answer.body).toContain(`Next: !room ${id}`);
  const ofOwner = await room.vic.ask(`!history ${owner.userId}`);
  expect(ofOwner.body).toContain('reported 1 time, open: the user');
});

it('sends a picture of a long history with its first page, and of no other', async () => {
  const mallory = (await newUser('mallory')).userId;
  await using queue = await openReportStore(room.databaseFile);
  for (let at = 0; at < 24; at += 1) {
    await queue.report({ at: Date.now() - at * hour, sender: mallory, event: `$long-${at}` });
  }
  const answer = await room.vic.ask(`!history ${mallory}`);
  const pictureOf = ({ content: { 'm.relates_to': relation } }: Answer) =>
    room.vic.events.find(
      ({ content }) =>
        content['filename'] === 'timeline.png' &&
        isDeepStrictEqual(content['m.relates_to'], relation),
    );
  const picture = await room.vic.until('the picture', () => pictureOf(answer));
  expect(picture.content).toMatchObject({
    msgtype: 'm.image',
    body: expect.stringMatching(/^Timeline: /u) as string,
    info: { mimetype: 'image/png' },
  });

  const others = [
    await room.vic.ask('!more'),
    await room.vic.ask(`!history ${mallory} --no-picture`),
  ];
  expect(others[0]?.body).toContain('reported 1 time');
  // Pictures of theirs would be here before one that was asked for later.
  const again = await room.vic.ask(`!history ${mallory}`);
  await room.vic.until('the next picture', () => pictureOf(again));
  expect(others.map(pictureOf)).toEqual([undefined, undefined]);
});

it('quotes the messages that the server sent to a user', async () => {
  const { userId } = await newUser('warned');
  await using queue = await openReportStore(room.databaseFile);
  await queue.store.transaction(async ({ auditLog }) => {
    const id = await auditLog.begin(
      {
        actor: room.ben.user.userId,
        command: 'server-notice',
        arguments: { accounts: [userId], text: 'Please read our **rules**.' },
        target: userId,
        eventId: '$notice',
        roomId: room.id,
      },
      Date.now(),
    );
    await auditLog.finish(id, { status: 'done' }, Date.now());
  });
  const { body } = await room.vic.ask(`!history ${userId}`);
  expect(body).toContain('✅ done: server-notice “Please read our **rules**.” by ');
});
