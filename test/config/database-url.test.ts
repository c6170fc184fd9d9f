import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { backup } from '../../src/cli/backup.ts';
import { restore } from '../../src/cli/restore.ts';
import { databasePlace } from '../../src/config/database-place.ts';
import { loadConfig } from '../../src/config/load.ts';

const url = 'postgres://lawspeaker:hunter2@db.example.org/lawspeaker';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-url-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(database: object, environment: NodeJS.ProcessEnv = {}) {
  const file = path.join(folder, 'lawspeaker.yaml');
  const homeserver = { url: 'http://localhost', accessToken: 'x' };
  writeFileSync(file, JSON.stringify({ homeserver, managementRoom: '!r:x', database }));
  return loadConfig(file, environment);
}

test('the database is a file, or on PostgreSQL', () => {
  expect(databasePlace(load({}).database)).toBe('data/lawspeaker.db');
  expect(databasePlace(load({ path: 'x.db' }).database)).toBe('x.db');
  expect(databasePlace(load({ url }).database)).toBe(url);
  writeFileSync(path.join(folder, 'secret'), `${url}\n`);
  const environment = { LAWSPEAKER_DATABASE_URL_FILE: path.join(folder, 'secret') };
  expect(databasePlace(load({}, environment).database)).toBe(url);
});

test('both at once are an error, and so is what is no such URL; neither repeats the password', () => {
  expect(() => load({ path: 'x.db', url })).toThrow(
    'database.url: set either this, or database.path',
  );
  for (const wrong of [
    'mysql://lawspeaker:hunter2@db/lawspeaker',
    'postgres:hunter2',
    'hunter2 hunter2',
    ['hunter2'],
    'postgres://lawspeaker:12/hunter2@db/lawspeaker',
    'postgres://lawspeaker:12?hunter2@db/lawspeaker',
    'postgres://lawspeaker:12#hunter2@db/lawspeaker',
    'postgres://lawspeaker:x@y/hunter2#z@db/lawspeaker',
  ]) {
    expect(() => load({ url: wrong })).toThrow(/^(?![^]*hunter2)[^]*database\.url: /u);
  }
});

test('the environment has precedence over the file, also if it names the other kind', () => {
  // `lawspeaker init` writes database.path, and Compose sets the variable.
  const onPostgres = load({ path: 'x.db' }, { LAWSPEAKER_DATABASE_URL: url });
  expect(databasePlace(onPostgres.database)).toBe(url);
  const inFile = load({ url }, { LAWSPEAKER_DATABASE_PATH: 'x.db' });
  expect(databasePlace(inFile.database)).toBe('x.db');
  const both = { LAWSPEAKER_DATABASE_PATH: 'x.db', LAWSPEAKER_DATABASE_URL: url };
  expect(() => load({}, both)).toThrow('database.url: set either this, or database.path');
});

test('a URL is no file', () => {
  expect(() => load({ path: url })).toThrow(
    /^(?![^]*hunter2)[^]*database\.path: must be a file: a URL of PostgreSQL belongs in database\.url/u,
  );
});

test('URLs may have an option, no host, and signs in the password that are encoded', () => {
  for (const right of [
    'postgres://lawspeaker:%2F%40%23@db/lawspeaker?sslmode=verify-full',
    'postgresql:///lawspeaker?host=/var/run/postgresql',
    'postgres://lawspeaker@db',
  ]) {
    expect(databasePlace(load({ url: right }).database)).toBe(right);
  }
});

test('commands for the file say that PostgreSQL has its own', async () => {
  const config = load({ url });
  const output = async () => undefined;
  const message = 'this command is for SQLite, and the database is on PostgreSQL';
  await expect(backup(config, 'copy.db', output)).rejects.toThrow(message);
  await expect(restore(config, 'copy.db', output)).rejects.toThrow(message);
});
