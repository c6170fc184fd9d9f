import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { startApp } from '../../../src/app/app.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { SetupError } from '../../../src/core/errors.ts';
import { createLog } from '../../../src/observability/log.ts';
import { backupDatabase } from '../../../src/store/files/backup.ts';
import { takeLock } from '../../../src/store/files/lock.ts';
import { openStore } from '../../../src/store/store.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-lock-'));
  file = path.join(folder, 'lawspeaker.db');
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const storeModule = fileURLToPath(new URL('../../../src/store/store.ts', import.meta.url));

/** Another process that has opened the database as a bot does. */
async function otherBot() {
  const script = `const { openStore } = await import(${JSON.stringify(storeModule)});
    await openStore(${JSON.stringify(file)}, { lock: true });
    console.log('open');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

test('a second bot on one database is refused and hears which process has it; a killed one holds nothing', async () => {
  const other = await otherBot();
  const refused = openStore(file, { lock: true });
  await expect(refused).rejects.toThrow(SetupError);
  await expect(refused).rejects.toThrow(
    new RegExp(
      `^Another Lawspeaker already uses the database .*lawspeaker\\.db \\(process ${other.pid} on .*, started 20\\d\\d-.* UTC\\)\\.$`,
      'u',
    ),
  );
  // Who only looks, or copies, is not a bot.
  await (await openStore(file, { readonly: true })).close();
  await (await openStore(file)).close();
  await expect(backupDatabase(file, path.join(folder, 'copy.db'))).resolves.toMatchObject({
    auditRows: 0,
  });

  other.kill('SIGKILL');
  await once(other, 'exit');
  const store = await openStore(file, { lock: true });
  await expect(openStore(file, { lock: true })).rejects.toThrow(`process ${process.pid} on`);
  await store.close();
  await (await openStore(file, { lock: true })).close();
});

test('a bot that can’t start lets go of the database', async () => {
  await writeFile(file, 'this is no database, however long it may be');
  await expect(openStore(file, { lock: true })).rejects.toThrow("Can't open the database");
  await rm(file);
  await (await openStore(file, { lock: true })).close();
});

test('a second bot on one folder of keys is refused at its start', async () => {
  const keys = path.join(folder, 'crypto');
  const config = configSchema.parse({
    homeserver: { url: 'http://127.0.0.1:9', accessToken: 'none' },
    managementRoom: '!room:localhost',
    database: { path: file },
    encryption: { enabled: true, path: keys },
  });
  await mkdir(keys, { mode: 0o755 });
  const lock = takeLock(path.join(keys, 'lock'), 'the keys', 'encryption.path');
  const started = startApp(config, await createLog({ level: 'silent', format: 'json' }));
  await expect(started).rejects.toThrow(SetupError);
  await expect(started).rejects.toThrow(`already uses the keys in ${keys} (process ${process.pid}`);
  expect((await stat(path.join(keys, 'lock'))).mode & 0o777).toBe(0o600);
  expect((await stat(keys)).mode & 0o777).toBe(0o700);
  lock.release();
  // The database was let go of, and so are the keys: now it gets further.
  takeLock(path.join(keys, 'lock'), 'the keys', 'encryption.path').release();
  await (await openStore(file, { lock: true })).close();
});
