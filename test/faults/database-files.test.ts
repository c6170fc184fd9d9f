import { execFile } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { program } from '../../dev/room/bot-process.ts';
import { SetupError } from '../../src/core/errors.ts';
import { openStore } from '../../src/store/store.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-files-'));
  file = path.join(folder, 'lawspeaker.db');
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

test('a file that may not be written to ends the start with 2 and says which', async () => {
  // Root may write to everything: then nobody tries.
  const isRoot = process.getuid?.() === 0;
  const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
  const config = path.join(folder, 'config.yaml');
  await writeFile(
    config,
    JSON.stringify({
      homeserver: { url: 'http://127.0.0.1:9', accessToken: 'none' },
      managementRoom: '!room:localhost',
      database: { path: file },
    }),
    { mode: 0o600 },
  );
  if (isRoot) {
    await Promise.all([chown(config, 65_534, 65_534), chown(file, 65_534, 65_534)]);
  }
  await chmod(file, 0o444);
  await chmod(folder, 0o555);
  const { status, errors } = await new Promise<{ status: unknown; errors: string }>((resolve) => {
    const parameters = [program, 'start', '--config', config];
    execFile(process.execPath, parameters, { cwd: '/', ...nobody }, (error, __, stderr) =>
      resolve({ status: error?.code, errors: stderr }),
    );
  });
  await chmod(folder, 0o755);
  expect(errors).toContain(`Can't open the database ${file}`);
  expect(errors).toContain('Check database.path, the permissions and the free disk space');
  expect(status).toBe(2);
}, 20_000);
