import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { startBotProcess } from '../../dev/room/bot-process.ts';
import { Moderator } from '../../dev/room/moderator.ts';
import type { Answer } from '../../dev/room/moderator.ts';
import { openStore } from '../../src/store/store.ts';
import { adminApi, asUserId, homeserver, newUser } from '../support/homeserver.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-disk-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

/** No file of the process may grow beyond so many blocks of 512 or 1024 bytes. */
const narrow = ['sh', '-c', 'ulimit -f 3000 && exec "$0" "$@"'];

it('on a full disk nothing is carried out, the room hears it, and later all goes on', async () => {
  const [account, moderator] = await Promise.all([newUser('bot', { admin: true }), newUser('ana')]);
  const room = await moderator.createRoom({ preset: 'private_chat', invite: [account.userId] });
  const config = {
    homeserver: { url: homeserver().url, accessToken: account.account.accessToken },
    managementRoom: room,
    database: { path: path.join(folder, 'lawspeaker.db') },
  };
  const bot = await startBotProcess(folder, config, undefined, narrow);
  const ana = await new Moderator(moderator, room).look();
  // Each takes its own length of the database, until nothing more fits.
  const ended = bot.exited.then(() => undefined);
  let answer: Answer | undefined;
  do {
    answer = await Promise.race([ana.ask(`!version ${'x'.repeat(30_000)}`), ended]);
  } while (answer !== undefined);
  expect((await bot.exited).status).toBe(1);
  // The bot may be gone before its last words are read.
  await ana.until('what the bot said at its end', () =>
    ana.events.find((event) =>
      String(event.content['body']).includes(
        'The bot does nothing while it can’t record its actions',
      ),
    ),
  );

  const mallory = await newUser('mallory');
  const command = await ana.say(`!shadow-ban ${mallory.userId}`);
  const again = await startBotProcess(folder, config);
  expect((await ana.answerTo(command)).field.status).toBe('done');
  expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(true);
  await again.stop();
  const store = await openStore(config.database.path, { readonly: true });
  expect(await store.auditLog.verify()).toMatchObject({ fault: undefined });
  await store.close();
  await ana.lookAway();
});
