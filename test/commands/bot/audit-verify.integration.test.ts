import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { program } from '../../../dev/room/bot-process.ts';
import { newUser } from '../../support/homeserver.ts';
import { highlightsOf } from '../../support/notifications.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom({}, { timing: { headLookMs: 20 } });
});
afterAll(async () => room.close());

interface Notice {
  readonly body: string;
  readonly mentions: unknown;
  readonly data: { readonly count: number; readonly head: string };
}

/** What the bot has said by itself about the log. */
const notices = (): Notice[] =>
  room.ana.events.flatMap(({ content }) => {
    const body = String(content['body']);
    return body.includes('Audit log: ')
      ? [
          {
            body,
            mentions: content['m.mentions'],
            data: (content['dev.lawspeaker.answer'] as { data: Notice['data'] }).data,
          },
        ]
      : [];
  });

/** The same confirmation on the command line, beside the running bot. */
async function onCommandLine(): Promise<{ status: number; text: string }> {
  const file = path.join(path.dirname(room.databaseFile), 'lawspeaker.yaml');
  await writeFile(file, JSON.stringify(room.config));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, 'audit', 'verify', '--config', file],
      (error, out, errors) =>
        resolve({ status: error === null ? 0 : Number(error.code), text: out + errors }),
    );
  });
}

describe('the head of the audit log', () => {
  it('is written into the room by itself, calls nobody, and is not repeated by a restart', async () => {
    const before = await room.ana.ask('!audit verify');
    expect(before.body).toContain('No head has been posted in this room yet');
    const mallory = await newUser('mallory');
    await room.ana.ask(`!shadow-ban ${mallory.userId}`);
    const notice = await room.ana.until('the head', () => notices()[0]);
    expect(notice.mentions).toEqual({ user_ids: [] });
    expect(notice.body).toMatch(/^ℹ️ Audit log: [12] rows?, head [0-9a-f]{12}…$/u);
    expect(notice.data.head).toMatch(/^[0-9a-f]{64}$/u);
    await room.stopBot();
    await room.startBot();
    await room.ana.ask(`!unshadow-ban ${mallory.userId}`);
    await room.ana.ask('!version');
    await room.ana.ask('!version');
    expect(notices()).toHaveLength(1);
  });

  it('is what the log is compared with, in the room and on the command line', async () => {
    const [notice] = notices();
    const { count = 0, head = '' } = notice?.data ?? {};
    const verified = await room.ana.ask('!audit verify');
    expect(verified.field).toMatchObject({
      status: 'done',
      data: { count: 4, posted: { count, head } },
    });
    expect(verified.body).toContain('The audit log is intact: 4 rows');
    expect(verified.body).toContain(head);
    const { status, text } = await onCommandLine();
    expect(status).toBe(0);
    expect(text).toContain('4 rows in order');
    expect(text).toContain(`row ${count}, head ${head}`);
    expect((await room.vic.ask('!audit verify')).field.status).toBe('denied');
  });

  it('shows that the end was cut off', async () => {
    const database = new Database(room.databaseFile);
    database.exec('DROP TRIGGER audit_log_no_delete');
    database.pragma('foreign_keys = OFF');
    database.exec('DELETE FROM audit_log');
    database.close();
    const verified = await room.ana.ask('!audit verify');
    expect(verified.field).toMatchObject({
      status: 'failed',
      data: { count: 0, fault: { id: 1, kind: 'missing' } },
    });
    expect(verified.body).toContain('The audit log was tampered with: row 1 is missing');
    const { status, text } = await onCommandLine();
    expect(status).toBe(1);
    expect(text).toContain('row 1 is missing');
  });

  it('notifies the admins by itself when a day has passed since the head was written', async () => {
    const database = new Database(room.databaseFile);
    const value = `2 ${'a'.repeat(64)} 0 0`;
    database.prepare("UPDATE sync_state SET value = ? WHERE name = 'audit_head'").run(value);
    database.close();
    const alert = await room.ana.until('the alert', () =>
      room.ana.unasked().find(({ body }) => body.includes('was tampered with')),
    );
    expect(await highlightsOf(room.ana.user)).toEqual([alert.event]);
    expect(await highlightsOf(room.ben.user)).toEqual([]);
  });
});

describe('what audit can’t read', () => {
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
