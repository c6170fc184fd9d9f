import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { postgresFolder, startPostgres } from '../../dev/postgres/postgres.ts';
import type { Postgres } from '../../dev/postgres/postgres.ts';
import { program } from '../../dev/room/bot-process.ts';
import { openStore } from '../../src/store/store.ts';
import { adminApi, asUserId, newUser } from '../support/homeserver.ts';
import { asWritten, openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';
import { databaseAt } from '../support/test-database.ts';

/** `lawspeaker` on the command line, beside the running bot. */
async function lawspeaker(config: object, ...args: string[]) {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-postgres-cli-'));
  const file = path.join(folder, 'lawspeaker.yaml');
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  const ended = await new Promise<{ status: number; text: string }>((resolve) => {
    execFile(process.execPath, [program, ...args, '--config', file], (error, out, errors) =>
      resolve({ status: error === null ? 0 : Number(error.code), text: out + errors }),
    );
  });
  await rm(folder, { recursive: true, force: true });
  return ended;
}

describe.skipIf(postgresFolder() === undefined)('a bot on PostgreSQL', () => {
  let postgres: Postgres;
  let room: TestRoom;
  beforeAll(async () => {
    postgres = await startPostgres();
    room = await openRoom({}, { database: databaseAt(postgres.url('postgres')) });
  });
  afterAll(async () => {
    await room.close();
    await postgres.stop();
  });

  it('does what the command line sees', async () => {
    const mallory = await newUser('mallory');
    const done = await room.ana.ask(`!shadow-ban ${mallory.userId} --reason "crypto scam"`);
    expect(done.field.status).toBe('done');
    const config = asWritten(room.config);
    const checked = await lawspeaker(config, 'check-config');
    expect(checked).toMatchObject({ status: 0 });
    expect(checked.text).toMatch(
      /^postgres:\/\/localhost\/postgres: has all tables, and in use by a bot \(process \d+ on .*, started /mu,
    );
    const listed = await lawspeaker(config, 'audit', 'list', '--text', 'crypto');
    expect(listed.text).toContain(mallory.userId);
    expect(await lawspeaker(config, 'audit', 'verify', '--offline')).toMatchObject({ status: 0 });
    expect(await lawspeaker(config, 'backup', 'copy.db')).toMatchObject({
      status: 2,
      text: expect.stringContaining('pg_dump') as string,
    });
  });

  it('finishes what it is doing when PostgreSQL restarts, each account once', async () => {
    const users = await Promise.all(Array.from({ length: 30 }, async () => newUser('mallory')));
    const ids = users.map(({ userId }) => userId);
    const confirmation = await room.ana.ask(`!shadow-ban ${ids.join(' ')}`);
    await room.ana.say(`!confirm ${confirmation.field.confirmation?.code ?? ''}`);
    await expect
      .poll(async () => (await adminApi().users.get(asUserId(ids[0] ?? ''))).shadowBanned)
      .toBe(true);
    await postgres.restart();
    await room.ana.outcomeOf(confirmation, 'done');
    const store = await openStore(postgres.url('postgres'), { readonly: true });
    for (const target of ids) {
      expect(await store.auditLog.search({ target, limit: 10 })).toMatchObject([
        { command: 'shadow-ban', status: 'done' },
      ]);
    }
    expect((await store.auditLog.verify()).fault).toBeUndefined();
    await store.close();
    expect((await room.ana.ask('!audit verify')).field.status).not.toBe('failed');
  });
});
