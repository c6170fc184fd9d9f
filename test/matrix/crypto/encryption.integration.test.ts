import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { program, startBotProcess } from '../../../dev/room/bot-process.ts';
import { openGate } from '../../../dev/room/gate.ts';
import { Moderator } from '../../../dev/room/moderator.ts';
import type { MatrixEvent } from '../../../dev/synapse/matrix-user.ts';
import {
  canEncrypt,
  encryptedUser,
  encryption,
  newManagementRoom,
  withRoom,
} from '../../support/encrypted-room.ts';
import { adminApi, homeserver, idOf, newUser } from '../../support/homeserver.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-encryption-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const encryptedRoom = async () => newManagementRoom(folder, [], [encryption]);

interface Ended {
  readonly status: number;
  readonly errors: string;
}

/** Runs `lawspeaker start`, which is expected to end by itself. */
async function endOfStart(config: object, ...preload: string[]): Promise<Ended> {
  const file = path.join(folder, 'config.yaml');
  await writeFile(file, JSON.stringify(config));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...preload, program, 'start', '--config', file],
      { cwd: folder },
      (error, _output, errors) =>
        resolve({ status: error === null ? 0 : Number(error.code), errors }),
    );
  });
}

/** Makes the native library fail to load, as it does where it was never downloaded. */
const withoutLibrary = `import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) {
  if (url.includes('matrix-sdk-crypto-nodejs/index.js')) throw new Error('hidden');
  return next(url, context);
} });`;

describe('a set-up that can’t work', () => {
  it('without the native library, encryption.enabled ends with 2 and what to do', async () => {
    const { config } = await encryptedRoom();
    const { status, errors } = await endOfStart(
      config,
      '--import',
      `data:text/javascript,${encodeURIComponent(withoutLibrary)}`,
    );
    expect(errors).toContain('encryption.enabled: the native library');
    expect(errors).toContain('npm rebuild @matrix-org/matrix-sdk-crypto-nodejs');
    expect(errors).not.toMatch(/^\s+at /m);
    expect(status).toBe(2);
  });

  it('an encrypted room with encryption off ends with 2 and what to do', async () => {
    const { config } = await encryptedRoom();
    const { status, errors } = await endOfStart({ ...config, encryption: { enabled: false } });
    expect(errors).toContain('is encrypted, and encryption is off');
    expect(errors).toContain('Set encryption.enabled: true');
    expect(status).toBe(2);
  });

  it('a room that becomes encrypted, with encryption off, ends the bot with 2', async () => {
    const { ana, room, config } = await newManagementRoom(folder, [], []);
    const bot = await startBotProcess(folder, { ...config, encryption: { enabled: false } });
    await ana.setState(room, encryption.type, encryption.content);
    expect(await bot.exited).toMatchObject({ status: 2 });
  });
});

