import { copyFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Moderator } from '../../../dev/room/moderator.ts';
import {
  act,
  always,
  headOf,
  headType,
  heads,
  onCommandLine,
  once,
  timing,
} from '../../support/audit-heads.ts';
import type { HeadData } from '../../support/audit-heads.ts';
import { highlightsOf } from '../../support/notifications.ts';
import { cutLog, rewriteLog } from '../../support/rewrite-log.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { onPostgres } from '../../support/test-database.ts';

/** What the bot has told people by itself about the log. */
const notices = (room: TestRoom) =>
  room.ana.events.flatMap(({ content }) => {
    const body = String(content['body']);
    return body.includes('Audit log: ')
      ? [
          {
            body,
            mentions: content['m.mentions'],
            data: (content['dev.lawspeaker.answer'] as { data: HeadData }).data,
          },
        ]
      : [];
  });

describe('the head of the audit log', () => {
  let room: TestRoom;
  beforeAll(async () => {
    room = await openRoom({ audit: once }, { timing });
  });
  afterAll(async () => room.close());

  it('is posted by itself, calls nobody, and is not repeated by a restart', async () => {
    const before = await room.ana.ask('!audit verify');
    expect(before.body).toContain('No head has been posted in this room yet');
    expect(before.field.status).toBe('done');
    await act(room);
    const notice = await room.ana.until('the notice', () => notices(room)[0]);
    expect(notice.mentions).toEqual({ user_ids: [] });
    expect(notice.body).toMatch(/^ℹ️ Audit log: [12] rows?, head [0-9a-f]{12}…$/u);
    expect(notice.data.head).toMatch(/^[0-9a-f]{64}$/u);
    const head = await room.ana.until('the head', () => heads(room)[0]);
    expect(head.head).toMatch(/^[0-9a-f]{64}$/u);
    await room.stopBot();
    await room.startBot();
    await act(room);
    await room.ana.ask('!version');
    await room.ana.ask('!version');
    expect(notices(room)).toHaveLength(1);
    expect(heads(room)).toHaveLength(1);
    expect(await highlightsOf(room.ana.user)).toEqual([]);
  });

  it('is what the log is compared with, and later rows are said to wait for the next', async () => {
    const { count, head } = heads(room)[0] ?? { count: 0, head: '' };
    const verified = await room.ana.ask('!audit verify');
    expect(verified.field).toMatchObject({
      status: 'done',
      data: { count: 4, posted: { count, head }, unanchored: { from: count + 1, to: 4 } },
    });
    expect(verified.body).toContain('The audit log is intact: 4 rows');
    expect(verified.body).toContain(head.slice(0, 12));
    expect(verified.body).toMatch(
      new RegExp(
        `Rows ${count + 1} to 4 are new: the next head covers them, by .* UTC at the latest\\.`,
        'u',
      ),
    );
    const { status, text } = await onCommandLine(room);
    expect({ status, text }).toMatchObject({ status: 0 });
    expect(text).toContain('4 rows in order');
    expect(text).toContain(`row ${count}, head ${head}`);
    expect(text).toMatch(
      new RegExp(`Rows ${count + 1} to 4: new\\. The next head covers them`, 'u'),
    );
    expect((await room.vic.ask('!audit verify')).field.status).toBe('denied');
  });

  it('counts only if the bot has posted it', async () => {
    const forged = { count: 3, head: 'a'.repeat(64) };
    await room.ana.user.send(room.id, headType, forged);
    await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.notice',
      body: 'ℹ️ Audit log: 3 rows',
      'dev.lawspeaker.answer': { command: 'audit', status: 'done', audit: [], data: forged },
    });
    expect((await room.ana.ask('!audit verify')).field.status).toBe('done');
    expect((await onCommandLine(room)).status).toBe(0);
  });

  it('can’t be compared while the homeserver is away, and that is said', async () => {
    const { homeserver } = room.config;
    const away = { ...room.config, homeserver: { ...homeserver, url: 'http://127.0.0.1:9' } };
    const { status, text } = await onCommandLine(room, ['audit', 'verify'], away);
    expect(status).toBe(1);
    expect(text).toContain('4 rows in order');
    expect(text).toContain('not compared');
    expect(text).toContain('not everything could be compared');
    const offline = await onCommandLine(room, ['audit', 'verify', '--offline'], away);
    expect(offline.status).toBe(0);
    expect(offline.text).toContain('The rooms were not compared');
    // The room has heads of them.
    expect(offline.text).toContain('no head that was compared covers them');
    expect(offline.text).not.toContain('not anchored');
  });

  it('that somebody has removed is not taken for one that fits', async () => {
    const [head] = heads(room);
    const notice = room.ana.events.find(({ content }) =>
      String(content['body']).includes('Audit log: '),
    );
    await room.ana.user.redact(room.id, head?.event ?? '');
    await room.ana.user.redact(room.id, notice?.event_id ?? '');
    const verified = await room.ana.ask('!audit verify');
    expect(verified.field.status).toBe('failed');
    expect(verified.body).toContain('not everything could be compared');
    expect(verified.body).toContain('1 head was removed there by somebody');
    const { status, text } = await onCommandLine(room);
    expect(status).toBe(1);
    expect(text).toContain('1 removed by somebody');
  });
});

