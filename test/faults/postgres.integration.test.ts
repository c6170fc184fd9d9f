import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { postgresFolder, startPostgres } from '../../dev/postgres/postgres.ts';
import type { Postgres } from '../../dev/postgres/postgres.ts';
import { program } from '../../dev/room/bot-process.ts';
import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import { openStore } from '../../src/store/store.ts';
import { adminApi, asUserId, homeserver, newUser } from '../support/homeserver.ts';
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
  let gate: Gate;
  let room: TestRoom;
  beforeAll(async () => {
    postgres = await startPostgres();
    gate = await openGate(homeserver().url);
    room = await openRoom(
      { homeserver: { url: gate.url } },
      { database: databaseAt(postgres.url('postgres')) },
    );
  });
  afterAll(async () => {
    await room.close();
    await gate[Symbol.asyncDispose]();
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

  it('answers a command once whose storing was cut off', async () => {
    const other = new Client(postgres.url('postgres'));
    await other.connect();
    await other.query('BEGIN; LOCK TABLE inbox IN EXCLUSIVE MODE');
    const command = await room.ana.say('!version');
    const waiting = `FROM pg_locks WHERE NOT granted AND relation = 'inbox'::regclass`;
    await expect
      .poll(async () => (await other.query(`SELECT pid ${waiting}`)).rows)
      .toHaveLength(1);
    await other.query(`SELECT pg_terminate_backend(pid) ${waiting}`);
    await other.end();
    expect((await room.ana.answerTo(command)).field.status).toBe('done');
    const next = await room.ana.ask('!status');
    expect(next.field.status).toBe('done');
    expect(room.ana.answersTo(command)).toHaveLength(1);
  });

  it('starts again if another process takes over while it starts', async () => {
    await room.stopBot();
    gate.close(/\/sync/u);
    const starting = room.startBot();
    await gate.turnedAway('GET', /\/sync/u, 1);
    await databaseAt(postgres.url('postgres')).execute(
      `UPDATE lawspeaker_lease SET holder = 'another', epoch = epoch + 1`,
    );
    // It stands by until that lease is over, and then it must lead.
    gate.open();
    await starting;
    expect((await room.ana.ask('!version')).field.status).toBe('done');
  });

  it('can be stopped while it starts again and the homeserver does not answer', async () => {
    const database = databaseAt(postgres.url('postgres'));
    const epoch = async () => (await database.read('SELECT epoch FROM lawspeaker_lease'))[0];
    const before = await epoch();
    gate.close(/\/sync/u);
    // As after a crash of PostgreSQL.
    await database.execute('TRUNCATE lawspeaker_intact');
    await expect.poll(epoch, { timeout: 10_000 }).not.toEqual(before);
    gate.close(/\/sync/u);
    await gate.turnedAway('GET', /\/sync/u, 1);
    await room.stopBot();
    gate.open();
    await room.startBot();
    expect((await room.ana.ask('!version')).field.status).toBe('done');
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