describe('an encrypted management room', () => {
  it.skipIf(!canEncrypt)(
    'hears commands, asks, and hears the answer by code and by reaction (needs the native crypto library)',
    async () => {
      const [mallory, trudy] = await Promise.all([newUser('mallory'), newUser('trudy')]);
      await withRoom(folder, async ({ ana, anaClient, ben, id, saidByBot }) => {
        const answer = await ana.ask(`!user ${mallory.userId}`);
        expect(answer.field.status).toBe('done');
        expect(answer.body).toContain(mallory.userId);

        const byCode = await ana.ask(`!deactivate ${mallory.userId}`);
        expect(byCode.field.status).toBe('pending');
        await ana.say(`!confirm ${byCode.field.confirmation?.code}`);
        expect((await ana.outcomeOf(byCode, 'done')).edited).toBe(true);

        const byReaction = await ana.ask(`!deactivate ${trudy.userId}`);
        await anaClient.react(id, byReaction.event, '✅');
        const done = await ana.outcomeOf(byReaction, 'done');
        expect(done.body).toContain('Deactivated');
        // Everybody in the room reads the same.
        expect((await ben.outcomeOf(byReaction, 'done')).body).toBe(done.body);
        expect((await adminApi().users.get(idOf(trudy))).deactivated).toBe(true);

        const said = await saidByBot();
        expect(new Set(said.map(({ type }) => type))).toEqual(
          new Set(['m.room.encrypted', 'm.reaction', 'm.room.redaction']),
        );
        // Relations stay in clear: without them, the homeserver could not bundle edits and threads.
        const relations = said.map(({ content }) => content['m.relates_to']);
        expect(relations).toContainEqual({ rel_type: 'm.replace', event_id: byCode.event });
        expect(JSON.stringify(said)).not.toContain(mallory.userId);
      });
    },
  );

  it.skipIf(!canEncrypt)(
    'goes on after a stop and after kill -9, with what was said meanwhile (needs the native crypto library)',
    async () => {
      const mallory = await newUser('mallory');
      await withRoom(folder, async (room) => {
        const { ana, benInClear, config, id } = room;
        const confirmation = await ana.ask(`!deactivate ${mallory.userId}`);
        await room.process.kill();
        const meanwhile = await ana.say('!version');
        // More than one sync holds: what is between has to be asked for.
        for (let count = 0; count < 110; count += 1) {
          await benInClear.sendText(id, `chatter ${count}`);
        }
        room.process = await startBotProcess(folder, config);
        expect((await ana.answerTo(meanwhile)).field.status).toBe('done');

        expect(await room.process.stop()).toBe(0);
        room.process = await startBotProcess(folder, config);
        await ana.say(`!confirm ${confirmation.field.confirmation?.code}`);
        await ana.outcomeOf(confirmation, 'done');
        expect(ana.answersTo(meanwhile)).toHaveLength(1);
      });
    },
  );

  it.skipIf(!canEncrypt)(
    'takes the same keys again, where it died before its place was stored (needs the native crypto library)',
    async () => {
      await using gate = await openGate(homeserver().url);
      await withRoom(
        folder,
        async (room) => {
          // A key of the bot's is used up by each sender who has got none of its messages. It makes another
          // when it has taken in what came with it, before it stores its place.
          const account = await newUser('cleo');
          await room.anaClient.invite(room.id, account.userId);
          await account.join(room.id);
          const client = await encryptedUser(account);
          const cleo = await new Moderator(client, room.id).look();
          try {
            const replacing = gate.meet('POST', /\/keys\/upload/);
            const command = await cleo.say('!version');
            const passage = await replacing;
            await room.process.kill();
            passage.drop();
            room.process = await startBotProcess(folder, room.config);
            expect((await cleo.answerTo(command)).field.command).toBe('version');
          } finally {
            await cleo.lookAway();
            await client.close();
          }
        },
        { url: gate.url },
      );
    },
  );

  it.skipIf(!canEncrypt)(
    'sends an answer once, though it dies before it knows that it was sent (needs the native crypto library)',
    async () => {
      await using gate = await openGate(homeserver().url);
      await withRoom(
        folder,
        async (room) => {
          const { ana, config, saidByBot } = room;
          const sending = gate.meet('PUT', /\/send\/m\.room\.encrypted\//);
          const command = await ana.say('!version');
          const passage = await sending;
          expect((await passage.forward()).status).toBe(200);
          await room.process.kill();
          passage.drop();
          room.process = await startBotProcess(folder, config);
          const last = await ana.ask('!version');
          expect(last.field.status).toBe('done');
          expect(ana.answersTo(command)).toHaveLength(1);
          expect(await saidByBot()).toHaveLength(2);
        },
        { url: gate.url },
      );
    },
  );

  it.skipIf(!canEncrypt)(
    'answers many at once, each once (needs the native crypto library)',
    async () => {
      await withRoom(folder, async ({ ana, ben }) => {
        const asked: string[] = [];
        for (let round = 0; round < 5; round += 1) {
          asked.push(...(await Promise.all([ana.say('!version'), ben.say('!help')])));
        }
        const answers = await Promise.all(asked.map(async (event) => ana.answerTo(event)));
        expect(answers.map(({ field }) => field.status)).toEqual(asked.map(() => 'done'));
        await Promise.all(asked.map(async (event) => ben.answerTo(event)));
        expect(asked.map((event) => ben.answersTo(event).length)).toEqual(asked.map(() => 1));
      });
    },
  );

  it.skipIf(!canEncrypt)(
    'may become encrypted while the bot is at work (needs the native crypto library)',
    async () => {
      await withRoom(
        folder,
        async ({ ana, anaClient, benInClear, id, saidByBot }) => {
          const inClear = await benInClear.sendText(id, '!version');
          await ana.answerTo(inClear);
          await anaClient.setState(id, encryption.type, encryption.content);
          expect((await ana.ask('!version')).field.status).toBe('done');
          const types = (await saidByBot()).map(({ type }) => type);
          expect(types).toEqual(['m.room.message', 'm.room.encrypted']);
        },
        { state: [] },
      );
    },
  );

  it.skipIf(!canEncrypt)(
    'tells a secret in an encrypted direct room (needs the native crypto library)',
    async () => {
      const mallory = await newUser('mallory');
      await withRoom(folder, async ({ ana, anaClient, bot, id }) => {
        const confirmation = await ana.ask(`!reset-password ${mallory.userId}`);
        await ana.say(`!confirm ${confirmation.field.confirmation?.code}`);
        await ana.outcomeOf(confirmation, 'done');
        const { rooms } = await anaClient.sync();
        const direct = Object.keys(rooms?.join ?? {}).find((room) => room !== id) ?? '';
        const { chunk } = await anaClient.request<{ chunk: MatrixEvent[] }>(
          'GET',
          `/_matrix/client/v3/rooms/${encodeURIComponent(direct)}/messages`,
          { query: { dir: 'b', limit: 20 } },
        );
        const told = chunk.find(
          ({ sender, type }) => sender === bot.userId && !/^m\.room\.(?!message|enc)/.test(type),
        );
        expect(told?.type).toBe('m.room.encrypted');
        const read = told && (await anaClient.read(direct, told));
        expect(read?.content['body']).toContain(`The new password of ${mallory.userId}`);
      });
    },
  );

  it.skipIf(!canEncrypt)(
    'keeps a password as it is for whom could not read the new one (needs the native crypto library)',
    async () => {
      const mallory = await newUser('mallory');
      const { ana, room, config } = await newManagementRoom(folder, [], []);
      const bot = await startBotProcess(folder, config);
      const moderator = await new Moderator(ana, room).look();
      try {
        const answer = await moderator.ask(`!reset-password ${mallory.userId}`);
        expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
        expect(answer.body).toContain('none of your devices can decrypt it');
        await expect(mallory.login()).resolves.toBeDefined();

        const client = await encryptedUser(ana);
        const confirmation = await moderator.ask(`!reset-password ${mallory.userId}`);
        expect(confirmation.field.status).toBe('pending');
        await client.close();
      } finally {
        await bot.stop();
        await moderator.lookAway();
      }
    },
  );

  it.skipIf(!canEncrypt)(
    'carries out a command when its key comes late, also over a restart (needs the native crypto library)',
    async () => {
      await withRoom(folder, async (room) => {
        const { ana, ben, benClient, config } = room;
        benClient.holdKeys();
        const locked = await ben.say('!version');
        // By now the bot has seen it.
        await ana.ask('!version');
        expect(ben.answersTo(locked)).toHaveLength(0);
        await room.process.kill();
        room.process = await startBotProcess(folder, config);
        await benClient.releaseKeys();
        expect((await ben.answerTo(locked)).field.command).toBe('version');
      });
    },
  );

  it.skipIf(!canEncrypt)(
    'says once that it can’t read a message, and does not carry it out later (needs the native crypto library)',
    async () => {
      await withRoom(folder, async ({ ana, ben, benClient }) => {
        benClient.holdKeys();
        const locked = await ben.say('!version');
        const answer = await ana.answerTo(locked);
        expect(answer.field.error?.code).toBe('undecryptable');
        expect(answer.body).toContain('I can’t read a message from Ben');
        await benClient.releaseKeys();
        const again = await ben.ask('!version');
        expect(again.field.status).toBe('done');
        expect(ana.answersTo(locked)).toHaveLength(1);
      });
    },
    90_000,
  );

  it.skipIf(!canEncrypt)(
    'whose bot has lost its keys says what to do (needs the native crypto library)',
    async () => {
      await withRoom(folder, async (room) => {
        const { ana, bot, config } = room;
        await ana.ask('!version');
        await room.process.stop();
        await rm(config.encryption.path, { recursive: true });
        const { status, errors } = await endOfStart(config);
        expect(errors).toContain('they are lost');
        expect(errors).toContain('log in again as the bot and set homeserver.accessToken');
        expect(status).toBe(2);

        const { accessToken, deviceId } = await bot.login();
        const renewed = { ...config, homeserver: { ...config.homeserver, accessToken } };
        room.process = await startBotProcess(folder, renewed);
        expect((await ana.ask('!version')).field.status).toBe('done');
        // Beside it lies the lock that keeps a second bot off.
        expect((await readdir(config.encryption.path)).sort()).toEqual([deviceId, 'lock'].sort());
      });
    },
  );
});
