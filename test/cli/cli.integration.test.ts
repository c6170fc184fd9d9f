import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { program } from '../../dev/room/bot-process.ts';
import { openStore } from '../../src/store/store.ts';
import { newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';
import { onPostgres } from '../support/test-database.ts';

let folder: string;
let room: TestRoom;
let mallory: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-cli-'));
  room = await openRoom();
  mallory = (await newUser('mallory')).userId;
  await room.ben.ask(`!shadow-ban ${mallory} --reason spam`);
  await room.ben.ask(`!unshadow-ban ${mallory}`);
  await writeFile(
    path.join(folder, 'config.yaml'),
    JSON.stringify({
      homeserver: { url: 'http://127.0.0.1:1', accessToken: 'syt_secret' },
      managementRoom: room.id,
      database: room.database.config,
    }),
  );
});
afterAll(async () => {
  await room.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs beside the bot, on its database, without the homeserver. */
async function lawspeaker(...args: string[]) {
  return new Promise<{ status: number; output: string; errors: string }>((resolve) => {
    execFile(
      process.execPath,
      [program, ...args, '--config', 'config.yaml'],
      { cwd: folder },
      (error, output, errors) =>
        resolve({ status: error === null ? 0 : Number(error.code), output, errors }),
    );
  });
}

it('lists and exports the audit log while the bot runs', async () => {
  const list = await lawspeaker('audit', 'list', '--target', mallory);
  expect(list.status).toBe(0);
  expect(list.output.split('\n')).toEqual([
    expect.stringMatching(/^#3 {2}.* UTC {2}done {2}unshadow-ban @mallory.* {2}by @ben/u),
    expect.stringMatching(/^#1 {2}.* UTC {2}done {2}shadow-ban @mallory.* {2}“spam”$/u),
    '',
  ]);
  const all = await lawspeaker('audit', 'export', '--command', 'shadow-ban');
  expect(
    all.output
      .trimEnd()
      .split('\n')
      .map((one) => JSON.parse(one) as unknown),
  ).toMatchObject([{ id: 1, command: 'shadow-ban', reason: 'spam', target: mallory }]);
  const table = await lawspeaker('audit', 'export', '--format', 'csv');
  expect(table.output).toMatch(/^id,at,status,/u);
  expect(all.output + table.output + list.output).not.toContain('syt_');
});

it('ends well where nobody reads on', async () => {
  const child = spawn(process.execPath, [program, 'audit', 'export', '-c', 'config.yaml'], {
    cwd: folder,
  });
  child.stdout.destroy();
  let errors = '';
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const [status] = (await once(child, 'close')) as [number];
  expect({ status, errors }).toEqual({ status: 0, errors: '' });
});

it('says what it can’t do, and ends with 2', async () => {
  const wrong = await lawspeaker('audit', 'export', '--format', 'xml');
  expect(wrong.status).toBe(2);
  expect(wrong.errors).toContain('--format: xml is not one of jsonl, csv');
  expect(wrong.errors).toMatch(/\nFor more: lawspeaker audit --help\n$/u);
});

it.skipIf(onPostgres)(
  'SQLite: backs up the running bot’s database, and never twice into one file',
  async () => {
    const file = path.join(folder, 'backup.db');
    const first = await lawspeaker('backup', 'backup.db');
    expect(first).toMatchObject({ status: 0, errors: '' });
    expect(first.output).toMatch(
      /^backup\.db: [\d.]+ kB, 4 rows of the audit log, head [0-9a-f]{64}\n$/u,
    );
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await room.ben.ask(`!shadow-ban ${mallory}`);
    const again = await lawspeaker('backup', 'backup.db');
    expect(again.status).toBe(2);
    expect(again.errors).toContain('already exists');
    const restored = await openStore(file);
    expect(await restored.auditLog.verify()).toMatchObject({ count: 4, fault: undefined });
    await restored.close();
    // The bot has noticed nothing.
    expect((await room.ben.ask('!status')).field.status).toBe('done');
  },
);

it.skipIf(onPostgres)(
  'SQLite: restores the backup once the bot has stopped, and says where the old database is',
  async () => {
    const early = await lawspeaker('restore', 'backup.db');
    expect(early.status).toBe(2);
    expect(early.errors).toContain('Another Lawspeaker already uses the database');
    await room.stopBot();
    const { status, output, errors } = await lawspeaker('restore', 'backup.db');
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    expect(output).toMatch(
      /restored from backup\.db, 4 rows of the audit log, head [0-9a-f]{64}\n/u,
    );
    expect(output).toMatch(
      /The database that was there is kept as .*\.before-restore-\S+ \(6 rows/u,
    );
    const verified = await lawspeaker('audit', 'verify');
    expect(verified.output).toContain('4 rows in order');
    await room.startBot();
    const alert = await room.ana.until('the alert', () =>
      room.ana.unasked().find(({ body }) => body.includes('My database is older than this room')),
    );
    expect(alert.body).toContain('My record ends at #4');
  },
);
