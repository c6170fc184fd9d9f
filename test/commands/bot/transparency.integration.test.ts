import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { program } from '../../../dev/room/bot-process.ts';
import { fileBehind } from '../../support/file-behind.ts';
import { newUser } from '../../support/homeserver.ts';
import { openReportStore } from '../../support/report-store.ts';
import { asWritten, openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

/** The same on the command line, beside the running bot. */
async function onCommandLine(...options: string[]): Promise<{ status: number; text: string }> {
  const file = path.join(room.folder, 'lawspeaker.yaml');
  await writeFile(file, JSON.stringify(asWritten(room.config)));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, 'report', '--config', file, ...options],
      (error, out, errors) =>
        resolve({ status: error === null ? 0 : Number(error.code), text: out + errors }),
    );
  });
}

it('sends a report that names nobody, the same as on the command line', async () => {
  const mallory = await newUser('mallory');
  await using queue = await openReportStore(room.databaseFile);
  await queue.report({ at: Date.now(), sender: mallory.userId, reason: 'scam by Mallory Miller' });
  const done = await room.ben.ask(`!suspend ${mallory.userId} --reason "phishing, as Ana says"`);
  await room.ben.ask(`!undo ${String(done.field.audit?.[0])}`);

  const days = ['--from', '2026-01-01', '--to', '2199-12-31'];
  const answer = await room.vic.ask(`!transparency ${days.join(' ')}`);
  const name = 'transparency-2026-01-01-2199-12-31.md';
  expect(answer.body.split('\n')[0]).toBe(
    `ℹ️ Transparency report, 2026-01-01 to 2199-12-31 (UTC), in ${name}`,
  );
  expect(answer.body).toContain('\n1 report · 1 decision\n');
  expect(answer.body).toContain('The period is not over');
  expect(answer.field.data).toMatchObject({
    period: { from: '2026-01-01', to: '2199-12-31', time_zone: 'UTC' },
    reports_by_category: { STATEMENT_CATEGORY_SCAMS_AND_FRAUD: 1 },
    decisions_by_kind: { account_suspended: { total: 1, people: 1 } },
    reversals: { undone_of_people: 1 },
  });
  const text = await fileBehind(room.vic, name);
  expect(text).toContain('| Scams and fraud | 1 |');
  expect(text).not.toMatch(/mallory|ana\b|ben\b|@|phishing/iu);
  expect(await onCommandLine(...days)).toEqual({ status: 0, text });
  const json = await onCommandLine(...days, '--format', 'json', '--hide-below', '5');
  expect(JSON.parse(json.text)).toMatchObject({
    reports: { total: '<5' },
    reports_by_category: { STATEMENT_CATEGORY_SCAMS_AND_FRAUD: '<5' },
  });
  const published = await room.vic.ask(`!transparency ${days.join(' ')} --hide-below 5`);
  expect(published.body).toContain('\n<5 reports · <5 decisions\n');
});

it('says which day is wrong', async () => {
  for (const [wrong, why] of [
    ['--from 2026-07-01', '--to'],
    ['--from 2026-02-30 --to 2026-03-01', '2026-02-30` is not a day'],
    ['--from 2026-07-02 --to 2026-07-01', 'later than'],
    ['--from 2026-07-01 --to 2026-07-02 --format pdf', 'pdf'],
  ] as const) {
    const answer = await room.vic.ask(`!transparency ${wrong}`);
    expect(answer.field.status).toBe('usage');
    expect(answer.field.error?.message).toContain(why);
    const { status, text } = await onCommandLine(...wrong.split(' '));
    expect(status).toBe(2);
    expect(text).toContain(why.replaceAll('`', ''));
  }
});
