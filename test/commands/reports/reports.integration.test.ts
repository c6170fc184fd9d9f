import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { cardOf, startReportServer } from '../../support/report-room.ts';
import type { ReportServer } from '../../support/report-room.ts';
import type { TestRoom } from '../../support/room.ts';

let server: ReportServer;
let room: TestRoom;
beforeAll(async () => {
  server = await startReportServer(0);
  room = await server.openRoom({ reports: { maxCardsPerMinute: 1000 } });
});
afterAll(async () => {
  await room.close();
  await server.stop();
});

interface Place {
  readonly spammer: MatrixUser;
  readonly reporter: MatrixUser;
  readonly id: string;
}

/** A public room of a spammer's, with somebody in it who reports. */
async function scene(name = 'Spam room'): Promise<Place> {
  const [spammer, reporter] = [await server.newUser('spammer'), await server.newUser('reporter')];
  const id = await spammer.createRoom({ preset: 'public_chat', name });
  await reporter.join(id);
  return { spammer, reporter, id };
}

/** Sends an event, has it reported, and returns its ID and the number of its item. */
async function reported(
  { spammer, reporter, id }: Place,
  content: Record<string, unknown>,
  options: { reason?: string; type?: string } = {},
): Promise<{ event: string; item: number; card: string }> {
  const { type = 'm.room.message', reason = 'spam' } = options;
  const event = await spammer.send(id, type, content);
  await reporter.reportEvent(id, event, { reason });
  const card = await cardOf(room.ana, event);
  return { event, item: (card.field.data as { id: number }).id, card: card.body };
}

const text = (body: string) => ({ msgtype: 'm.text', body });

