import { isDeepStrictEqual } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Answer } from '../../../dev/room/moderator.ts';
import { newUser } from '../../support/homeserver.ts';
import { openReportStore } from '../../support/report-store.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

it('shows nothing as nothing', async () => {
  const answer = await room.vic.ask('!stats');
  expect(answer.field).toMatchObject({ status: 'done', data: { items: { open: 0 } } });
  expect(answer.body.split('\n')[0]).toBe('ℹ️ No open reports');
  expect(answer.body).toContain('No reports');
  expect(answer.body).not.toContain('▁');
});

/** The picture that belongs to an answer. */
const pictureOf = (answer: Answer) =>
  room.vic.events.find(
    ({ content }) =>
      content['msgtype'] === 'm.image' &&
      isDeepStrictEqual(content['m.relates_to'], answer.content['m.relates_to']),
  );

it('shows what is open, what was done, how fast and by whom, narrow enough for a phone', async () => {
  await using queue = await openReportStore(room.databaseFile);
  const now = Date.now();
  const [ana, ben] = [room.ana.user.userId, room.ben.user.userId];
  const first = await queue.report({ at: now - 3 * day });
  await queue.report({ at: now - 3 * day, event: '$again', reporter: '@rob:x' });
  const old = await queue.report({ at: now - 40 * day, room: '!old:x', roomName: '#old:x' });
  const hostile = '\u202E<b>room</b>';
  const third = await queue.report({ at: now - 5 * hour, room: '!third:x', roomName: hostile });
  await queue.move(first, 'claimed', ben, now - 3 * day + 4 * minute);
  await queue.move(first, 'resolved', ben, now - 3 * day + 2 * hour);
  await queue.move(old, 'dismissed', ana, now - 39 * day);
  await queue.move(third, 'claimed', ana, now - hour);
  await queue.store.ruleMatches.add({ itemId: first, rule: 'fresh', mode: 'observe' }, now - day);
  const mallory = await newUser('mallory');
  await room.ben.ask(`!shadow-ban ${mallory.userId}`);
  await room.ben.ask(`!unshadow-ban ${mallory.userId}`);
  await room.vic.ask(`!shadow-ban ${mallory.userId}`);

  const answer = await room.vic.ask('!stats --last 30d');
  const lines = answer.body.split('\n');
  expect(lines[0]).toBe('ℹ️ 2 items open, 1 of them claimed, the oldest for 3 days');
  expect(lines[1]).toMatch(/^Last 30d · \d{4}-\d\d-\d\d to today · 1 bar = 1 day$/u);
  expect(answer.body).toMatch(/\n3 reports · peak on \d{4}-\d\d-\d\d: 2\n▁{26}█...\n/u);
  expect(answer.body).toMatch(/\n1 item closed · peak on .*: 1\n/u);
  expect(answer.body).toMatch(/\n2 actions · peak on .*: 2\n▁{29}█\n/u);
  expect(answer.body).toContain(
    '1 resolved · 0 dismissed · 1 open · 1 claimed · 1 command refused',
  );
  expect(answer.body).toContain('to close: 2 hours');
  expect(answer.body).toContain('- fresh matched 1 to observe');
  expect(answer.body).toContain(`- ${ben} claimed 1, resolved 1, 2 actions`);
  expect(answer.body).toContain(`- ${ana} claimed 1\n`);
  expect(answer.body).toContain('- #lobby:x 2 items');
  expect(answer.body).toContain('- @mallory:x 3 items');
  expect(answer.body).not.toContain('\u202E');
  expect(answer.html).not.toContain('<b>room');
  expect(answer.body).toContain('Next: !reports');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(90);
  expect(answer.field.data).toMatchObject({
    median_close_ms: 2 * hour,
    oldest_open_at: now - 3 * day,
    refusals: 1,
    kinds: [
      { command: 'shadow-ban', done: 1, failed: 0, refused: 1 },
      { command: 'unshadow-ban', done: 1, failed: 0, refused: 0 },
    ],
  });
  expect(answer.body).toContain('\n- shadow-ban 1 done, 1 refused\n');

  const sent = await room.vic.until('the picture', () => pictureOf(answer));
  expect(sent.content).toMatchObject({
    filename: 'stats.png',
    body: expect.stringMatching(/^Last 30 days: .*numbers as text\.$/u) as string,
    info: {
      mimetype: 'image/png',
      w: expect.any(Number) as number,
      h: expect.any(Number) as number,
    },
  });
  const download = await fetch(
    `${room.vic.user.homeserverUrl}/_matrix/client/v1/media/download/${String(sent.content['url']).replace('mxc://', '')}`,
    { headers: { authorization: `Bearer ${room.vic.user.account.accessToken}` } },
  );
  const png = Buffer.from(await download.arrayBuffer());
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect(png.readUInt32BE(16)).toBe((sent.content['info'] as { w: number }).w);

  const alone = await room.vic.ask('!stats --no-picture');
  // A picture of it would be here before one that was asked for later.
  const again = await room.vic.ask('!stats --last 30d');
  await room.vic.until('the next picture', () => pictureOf(again));
  expect(pictureOf(alone)).toBeUndefined();
});

it('names what retention, timers and the command line did apart from moderators', async () => {
  await using queue = await openReportStore(room.databaseFile);
  for (const actor of ['retention', 'timer:1', 'cli:root']) {
    await queue.store.transaction(async ({ auditLog }) =>
      auditLog.begin(
        { actor, command: 'forget', arguments: {}, eventId: `$${actor}`, roomId: room.id },
        Date.now(),
      ),
    );
  }
  const { body } = await room.vic.ask('!stats --no-picture');
  const [, people = '', others = ''] =
    /By moderator\n(.*?)By the bot, or at the command line\n(.*)/su.exec(body) ?? [];
  expect(people).toContain(`- ${room.ben.user.userId} `);
  expect(people).not.toMatch(/retention|timer|cli/u);
  expect(others).toMatch(/^- cli:root 1 action\n- retention 1 action\n- timers 1 action\n/u);
});

it('cuts longer and shorter times in other steps, and refuses what makes no sense', async () => {
  expect((await room.vic.ask('!stats --last 6h')).body).toContain('1 bar = 1 hour');
  const long = await room.vic.ask('!stats --last 26w');
  expect(long.body).toContain('1 bar = 1 week');
  expect(long.body).toContain('#old:x 1 item');
  expect((await room.vic.ask('!stats --last 730d')).body).toContain('1 bar = 4 weeks');
  for (const wrong of ['5m', '800d', 'ever']) {
    const answer = await room.vic.ask(`!stats --last ${wrong}`);
    expect(answer.field.status).toBe('usage');
    expect(answer.body).toContain('--last');
  }
});
