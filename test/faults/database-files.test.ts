import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { program } from '../../dev/room/bot-process.ts';
import { SetupError } from '../../src/core/errors.ts';
import { openStore } from '../../src/store/store.ts';

let folder: string;
let config: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-files-'));
  await chmod(folder, 0o755);
  config = path.join(folder, 'config.yaml');
  file = path.join(folder, 'data', 'lawspeaker.db');
  await writeFile(
    config,
    JSON.stringify({
      homeserver: { url: 'http://127.0.0.1:9', accessToken: 'none' },
      managementRoom: '!room:localhost',
      database: { path: file },
    }),
    { mode: 0o600 },
  );
  const store = await openStore(file);
  await store.transaction(async ({ auditLog }) => {
    for (let at = 0; at < 200; at += 1) {
      const intent = { actor: '@a:x', command: 'x', arguments: {}, eventId: '$e', roomId: '!r' };
      await auditLog.begin({ ...intent, reason: 'spam '.repeat(40) }, at);
    }
  });
  await store.close();
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const pageBytes = 4096;

test.each([
  ['to a part of its header', 50],
  ['to its header', 100],
  ['in its first page', 3000],
  ['behind its first page', pageBytes],
  ['in the middle of a page', 5 * pageBytes + 100],
  ['by its last page', -pageBytes],
])('a file that was cut off %s is refused, and left as it is', async (_, at) => {
  const cut = (await readFile(file)).subarray(0, at);
  await writeFile(file, cut);
  await expect(openStore(file)).rejects.toThrow(SetupError);
  expect(cut.equals(await readFile(file))).toBe(true);
});

/** Runs the program as a user whom permissions apply to; the configuration and the database belong to them. */
async function asOrdinaryUser(command: string): Promise<{ status: unknown; errors: string }> {
  // Root may read and write everything: then nobody tries.
  const isRoot = process.getuid?.() === 0;
  const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
  if (isRoot) {
    await Promise.all([chown(config, 65_534, 65_534), chown(file, 65_534, 65_534)]);
  }
  return new Promise((resolve) => {
    const parameters = [program, command, '--config', config];
    execFile(process.execPath, parameters, { cwd: '/', ...nobody }, (error, _, stderr) =>
      resolve({ status: error?.code, errors: stderr }),
    );
  });
}

test('a file that may not be written to ends the start with 2 and says which', async () => {
  await chmod(file, 0o444);
  await chmod(path.dirname(file), 0o555);
  const { status, errors } = await asOrdinaryUser('start');
  await chmod(path.dirname(file), 0o755);
  expect(errors).toContain(`Can't open the database ${file}`);
  expect(errors).toContain('Check database.path, the permissions and the free disk space');
  expect(status).toBe(2);
}, 20_000);

test.each(['start', 'check-config'])(
  'a folder that the bot’s account can’t enter ends %s with 2 and says which',
  async (command) => {
    await chmod(path.dirname(file), 0o000);
    const { status, errors } = await asOrdinaryUser(command);
    await chmod(path.dirname(file), 0o755);
    expect(errors).toContain(`Can't open the database ${file}`);
    expect(errors).toContain('EACCES');
    expect(errors).not.toMatch(/^\s+at /mu);
    expect(status).toBe(2);
  },
  60_000,
);