describe('a database that somebody has changed', () => {
  let room: TestRoom;
  beforeAll(async () => {
    room = await openRoom({ audit: always }, { timing });
    await act(room);
    await act(room);
    await headOf(room, 4);
    await room.stopBot();
    // Nothing more is posted.
    await room.startBot({}, { headLookMs: 3_600_000 });
  });
  afterAll(async () => room.close());

  it('with all hashes computed anew and the bot’s own copies forged, is found out by the room', async () => {
    await rewriteLog(room.database, 3, '@eve:localhost');
    const offline = await onCommandLine(room, ['audit', 'verify', '--offline']);
    expect(offline).toMatchObject({ status: 0 });
    const verified = await room.ana.ask('!audit verify');
    expect(verified.field).toMatchObject({
      status: 'failed',
      data: { fault: { kind: 'replaced' } },
    });
    expect(verified.body).toMatch(
      /^⚠️ The audit log was tampered with: row [34] doesn’t match the head posted in this room/u,
    );
    const { status, text } = await onCommandLine(room);
    expect(status).toBe(1);
    expect(text).toMatch(/row [34] is not the one that was anchored/u);
    expect(text).toMatch(/rows? 3( to [34])? was rewritten|rows \d to [34] was rewritten/u);
    const checked = await onCommandLine(room, ['check-config']);
    expect(checked.text).toContain('its audit log differs from the head that the bot has posted');
  });

  it('with the end cut off and the bot’s own copies forged, is found out by the room', async () => {
    await cutLog(room.database, 2);
    expect((await onCommandLine(room, ['audit', 'verify', '--offline'])).status).toBe(0);
    const verified = await room.ana.ask('!audit verify');
    expect(verified.field).toMatchObject({
      status: 'failed',
      data: { count: 2, fault: { id: 3, kind: 'missing' } },
    });
    expect(verified.body).toContain('The audit log was tampered with: row 3 is missing');
    const { status, text } = await onCommandLine(room);
    expect(status).toBe(1);
    expect(text).toContain('row 3 is missing');
    const checked = await onCommandLine(room, ['check-config']);
    expect(checked.text).toContain('its audit log ends at #2, and the room shows actions up to #4');
  });

  it('is told to the admins by the bot itself', async () => {
    await room.stopBot();
    // It would have noticed the restored database at its start: this one changes while it runs.
    await room.database.tamper(
      `UPDATE audit_log SET hash = CASE WHEN hash LIKE 'b%' THEN 'c' ELSE 'b' END || substr(hash, 2)
       WHERE id = 2`,
    );
    await room.startBot({}, timing);
    const alert = await room.ana.until('the alert', () =>
      room.ana.unasked().find(({ body }) => body.includes('was tampered with')),
    );
    expect(await highlightsOf(room.ana.user)).toContain(alert.event);
    expect(await highlightsOf(room.ben.user)).toEqual([]);
  });
});

it.skipIf(onPostgres)(
  'a restored database (a file of SQLite) is no tampering: the answer says when it was restored, and what it kept',
  async () => {
    const room = await openRoom({ audit: always }, { timing });
    try {
      await act(room);
      await headOf(room, 2);
      await room.stopBot();
      const backup = `${room.databaseFile}.backup`;
      await copyFile(room.databaseFile, backup);
      await room.startBot();
      await act(room);
      await headOf(room, 4);
      await room.stopBot();
      await copyFile(backup, room.databaseFile);
      // Nobody has said yet that it was restored.
      const early = await onCommandLine(room);
      expect(early).toMatchObject({ status: 1 });
      expect(early.text).toContain('row 3 is missing');
      await room.startBot();
      await room.ana.until('the head of the restored database', () =>
        room.ana.events.find(
          ({ type, content }) => type === headType && content['restored'] !== undefined,
        ),
      );
      const told = room.ana
        .unasked()
        .find(({ body }) => body.includes('My database is older than this room'));
      expect(told?.field).toMatchObject({
        command: 'audit',
        data: { record_ends_at: 2, restored: { kept: 2 } },
      });
      await act(room);
      const verified = await room.ana.ask('!audit verify');
      expect(verified.field).toMatchObject({
        status: 'done',
        data: {
          restorations: [{ kept: 2 }],
          witnesses: [{ of_lost_rows: expect.any(Number) as number }],
        },
      });
      expect(verified.body).toMatch(/\d heads? of rows that the database no longer has/u);
      expect(verified.body).toContain('Of the rows before, it kept 1 to 2');
      const { status, text } = await onCommandLine(room);
      expect(status).toBe(0);
      expect(text).toContain('The database was restored or replaced at ');
      expect(room.ana.unasked().filter(({ body }) => body.includes('tampered'))).toEqual([]);
    } finally {
      await room.close();
    }
  },
);

