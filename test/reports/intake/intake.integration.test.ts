import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { startBotProcess } from '../../../dev/room/bot-process.ts';
import type { BotProcess } from '../../../dev/room/bot-process.ts';
import { Moderator } from '../../../dev/room/moderator.ts';
import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { asRoomId } from '../../support/homeserver.ts';
import { cardOf, startReportServer } from '../../support/report-room.ts';
import type { ReportServer } from '../../support/report-room.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import type { TestDatabase } from '../../support/test-database.ts';

let server: ReportServer;
let vera: MatrixUser;
let lobby: string;
beforeAll(async () => {
  server = await startReportServer(0);
  vera = await server.newUser('vera');
  lobby = await server.lobby(vera);
});
afterAll(async () => server.stop());

/** The reports that the bot has taken in: `id.received_ts.event`, and the item of each. */
async function taken(database: TestDatabase): Promise<{ key: string; item: number }[]> {
  return database.read(
    "SELECT report_id || '.' || received_ts || '.' || subject AS key, item_id AS item FROM reports",
  );
}

/** The same by the homeserver's own list. */
async function listed(): Promise<string[]> {
  const keys: string[] = [];
  for await (const report of server.api.reports.events.all({ dir: 'f' })) {
    keys.push(`${report.id}.${report.receivedTs}.${report.eventId}`);
  }
  return keys;
}

it('reports that come together, from many people, are each taken in once', async () => {
  const room = await server.openRoom({ reports: { maxCardsPerMinute: 1 } });
  const people = await Promise.all([1, 2, 3].map(async () => server.newUser('reporter')));
  await Promise.all(people.map(async (person) => person.join(lobby)));
  const messages = await Promise.all(
    Array.from({ length: 12 }, async (_, at) => vera.sendText(lobby, `message ${at}`)),
  );
  await Promise.all(
    messages.flatMap((message) =>
      people.map(async (person) => person.reportEvent(lobby, message, { reason: 'spam' })),
    ),
  );
  // A report that nobody can foresee is no reason to miss another.
  await vera.reportEvent(lobby, messages[0] ?? '', { reason: 'x'.repeat(100_000), score: -1e15 });
  const digest = await room.ana.until('the digest', () =>
    room.ana.unasked().find(({ body }) => /11 more items.*3[34] reports/u.test(body)),
  );
  expect(digest.body).toContain(vera.userId);
  const keys = (await taken(room.database)).map(({ key }) => key);
  expect(keys.toSorted()).toEqual((await listed()).toSorted());
  expect(new Set(keys).size).toBe(37);
  // One card, and a digest that was edited: the room stays readable.
  const card = await room.ana.until('the card', () =>
    room.ana.unasked().find(({ field }) => (field.data as { id?: number }).id !== undefined),
  );
  expect(room.ana.unasked()).toHaveLength(2);
  // Whoever claims an item of the digest gets its card.
  const last = await room.ana.ask('!reports');
  const item = (last.field.data as { rows: { id: number; subject: string }[] }).rows[0];
  const shown = card.field.data as { id: number };
  const other = item?.id === shown.id ? shown.id + 1 : (item?.id ?? 0);
  await room.ana.ask(`!claim ${other}`);
  await room.ana.until('its card', () =>
    room.ana.unasked().find(({ field }) => (field.data as { id?: number }).id === other),
  );
  await room.close();
}, 60_000);

