import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { backupDatabase } from '../../../src/store/files/backup.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { cardOf, startReportServer } from '../../support/report-room.ts';
import type { ReportServer } from '../../support/report-room.ts';
import type { TestRoom } from '../../support/room.ts';
import { onPostgres } from '../../support/test-database.ts';

let server: ReportServer;
let room: TestRoom;
let folder: string;
beforeAll(async () => {
  server = await startReportServer(1);
  room = await server.openRoom();
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-forget-'));
});
afterAll(async () => {
  await room.close();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** All that the bot keeps, and, on SQLite, a backup made now. */
async function bytesKept(name: string): Promise<string> {
  const kept = await room.database.dump();
  if (onPostgres) {
    return kept;
  }
  const copy = path.join(folder, `${name}.db`);
  await backupDatabase(room.database.place, copy);
  return kept + readFileSync(copy, 'latin1');
}

/** Somebody who was reported, restricted, and named in many ways. */
async function makeRecord(mallory: MatrixUser): Promise<void> {
  const { ana } = room;
  const [elder] = server.elders as [MatrixUser];
  const lobby = await server.lobby(mallory, elder);
  const spam = await mallory.sendText(lobby, `buy pills from ${mallory.userId}`);
  await elder.reportEvent(lobby, spam, { reason: 'awful pills' });
  const card = await cardOf(ana, spam);
  const { id: item } = card.field.data as { id: number };
  await ana.ask(`!shadow-ban ${mallory.userId} --reason "sells pills"`);
  await ana.ask(`!unshadow-ban ${mallory.userId}`);
  await ana.ask(`!lock ${elder.userId} --reason "a friend of ${mallory.userId}"`);
  await ana.ask(`!unlock ${elder.userId}`);
  await ana.ask(`!suspend ${mallory.userId} ${elder.userId} --dry-run`);
  await ana.ask(
    `!cancel ${(await ana.ask(`!deactivate ${mallory.userId}`)).field.confirmation?.code}`,
  );
  await ana.ask(`!report ${item}`);
  await ana.ask(`!resolve ${item} --note "pills again"`);
  await cardOf(ana, spam, ({ body }) => body.includes('resolved'));
}

it('removes a person from the database, its log, backups and answers, and the chain verifies', async () => {
  const { ana } = room;
  const mallory = await server.newUser('mallory');
  await makeRecord(mallory);
  const localpart = mallory.userId.slice(1, mallory.userId.indexOf(':'));
  expect(await bytesKept('before')).toContain(localpart);

  const { confirmation, outcome } = await askAndConfirm(ana, `!forget ${mallory.userId}`);
  expect(confirmation.body).toContain(`Forget ${mallory.userId}?`);
  expect(confirmation.body).toMatch(/Named in: \d+ entries of the audit log/u);
  expect(confirmation.body).toContain('its sender can be seen there');
  expect(outcome.body).toContain('Forgotten: was named in ');
  const numbersIn = (body: string) =>
    (/ (\d+) entries of the audit log · (\d+) rows of reports · (\d+) other rows/u.exec(body) ?? [])
      .slice(1)
      .map(Number);
  const [entriesBefore, reportsBefore, othersBefore = 0] = numbersIn(confirmation.body);
  const [entriesAfter, reportsAfter, othersAfter = 0] = numbersIn(outcome.body);
  expect([entriesAfter, reportsAfter]).toEqual([entriesBefore, reportsBefore]);
  // The command, its preview and its confirmation.
  expect(othersAfter).toBeGreaterThanOrEqual(othersBefore);
  expect(othersAfter).toBeLessThanOrEqual(othersBefore + 8);
  expect(outcome.field).toMatchObject({ status: 'done' });
  expect(outcome.body).not.toContain(localpart);
  const { as, entries } = outcome.field.data as { as: string; entries: number };
  expect(entries).toBeGreaterThanOrEqual(2);

  const kept = await bytesKept('after');
  expect(
    ['sells pills', 'awful pills', 'buy pills', 'pills again', localpart].filter((text) =>
      kept.includes(text),
    ),
  ).toEqual([]);
  const verified = await ana.ask('!audit verify');
  expect(verified.field.status).toBe('done');

  // What was done, by whom and when, is still there.
  const about = await ana.ask(`!audit --target ${as}`);
  expect(about.body).toContain('shadow-ban');
  const [entry] = about.field.data as { id: number }[];
  const reasonOf = async (command: string) => {
    const list = await ana.ask(`!audit --target ${as} --command ${command}`);
    const [{ id }] = list.field.data as [{ id: number }];
    return /Reason: .*/u.exec((await ana.ask(`!audit ${id}`)).body)?.[0];
  };
  expect(await reasonOf('shadow-ban')).toBe('Reason: forgotten');
  expect(await reasonOf('unshadow-ban')).toBe('Reason: none given');
  const asks = [
    '!audit',
    `!audit ${entry?.id}`,
    `!history ${as}`,
    '!reports all',
    '!report 1',
    '!pending',
    '!jobs',
    '!stats',
    `!undo ${entry?.id}`,
    `!audit ${outcome.field.audit[0]}`,
  ];
  const told: string[] = [];
  for (const line of asks) {
    const answer = await ana.ask(line);
    expect(answer.field.error?.code).not.toBe('internal');
    told.push(JSON.stringify(answer.content));
  }
  expect(told.filter((answer) => answer.includes(localpart) || answer.includes('pills'))).toEqual(
    [],
  );
  const report = await ana.ask('!report 1');
  expect(report.body).toContain('My copy of the message was forgotten.');
  expect(report.body).not.toContain('gone from the server');
  expect(report.body).toContain('1 person reports a message by');
  expect((await bytesKept('asked')).includes(localpart)).toBe(false);
});

it('leaves people with longer names alone', async () => {
  const { ana } = room;
  const mallory = await server.newUser('mallory');
  const longer = `${mallory.userId}.example.com`;
  await ana.ask(`!shadow-ban ${mallory.userId}`);
  await ana.ask(`!lock ${(await server.newUser('other')).userId} --reason "see ${longer}"`);
  await askAndConfirm(ana, `!forget ${mallory.userId}`);
  expect((await bytesKept('longer')).includes(`see ${longer}`)).toBe(true);
});

it('refuses while something about them is not finished, and for moderators', async () => {
  const { ana, ben } = room;
  const mallory = await server.newUser('mallory');
  const pending = await ana.ask(`!deactivate ${mallory.userId}`);
  const refused = await ana.ask(`!forget ${mallory.userId}`);
  expect(refused.field.error?.code).toBe('state');
  expect(refused.body).toMatch(/operations #\d+/u);
  await ana.ask(`!cancel ${pending.field.confirmation?.code}`);
  expect((await ana.ask(`!forget ${mallory.userId}`)).field.confirmation).toBeDefined();

  const protectedAnswer = await ana.ask(`!forget ${ben.user.userId}`);
  expect(protectedAnswer.field.status).toBe('protected');
  expect(protectedAnswer.body).not.toContain('override');
  expect((await ana.ask(`!forget ${ana.user.userId}`)).field.status).toBe('protected');
  expect((await ana.ask(`!forget ${ben.user.userId} --override-protection`)).field.status).toBe(
    'usage',
  );
  expect((await ben.ask(`!forget ${mallory.userId}`)).field.status).toBe('denied');
  expect((await ana.ask('!forget')).field.status).toBe('usage');
  expect((await ana.ask('!forget @forgotten-00aa:invalid')).field.error?.code).toBe('state');
  expect((await ana.ask('!forget @nobody-here:localhost')).field.error?.code).toBe('unknown_user');
  const named = await ana.ask(`!forget ${mallory.userId} --reason "asked by ${mallory.userId}"`);
  expect(named.field.status).toBe('usage');
});