it('a forged record of a restored database does not hide a rewritten log', async () => {
  const room = await openRoom({ audit: always }, { timing });
  try {
    await act(room);
    await act(room);
    await headOf(room, 4);
    await room.stopBot();
    await rewriteLog(room.database, 1, '@eve:localhost');
    await room.database.tamper(
      `INSERT INTO sync_state (name, value) VALUES ('record_gap', '${Date.now()} 0 0 0')
       ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    );
    await room.startBot({}, timing);
    const alert = await room.ana.until('the alert', () =>
      room.ana
        .unasked()
        .find(({ body }) => body.includes('My database says that it was restored or replaced')),
    );
    expect(await highlightsOf(room.ana.user)).toContain(alert.event);
    await room.ana.until('the next head', () =>
      room.ana.events.find(
        ({ type, content }) => type === headType && content['restored'] !== undefined,
      ),
    );
    const verified = await room.ana.ask('!audit verify');
    expect(verified.field.status).toBe('failed');
    expect(verified.body).toContain('Only the database itself says so');
    const { status, text } = await onCommandLine(room);
    expect(status).toBe(1);
    expect(text).toContain('Only the database itself says so');
  } finally {
    await room.close();
  }
});

it('heads in a room that was upgraded still count in the one that has replaced it', async () => {
  const room = await openRoom(
    { audit: always },
    { roomVersion: '10', timing: { ...timing, sendPermissionRetryMs: 300 } },
  );
  const { user } = room.ana;
  let here: Moderator | undefined;
  try {
    await act(room);
    await headOf(room, 2);
    await room.stopBot();
    await room.startBot({}, { headLookMs: 3_600_000 });
    const { replacement_room: next } = await user.request<{ replacement_room: string }>(
      'POST',
      `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/upgrade`,
      { json: { new_version: '12' } },
    );
    const moved = await new Moderator(user, next).look();
    here = moved;
    await user.invite(next, room.bot.userId);
    await moved.until('the bot to say that it has moved', () =>
      moved.unasked().find(({ body }) => body.includes('I have moved here')),
    );
    expect((await moved.ask('!audit verify')).field).toMatchObject({
      status: 'done',
      data: { posted: { count: 2 } },
    });
    await rewriteLog(room.database, 1, '@eve:localhost');
    expect((await moved.ask('!audit verify')).field).toMatchObject({
      status: 'failed',
      data: { fault: { kind: 'replaced' } },
    });
    const { status, text } = await onCommandLine(room);
    expect(status).toBe(1);
    expect(text).toMatch(/row [12] is not the one that was anchored/u);
    // A room that does not come after the configured one proves nothing.
    const other = await user.createRoom({ preset: 'private_chat' });
    await user.invite(other, room.bot.userId);
    await room.bot.join(other);
    await room.database.tamper(
      `UPDATE sync_state SET value = '${other}' WHERE name LIKE 'movedFrom.%'`,
    );
    const forged = await onCommandLine(room);
    expect(forged.status).toBe(1);
    expect(forged.text).toContain(`The database says that ${other} has replaced ${room.id}`);
  } finally {
    await here?.lookAway();
    await room.close();
  }
});

describe('what audit can’t read', () => {
  let room: TestRoom;
  beforeAll(async () => {
    room = await openRoom();
  });
  afterAll(async () => room.close());

  it.each([
    ['!audit verfy', '`verfy` is neither'],
    ['!audit 0', '`0` is neither'],
    ['!audit verify --command users', '`audit verify` checks the whole log'],
  ])('%s', async (line, words) => {
    const answer = await room.ana.ask(line);
    expect(answer.field.status).toBe('usage');
    expect(answer.body).toContain(words.replaceAll('`', ''));
  });
});