it('reports that are deleted, and a room that is, hide no other; numbers are used again', async () => {
  const room = await server.openRoom();
  const doomed = await server.lobby(vera);
  const inDoomed = await vera.sendText(doomed, 'here');
  await vera.reportEvent(doomed, inDoomed, { reason: 'in a room that goes' });
  await cardOf(room.ana, inDoomed);
  const first = await vera.sendText(lobby, 'first');
  await vera.reportEvent(lobby, first, { reason: 'one' });
  await cardOf(room.ana, first);
  const [newest] = (await server.api.reports.events.list({ limit: 1 })).eventReports;
  expect(newest?.eventId).toBe(first);
  await server.api.reports.events.delete(newest?.id ?? 0);
  const deletion = await server.api.rooms.delete(asRoomId(doomed), { block: false, purge: true });
  // Its end is looked for, since the server says it only when asked.
  while ((await server.api.rooms.deletionStatus(deletion))?.status !== 'complete') {
    await wait(50);
  }

  // Synapse begins with the largest number that is left.
  await server.changeDatabase(() => undefined);
  const second = await vera.sendText(lobby, 'second');
  await vera.reportEvent(lobby, second, { reason: 'two' });
  await cardOf(room.ana, second);
  const ids = (await taken(room.database)).map(({ key }) => key.split('.')[0]);
  expect(new Set(ids).size).toBeLessThan(ids.length);

  // What was reported is still known where the room is gone.
  const report = await room.ana.ask(
    `!report ${((await cardOf(room.ana, inDoomed)).field.data as { id: number }).id}`,
  );
  expect(report.body).toContain('“here”');
  expect(report.body).toContain('The message doesn’t exist on the server any more.');
  await room.close();
}, 60_000);

it('of 10,000 reports from before the first start none is missed and none taken twice, with kill -9 in the middle', async () => {
  await server.changeDatabase((db) => {
    const insert = db.prepare(
      'INSERT INTO event_reports (id, received_ts, room_id, event_id, user_id, reason, content) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    const { last } = db
      .prepare<[], { last: number }>('SELECT max(id) AS last FROM event_reports')
      .get() ?? { last: 1 };
    const from = Date.now() - 30 * 86_400_000;
    db.transaction(() => {
      for (let at = 1; at <= 10_000; at += 1) {
        // Many in the same millisecond, and several about the same message.
        const receivedTs = from + Math.floor(at / 7) * 1000;
        const event = `$made-up-${at % 6000}`;
        const reporter = `@reporter${at % 500}:localhost`;
        insert.run(last + at, receivedTs, lobby, event, reporter, 'spam', '{"reason":"spam"}');
      }
    })();
  });
  const [bot, ana] = await Promise.all([
    server.newUser('bot', { admin: true }),
    server.newUser('ana'),
  ]);
  const room = await ana.createRoom({ preset: 'private_chat', invite: [bot.userId] });
  const looking = await new Moderator(ana, room).look();
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-backlog-'));
  await using database = await createTestDatabase();
  const start = async () =>
    startBotProcess(folder, {
      homeserver: { url: server.homeserver.url, accessToken: bot.account.accessToken },
      managementRoom: room,
      database: database.config,
      reports: { pollInterval: '1s' },
    });
  let running: BotProcess = await start();
  for (const enough of [1, 3000]) {
    while ((await taken(database)).length < enough) {
      await wait(5);
    }
    await running.kill();
    expect((await taken(database)).length).toBeLessThan(10_000);
    running = await start();
  }
  const summary = await looking.until('the sum', () =>
    looking.unasked().find(({ body }) => body.includes('from before my first start')),
  );
  const all = await listed();
  expect(summary.body).toContain(`${all.length.toLocaleString('en-US')} reports of messages`);
  const rows = await taken(database);
  expect(rows.map(({ key }) => key).toSorted()).toEqual(all.toSorted());
  const messages = new Set(rows.map(({ key }) => key.replace(/^\d+\.\d+\./u, '')));
  expect(new Set(rows.map(({ item }) => item)).size).toBe(messages.size);

  // The room is not flooded, and what comes now is shown.
  const fresh = await vera.sendText(lobby, 'fresh');
  await vera.reportEvent(lobby, fresh, { reason: 'now' });
  await cardOf(looking, fresh);
  // The greeting, the sum, and the card.
  expect(looking.unasked()).toHaveLength(3);
  expect(looking.unasked()[0]?.body).toContain('I’m Lawspeaker');
  await running.stop();
  await looking.lookAway();
  await rm(folder, { recursive: true, force: true });
}, 120_000);
