import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { adminApi, newRoom, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

const { reports } = adminApi();

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

/** A public room of a spammer's, with somebody in it who reports. */
async function scene() {
  const [spammer, reporter] = [await newUser('spammer'), await newUser('reporter')];
  const id = await newRoom(spammer, { preset: 'public_chat', name: 'Spam room' });
  await reporter.join(id);
  return { spammer, reporter, id };
}

/** Sends an event, has it reported, and returns its ID and the report's. */
async function reported(
  { spammer, reporter, id }: { spammer: MatrixUser; reporter: MatrixUser; id: string },
  content: Record<string, unknown>,
  options: { reason?: string; type?: string } = {},
): Promise<{ event: string; report: number }> {
  const { type = 'm.room.message', reason = 'spam' } = options;
  const event = await spammer.send(id, type, content);
  await reporter.reportEvent(id, event, { reason });
  const page = await reports.events.list({ senderId: spammer.userId });
  const found = page.eventReports.find(({ eventId }) => eventId === event);
  return { event, report: found?.id ?? Number.NaN };
}

const text = (body: string) => ({ msgtype: 'm.text', body });

describe('reports', () => {
  it('lists them newest first, page by page, by sender, room and reporter', async () => {
    const place = await scene();
    const ids: number[] = [];
    for (const number of [1, 2, 3]) {
      const { report } = await reported(place, text(`spam ${number}`), {
        reason: `reason ${number}`,
      });
      ids.unshift(report);
    }
    const bySender = await room.vic.ask(`!reports --sender ${place.spammer.userId} --limit 2`);
    expect(bySender.field).toMatchObject({
      status: 'done',
      data: { total: 3, rows: [{ id: ids[0] }, { id: ids[1] }] },
    });
    expect(bySender.body).toContain('3 reports, 2 shown');
    expect(bySender.body).toContain('reason 3');
    // What comes in between shifts nothing.
    await reported(place, text('spam 4'));
    const more = await room.vic.ask('!more');
    expect(more.field.data).toMatchObject({ rows: [{ id: ids[2] }] });
    const byRoom = await room.vic.ask(`!reports --room ${place.id}`);
    expect(byRoom.field.data).toMatchObject({ total: 4 });
    const byReporter = await room.vic.ask(`!reports --reporter ${place.reporter.userId}`);
    expect(byReporter.field.data).toMatchObject({ total: 4 });
  });

  it('takes a reporter for that one, though Synapse finds all whose ID looks alike', async () => {
    const place = await scene();
    await reported(place, text('spam'));
    const alike = place.reporter.userId.replace('reporter-', 'reporter_');
    const page = await reports.events.list({ userId: alike });
    expect(page.total).toBe(1);
    const answer = await room.vic.ask(`!reports --reporter ${alike}`);
    expect(answer.field.data).toMatchObject({ total: 0, rows: [] });
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
    const place = await scene();
    await place.spammer.setState(place.id, 'm.room.name', { name: '<b>x</b>\n\u202Ey' });
    await reported(place, text('spam'), { reason: `<img src=x>\n${'z'.repeat(3000)}` });
    const answer = await room.vic.ask(`!reports --sender ${place.spammer.userId}`);
    expect(answer.html).toContain('&lt;img src=x&gt;␤zzz');
    expect(answer.html).not.toMatch(/<img|<b>/);
    expect(answer.body).not.toContain('\u202E');
    expect(answer.body.length).toBeLessThan(2000);
  });
});

describe('report', () => {
  it('shows the message, who reported it, and where it stands, with no link that loads', async () => {
    const place = await scene();
    const body = `<h1>Buy</h1> https://evil.example/x www.evil.example ${'long '.repeat(100)}`;
    const { event, report } = await reported(place, text(body), { reason: 'it is spam' });
    const answer = await room.vic.ask(`!report ${report}`);
    expect(answer.field).toMatchObject({
      status: 'done',
      data: { id: report, event_id: event, event: { type: 'm.room.message' } },
    });
    expect(answer.body).toContain(`a message of ${place.spammer.userId} for “it is spam”`);
    expect(answer.body).toContain('<h1>Buy</h1> https[:]//evil.example/x [www].evil.example');
    expect(answer.body).not.toContain('https://evil');
    expect(answer.body).not.toContain('long '.repeat(70));
    expect(answer.html).toContain('<code>&lt;h1&gt;Buy');
    expect(answer.body).toContain(`Reported by ${place.reporter.userId}`);
    const link = `https://matrix.to/#/${encodeURIComponent(place.id)}/${encodeURIComponent(event)}`;
    expect(answer.html).toContain(`<code>${link}`);
    expect(answer.html).not.toContain('<a ');
    expect(JSON.stringify(answer.field)).not.toContain('evil.example');
  });

  it('still shows what was redacted, and says what is encrypted', async () => {
    const place = await scene();
    const spam = await reported(place, text('gone soon'));
    await place.spammer.redact(place.id, spam.event);
    expect((await room.vic.ask(`!report ${spam.report}`)).body).toContain('gone soon');
    const secret = await reported(
      place,
      { algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 'AwgAEnAC' },
      { type: 'm.room.encrypted' },
    );
    const encrypted = await room.vic.ask(`!report ${secret.report}`);
    expect(encrypted.body).toContain('It is encrypted');
    expect(encrypted.body).not.toContain('AwgAEnAC');
    const empty = await reported(place, {}, { type: 'org.example.empty' });
    expect((await room.vic.ask(`!report ${empty.report}`)).body).toContain('nothing of it is left');
  });

  it('shows files by name and address, and other events as they are', async () => {
    const place = await scene();
    const image = await reported(place, {
      msgtype: 'm.image',
      body: 'cat.png',
      url: 'mxc://localhost/abc',
    });
    const shown = await room.vic.ask(`!report ${image.report}`);
    expect(shown.body).toContain('m.image cat.png');
    expect(shown.html).toContain('<code>mxc://localhost/abc</code>');
    expect(shown.html).not.toContain('<img');
    const sticker = await reported(place, { body: 'sticker' }, { type: 'm.sticker' });
    expect((await room.vic.ask(`!report ${sticker.report}`)).body).toContain(
      'm.sticker: {"body":"sticker"}',
    );
  });

  it('says plainly that there is none, and what is no number', async () => {
    const unknown = await room.vic.ask('!report 4000000000');
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    for (const wrong of ['-1', 'one', '99999999999999999999', '0']) {
      expect((await room.vic.ask(`!report ${wrong}`)).field).toMatchObject({ status: 'usage' });
    }
  });
});
