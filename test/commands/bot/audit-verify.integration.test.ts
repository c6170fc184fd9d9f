import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { program } from '../../../dev/room/bot-process.ts';
import { newUser } from '../../support/homeserver.ts';
import { highlightsOf } from '../../support/notifications.ts';
import { cutLog, rewriteLog, tamper } from '../../support/rewrite-log.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

/** A row is anchored as soon as the bot looks, or not before the test has ended. */
const [always, once] = [
  { anchorEvery: { entries: 1, time: '1m' } },
  { anchorEvery: { entries: 1000, time: '1d' } },
];
const timing = { headLookMs: 20 };

interface HeadData {
  readonly count: number;
  readonly head: string;
}

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

/** What only programs see. */
const heads = (room: TestRoom) =>
  room.ana.events
    .filter(({ type, sender }) => type === headType && sender === room.bot.userId)
    .map(({ event_id: event, content }) => ({ event, ...(content as unknown as HeadData) }));
const headType = 'dev.lawspeaker.audit_head';

/** The same on the command line, beside the running bot. */
async function onCommandLine(
  room: TestRoom,
  words: readonly string[] = ['audit', 'verify'],
  config: object = room.config,
): Promise<{ status: number; text: string }> {
  const file = path.join(path.dirname(room.databaseFile), 'lawspeaker.yaml');
  await writeFile(file, JSON.stringify(config));
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words, '--config', file], (error, out, errors) =>
      resolve({ status: error === null ? 0 : Number(error.code), text: out + errors }),
    );
  });
}

/** Leaves two rows. */
async function act(room: TestRoom): Promise<void> {
  const mallory = await newUser('mallory');
  await room.ana.ask(`!shadow-ban ${mallory.userId}`);
}

const until = async (room: TestRoom, rows: number) =>
  room.ana.until(`a head of ${rows} rows`, () => heads(room).find(({ count }) => count === rows));

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

  it('is what the log is compared with, and later rows are said not to be anchored', async () => {
    const { count, head } = heads(room)[0] ?? { count: 0, head: '' };
    const verified = await room.ana.ask('!audit verify');
    expect(verified.field).toMatchObject({
      status: 'done',
      data: { count: 4, posted: { count, head }, unanchored: { from: count + 1, to: 4 } },
    });
    expect(verified.body).toContain('The audit log is intact: 4 rows');
    expect(verified.body).toContain(head);
    expect(verified.body).toMatch(
      new RegExp(`Rows ${count + 1} to 4, since \\d\\d:\\d\\d UTC, are not anchored yet`, 'u'),
    );
    const { status, text } = await onCommandLine(room);
    expect({ status, text }).toMatchObject({ status: 0 });
    expect(text).toContain('4 rows in order');
    expect(text).toContain(`row ${count}, head ${head}`);
    expect(text).toMatch(new RegExp(`Rows ${count + 1} to 4, since .*: not anchored`, 'u'));
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
    await until(room, 4);
    await room.stopBot();
    // Nothing more is posted.
    await room.startBot({}, { headLookMs: 3_600_000 });
  });
  afterAll(async () => room.close());

  it('with all hashes computed anew and the bot’s own copies forged, is found out by the room', async () => {
    rewriteLog(room.databaseFile, 3, '@eve:localhost');
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
  });

  it('with the end cut off and the bot’s own copies forged, is found out by the room', async () => {
    cutLog(room.databaseFile, 2);
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
  });

  it('is told to the admins by the bot itself', async () => {
    await room.stopBot();
    tamper(room.databaseFile, (database) => {
      // It would have noticed the restored database at its start: this one changes while it runs.
      database.exec("UPDATE audit_log SET hash = 'b' || substr(hash, 2) WHERE id = 2");
    });
    await room.startBot({}, timing);
    const alert = await room.ana.until('the alert', () =>
      room.ana.unasked().find(({ body }) => body.includes('was tampered with')),
    );
    expect(await highlightsOf(room.ana.user)).toContain(alert.event);
    expect(await highlightsOf(room.ben.user)).toEqual([]);
  });
});

describe('a witness', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-witness-'));
  });
  afterAll(async () => rm(folder, { recursive: true, force: true }));

  it('that is a file has the heads, and finds a rewritten log alone', async () => {
    const file = path.join(folder, 'heads.jsonl');
    const room = await openRoom({ audit: { ...always, witness: file } }, { timing });
    try {
      await act(room);
      await act(room);
      const { head } = await until(room, 4);
      await expect.poll(async () => readFile(file, 'utf8')).toContain(`"count":4,"head":"${head}"`);
      const verified = await room.ana.ask('!audit verify');
      expect(verified.field.status).toBe('done');
      expect(verified.body).toContain(`In the witness ${file}: `);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const checked = await onCommandLine(room, ['check-config']);
      expect(checked.text).toContain(`audit.witness: ${file} is writable`);
      await room.stopBot();
      rewriteLog(room.databaseFile, 3, '@eve:localhost');
      const { status, text } = await onCommandLine(room, ['audit', 'verify', '--offline']);
      expect(status).toBe(1);
      expect(text).toMatch(/row [34] is not the one that was anchored/u);
      expect(text).toContain(`Witness file ${file}: `);
    } finally {
      await room.close();
    }
  });

  it('that is a room is joined, has the heads, and finds a rewritten log alone', async () => {
    const auditor = await newUser('auditor');
    const witness = await auditor.createRoom({ preset: 'public_chat' });
    const room = await openRoom({ audit: { ...always, witness } }, { timing });
    try {
      await act(room);
      await act(room);
      const { head } = await until(room, 4);
      let syncs = 0;
      const said = async () => {
        syncs += 1;
        // Synapse gives the same answer again to a first sync with the same timeout.
        const { rooms } = await auditor.sync({ timeoutMs: syncs });
        const events = rooms?.join?.[witness]?.timeline.events ?? [];
        return events.map(({ content }) => String(content['body']));
      };
      await expect.poll(said).toContain(`Audit log: 4 rows, head ${head}`);
      expect((await room.ana.ask('!audit verify')).body).toContain(`In the witness ${witness}: `);
      await room.stopBot();
      rewriteLog(room.databaseFile, 3, '@eve:localhost');
      // The heads in the management room are gone.
      for (const { event } of heads(room)) {
        await room.ana.user.redact(room.id, event);
      }
      for (const { type, event_id: event, content } of room.ana.events) {
        if (type === 'm.room.message' && String(content['body']).includes('Audit log: ')) {
          await room.ana.user.redact(room.id, event);
        }
      }
      const { status, text } = await onCommandLine(room);
      expect(status).toBe(1);
      expect(text).toMatch(/row [34] is not the one that was anchored/u);
      expect(text).toContain(`Witness room ${witness}: `);
      const checked = await onCommandLine(room, ['check-config']);
      expect(checked.text).toContain(`audit.witness: ${witness} joined`);
    } finally {
      await room.close();
    }
  });

  it('that can’t be used is told in the room and by check-config', async () => {
    const file = path.join(folder, 'missing', 'heads.jsonl');
    const room = await openRoom({ audit: { ...always, witness: file } }, { timing });
    try {
      await act(room);
      const alert = await room.ana.until('the alert', () =>
        room.ana.unasked().find(({ body }) => body.includes('The witness of the audit log fails')),
      );
      expect(await highlightsOf(room.ana.user)).toEqual([alert.event]);
      const checked = await onCommandLine(room, ['check-config']);
      expect(checked.status).toBe(2);
      expect(checked.text).toContain(`audit.witness: ${file} does not exist`);
    } finally {
      await room.close();
    }
  });
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