describe('reports', () => {
  it('lists them newest first, page by page, by sender, room and reporter', async () => {
    const place = await scene();
    const items: number[] = [];
    for (const number of [1, 2, 3]) {
      items.unshift((await reported(place, text(`spam ${number}`))).item);
    }
    const bySender = await room.vic.ask(`!reports --sender ${place.spammer.userId} --limit 2`);
    expect(bySender.field).toMatchObject({
      status: 'done',
      data: { total: 3, rows: [{ id: items[0] }, { id: items[1] }] },
    });
    expect(bySender.body).toContain('3 reports, 2 shown');
    // Why, and the start of what was said: hidden until somebody wants to read it.
    expect(bySender.body).toMatch(/“[^”]+”: \(hidden: 6 characters\) +open, 1 report/u);
    expect(bySender.html).toContain('<span data-mx-spoiler>“spam 3”</span>');
    // What comes in between shifts nothing.
    await reported(place, text('spam 4'));
    const more = await room.vic.ask('!more');
    expect(more.field.data).toMatchObject({ rows: [{ id: items[2] }] });
    const byRoom = await room.vic.ask(`!reports --room ${place.id}`);
    expect(byRoom.field.data).toMatchObject({ total: 4 });
    const byReporter = await room.vic.ask(`!reports --reporter ${place.reporter.userId}`);
    expect(byReporter.field.data).toMatchObject({ total: 4 });
    const alike = place.reporter.userId.replace('reporter-', 'reporter_');
    expect((await room.vic.ask(`!reports --reporter ${alike}`)).field.data).toMatchObject({
      total: 0,
    });
  });

  it('lists by state; claim, resolve, dismiss, reopen and undo move them', async () => {
    const place = await scene();
    const { item } = await reported(place, text('spam'));
    const { item: other } = await reported(place, text('more spam'));
    const inState = async (state: string) => {
      const list = await room.ben.ask(`!reports --state ${state} --sender ${place.spammer.userId}`);
      return (list.field.data as { rows: { id: number }[] }).rows.map(({ id }) => id);
    };
    expect((await room.vic.ask(`!claim ${item}`)).field.status).toBe('denied');
    expect((await room.ben.ask(`!claim #${item} ${other}`)).body).toContain('2 reports');
    expect(await inState('claimed')).toEqual([other, item]);
    const taken = await room.ana.ask(`!claim ${item}`);
    expect(taken.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(taken.body).toContain(`!claim ${item} --take`);
    expect((await room.ana.ask(`!claim ${item} --take`)).field.status).toBe('done');
    const resolved = await room.ana.ask(`!resolve ${item} --note "warned by mail"`);
    expect(resolved.field.status).toBe('done');
    expect(await inState('resolved')).toEqual([item]);
    expect((await room.ana.ask(`!resolve ${item}`)).field).toMatchObject({
      error: { code: 'state' },
    });
    expect((await room.ana.ask(`!undo ${resolved.field.audit[0]}`)).field.status).toBe('done');
    expect(await inState('open')).toEqual([item]);
    await room.ben.ask(`!dismiss ${item} ${other}`);
    expect(await inState('dismissed')).toEqual([other, item]);
    const report = await room.ben.ask(`!report ${item}`);
    expect(report.body).toContain('warned by mail');
    expect(report.body).toContain('0 of 2 reports upheld');
  });

  it('closes all open reports about one user at once, and takes it back', async () => {
    const [place, other] = [await scene(), await scene()];
    const items: number[] = [];
    for (const number of [1, 2, 3]) {
      items.push((await reported(place, text(`spam ${number}`))).item);
    }
    const { item: elsewhere } = await reported(other, text('ham'));
    const [first, ...rest] = items;
    await room.ben.ask(`!claim ${rest[0]}`);
    await room.ana.ask(`!dismiss ${first}`);
    const stateOf = async (item: number) => {
      const { field } = await room.vic.ask(`!report ${item}`);
      return (field.data as { state: string }).state;
    };
    const sender = place.spammer.userId;
    const banned = await room.ana.ask(`!shadow-ban ${sender}`);
    expect(banned.body).toContain('2 reports about this user are still open.');
    expect(banned.body).toContain(`!resolve --sender ${sender}`);
    const resolved = await room.ana.ask(`!resolve --sender ${sender} --note raid`);
    expect(resolved.body).toContain(`Resolved ${rest.map((item) => `#${item}`).join(' ')}: `);
    expect(resolved.body).toContain(`2 reports about ${sender}`);
    expect(await Promise.all([...items, elsewhere].map(stateOf))).toEqual([
      'dismissed',
      'resolved',
      'resolved',
      'open',
    ]);
    const [audit] = resolved.field.audit;
    expect((await room.ana.ask(`!audit ${audit}`)).body).toContain(`resolve ${sender}`);
    const again = await room.ana.ask(`!resolve --sender ${sender}`);
    expect(again.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    expect((await room.ana.ask(`!undo ${audit}`)).field.status).toBe('done');
    expect(await Promise.all(items.map(stateOf))).toEqual(['dismissed', 'open', 'open']);
    // Nothing else waits about somebody else: nothing is said.
    expect((await room.ana.ask(`!shadow-ban ${other.reporter.userId}`)).body).not.toContain('wait');
  });

  it('says once that many are closed, and not in each of their threads', async () => {
    const place = await scene();
    const all: { event: string; item: number }[] = [];
    for (let number = 1; number <= 11; number += 1) {
      all.push(await reported(place, text(`spam ${number}`)));
    }
    const resolved = await room.ana.ask(`!resolve --sender ${place.spammer.userId}`);
    expect(resolved.body).toContain(`✅ Resolved 11 reports about ${place.spammer.userId}`);
    const [first] = all;
    const card = await cardOf(room.ana, first?.event ?? '', ({ body }) => body.startsWith('✅'));
    // Notes come one after the other: this one after any that there was.
    await room.ana.ask(`!reopen ${first?.item}`);
    await room.ana.until('a note', () =>
      room.ana.inThread(card.event).find(({ body }) => body.includes('Reopened by Ana')),
    );
    expect(room.ana.inThread(card.event).map(({ body }) => body)).toEqual([
      expect.stringContaining('Reopened by Ana'),
    ]);
  });

  it.each([
    ['resolve', 'Which report?'],
    ['dismiss 1 --sender @a:localhost', 'Give ID or --sender, not both'],
    ['resolve --sender', 'sender'],
    ['resolve --sender #lobby:localhost', '#lobby:localhost'],
    ['reopen --sender @a:localhost', '--sender'],
  ])('!%s is refused: %s', async (line, why) => {
    const answer = await room.ana.ask(`!${line}`);
    expect(answer.field.status).toBe('usage');
    expect(answer.body).toContain(why);
  });

  it('moves several or none', async () => {
    const place = await scene();
    const { item } = await reported(place, text('spam'));
    const answer = await room.ana.ask(`!resolve ${item} 4000000000`);
    expect(answer.body).toContain('there is no report #4000000000');
    expect((await room.ana.ask(`!report ${item}`)).field.data).toMatchObject({ state: 'open' });
  });

  it('sends all as a file, and refuses a page that can’t be', async () => {
    const place = await scene();
    await reported(place, text('spam'));
    const file = await room.vic.ask(`!reports --sender ${place.spammer.userId} --all`);
    expect(file.body).toContain('1 row in reports.csv');
    const odd = await room.vic.ask('!reports --from 20');
    expect(odd.field).toMatchObject({ status: 'usage' });
  });

  it('shows hostile reasons and room names as what they are', async () => {
    const place = await scene('<b>x</b>\n\u202Ey');
    const { item, event } = await reported(place, text('spam'), {
      reason: `<img src=x>\n${'z'.repeat(3000)}`,
    });
    for (const answer of [await room.vic.ask(`!report ${item}`), await cardOf(room.vic, event)]) {
      expect(answer.html).toContain('&lt;img src=x&gt;␤zzz');
      expect(answer.html).not.toMatch(/<img|<b>/);
      expect(answer.body).not.toContain('\u202E');
      expect(answer.body.length).toBeLessThan(2000);
    }
  });
});

describe('report', () => {
  it('shows the message, who reported it, and where it stands, with no link that loads', async () => {
    const place = await scene();
    const body = `<h1>Buy</h1> https://evil.example/x www.evil.example ${'long '.repeat(300)}`;
    const { event, item, card } = await reported(place, text(body), { reason: 'it is spam' });
    expect(card).not.toContain('Buy');
    const answer = await room.vic.ask(`!report ${item}`);
    expect(answer.field).toMatchObject({
      status: 'done',
      data: { id: item, subject: event, content: { type: 'm.room.message' } },
    });
    expect(answer.body).toContain('1 person says “it is spam”');
    expect(answer.body).toContain('<h1>Buy</h1> https[:]//evil[.]example/x [www].evil[.]example');
    expect(answer.body).not.toContain('https://evil');
    expect(answer.body).not.toContain('long '.repeat(250));
    expect(answer.html).toContain('<span data-mx-spoiler>“&lt;h1&gt;Buy');
    expect(answer.body).toContain(place.reporter.userId);
    const link = `https://matrix.to/#/${encodeURIComponent(place.id)}/${encodeURIComponent(event)}`;
    expect(answer.html).toContain(`<a href="${link}">open it</a>`);
    expect(answer.html.match(/<a /gu)).toHaveLength(1);
    expect(JSON.stringify(answer.field)).not.toContain('evil.example');
  });

  it('still shows what was redacted, and says what is encrypted', async () => {
    const place = await scene();
    const spam = await reported(place, text('gone soon'));
    await place.spammer.redact(place.id, spam.event);
    const redacted = await room.vic.ask(`!report ${spam.item}`);
    expect(redacted.body).toContain('gone soon');
    expect(redacted.body).toContain('The message has been redacted by @spammer');
    const secret = await reported(
      place,
      { algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 'AwgAEnAC' },
      { type: 'm.room.encrypted' },
    );
    expect(secret.card).toContain('It is encrypted');
    const encrypted = await room.vic.ask(`!report ${secret.item}`);
    expect(encrypted.body).toContain('It is encrypted');
    expect(encrypted.body).not.toContain('AwgAEnAC');
    const empty = await reported(place, {}, { type: 'org.example.empty' });
    expect(empty.card).toContain('It is not a message but org.example.empty');
  });

  it('shows files by name and address, and other events as they are', async () => {
    const place = await scene();
    const image = await reported(place, {
      msgtype: 'm.image',
      body: 'cat.png',
      url: 'mxc://localhost/abc',
      info: { mimetype: 'image/png' },
    });
    const shown = await room.vic.ask(`!report ${image.item}`);
    expect(shown.body).toContain('m.image “cat[.]png”');
    expect(shown.body).toContain('mxc://localhost/abc (image/png)');
    expect(shown.html).toContain('<code>mxc://localhost/abc</code>');
    expect(shown.html).not.toContain('<img');
    const sticker = await reported(place, { body: 'sticker' }, { type: 'm.sticker' });
    expect((await room.vic.ask(`!report ${sticker.item}`)).body).toContain('m.sticker “sticker”');
  });

  it('says plainly that there is none, and what is no number', async () => {
    const unknown = await room.vic.ask('!report 4000000000');
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    for (const wrong of ['-1', 'one', '99999999999999999999', '0']) {
      expect((await room.vic.ask(`!report ${wrong}`)).field).toMatchObject({ status: 'usage' });
    }
  });
});

describe('report --delete-at-source', () => {
  const atSource = async (event: string) => {
    const { eventReports } = await server.api.reports.events.list();
    return eventReports.filter(({ eventId }) => eventId === event).length;
  };

  it('deletes the reports from Synapse’s list once it is confirmed, and keeps its own record', async () => {
    const place = await scene();
    const { event, item } = await reported(place, text('spam'));
    await place.reporter.reportEvent(place.id, event, { reason: 'spam again' });
    await expect.poll(async () => atSource(event)).toBe(2);
    const line = `!report ${item} --delete-at-source --reason "a court order"`;
    const dryRun = await room.ben.ask(`${line} --dry-run`);
    expect(dryRun.field.status).toBe('dry_run');
    expect(await atSource(event)).toBe(2);

    const { confirmation, outcome } = await askAndConfirm(room.ben, line);
    expect(confirmation.body).toMatch(/Delete [12] reports? by 1 person about/u);
    expect(outcome.body).toMatch(/✅ Deleted [12] reports? of #\d+ from Synapse’s list/u);
    expect(outcome.field.audit).toHaveLength(1);
    const shown = await room.vic.ask(`!report ${item}`);
    expect(shown.body).toContain('spam');
  });

  it('says what is already gone, and refuses viewers and unknown numbers', async () => {
    const place = await scene();
    const { event, item } = await reported(place, text('spam'));
    const viewer = await room.vic.ask(`!report ${item} --delete-at-source`);
    expect(viewer.field.status).toBe('denied');
    await askAndConfirm(room.ben, `!report ${item} --delete-at-source`);
    expect(await atSource(event)).toBe(0);
    const again = await room.ben.ask(`!report ${item} --delete-at-source`);
    expect(again.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    const unknown = await room.ben.ask('!report 99999 --delete-at-source');
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    await expect(server.api.reports.events.delete(99_999)).rejects.toMatchObject({ status: 404 });
  });
});
