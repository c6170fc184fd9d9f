import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startBotProcess } from '../../../dev/room/bot-process.ts';
import type { MatrixEvent } from '../../../dev/synapse/matrix-user.ts';
import { mxcParts, parseMxcUri } from '../../../src/core/ids.ts';
import { canEncrypt, withRoom } from '../../support/encrypted-room.ts';
import type { EncryptedRoom } from '../../support/encrypted-room.ts';
import { adminApi, homeserver, idOf, newUser } from '../../support/homeserver.ts';
import { openReportStore } from '../../support/report-store.ts';

const hourMs = 3_600_000;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-encrypted-files-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

/** The newest message with this file, as a member's client decrypts it. */
async function sentFile({ ana }: EncryptedRoom, name: string): Promise<MatrixEvent> {
  return ana.until(`the file ${name}`, () =>
    ana.events.findLast(({ content }) => content['filename'] === name),
  );
}

/** What a member reads in the newest file of this name. */
async function fileFor(room: EncryptedRoom, name: string): Promise<Buffer> {
  const { content } = await sentFile(room, name);
  expect(content['url']).toBeUndefined();
  const bytes = await room.anaClient.readFile(content['file']);
  expect(content['info']).toMatchObject({ size: bytes.length });
  return bytes;
}

const textOf = async (room: EncryptedRoom, name: string): Promise<string> =>
  (await fileFor(room, name)).toString();

const isPng = (bytes: Buffer): boolean => bytes.subarray(1, 4).toString() === 'PNG';

/** A picture's size in pixels, as the picture itself says. */
async function pictureSize(room: EncryptedRoom, name: string): Promise<{ w: number; h: number }> {
  const png = await fileFor(room, name);
  expect(isPng(png)).toBe(true);
  return { w: png.readUInt32BE(16), h: png.readUInt32BE(20) };
}

/** All that the homeserver has of the bot's files, as its admins can read it. */
async function storedByBot({ bot }: EncryptedRoom) {
  const { media } = await adminApi().media.list(idOf(bot), {});
  return Promise.all(
    media.map(async ({ mediaId, mediaType, uploadName }) => {
      const response = await fetch(
        `${bot.homeserverUrl}/_matrix/client/v1/media/download/${homeserver().serverName}/${mediaId}`,
        { headers: { authorization: `Bearer ${homeserver().admin.accessToken}` } },
      );
      return { mediaId, mediaType, uploadName, bytes: Buffer.from(await response.arrayBuffer()) };
    }),
  );
}

/** Expects that whoever reads the homeserver's database and files learns nothing of these. */
async function expectUnreadable(
  room: EncryptedRoom,
  names: readonly string[],
  words: readonly string[],
): Promise<void> {
  const stored = await storedByBot(room);
  const sent = await Promise.all(names.map(async (name) => sentFile(room, name)));
  const uris = sent.map(({ content }) => (content['file'] as { url: string }).url);
  // A file is uploaded again if its message could not be sent.
  expect(stored.map(({ mediaId }) => mediaId)).toEqual(expect.arrayContaining(uris.map(mediaIdOf)));
  for (const { mediaType, uploadName, bytes } of stored) {
    expect({ mediaType, uploadName }).toEqual({
      mediaType: 'application/octet-stream',
      uploadName: null,
    });
    expect(isPng(bytes)).toBe(false);
    for (const word of words) {
      expect(bytes.includes(word)).toBe(false);
    }
  }
  const events = JSON.stringify(await room.saidByBot());
  for (const word of [...names, ...uris, ...words]) {
    expect(events).not.toContain(word);
  }
}

function mediaIdOf(uri: string): string {
  const mxc = parseMxcUri(uri);
  return mxc === undefined ? uri : mxcParts(mxc).mediaId;
}

/** Fills the queue with closed reports. The bot is stopped meanwhile: a database has one writer. */
async function addPastReports(room: EncryptedRoom, sender: string, count: number): Promise<void> {
  await room.process.stop();
  const queue = await openReportStore(room.config.database.path);
  for (let age = 0; age < count; age += 1) {
    const at = Date.now() - age * hourMs;
    const item = await queue.report({ at, sender });
    await queue.move(item, 'dismissed', room.ana.user.userId, at);
  }
  await queue[Symbol.asyncDispose]();
  room.process = await startBotProcess(folder, room.config);
}

describe('an encrypted management room', () => {
  it.skipIf(!canEncrypt)(
    'gets pictures that only its members can see (needs the native crypto library)',
    async () => {
      const mallory = await newUser('mallory');
      await withRoom(folder, async (room) => {
        const { ana } = room;
        await ana.ask(`!shadow-ban ${mallory.userId} --reason "crypto scam"`);
        await addPastReports(room, mallory.userId, 24);

        expect((await ana.ask('!stats')).body).toContain('shadow-ban 1 done');
        expect((await ana.ask(`!history ${mallory.userId}`)).body).toContain('25 entries');
        for (const name of ['stats.png', 'timeline.png']) {
          const size = await pictureSize(room, name);
          const { content } = await sentFile(room, name);
          expect(content).toMatchObject({
            msgtype: 'm.image',
            info: { mimetype: 'image/png', ...size },
          });
        }
        await expectUnreadable(room, ['stats.png', 'timeline.png'], [mallory.userId]);
      });
    },
  );

  it.skipIf(!canEncrypt)(
    'gets lists and the audit log as files that only its members can read (needs the native crypto library)',
    async () => {
      const mallory = await newUser('mallory');
      await withRoom(folder, async (room) => {
        const { ana } = room;
        await ana.ask(`!shadow-ban ${mallory.userId} --reason "crypto scam"`);

        await ana.ask('!audit export');
        const [line = ''] = (await textOf(room, 'audit.jsonl')).split('\n');
        expect(JSON.parse(line)).toMatchObject({ target: mallory.userId, reason: 'crypto scam' });
        await ana.ask('!audit export --format csv');
        expect(await textOf(room, 'audit.csv')).toContain(`shadow-ban,'${mallory.userId},`);
        await ana.ask('!users --all');
        expect(await textOf(room, 'users.csv')).toContain(mallory.userId);
        await expectUnreadable(
          room,
          ['audit.jsonl', 'audit.csv', 'users.csv'],
          [mallory.userId, 'crypto scam', 'shadow-ban'],
        );
      });
    },
  );

  it.skipIf(!canEncrypt)(
    'gives a list of many, and gets lists before and after (needs the native crypto library)',
    async () => {
      const users = await Promise.all(
        Array.from({ length: 11 }, async () => newUser('mallory', { displayName: 'Mallory' })),
      );
      const ids = users.map(({ userId }) => userId);
      await withRoom(folder, async (room) => {
        const { ana, anaClient, bot, id } = room;
        // The bot is protected, so the outcome is worth a file.
        const given = [...ids, bot.userId].join('\n');
        const { bytes, file } = await anaClient.encryptFile(given);
        const url = await anaClient.uploadMedia(bytes, 'application/octet-stream');
        const message = { msgtype: 'm.file', body: 'list.txt', file: { ...file, url } };
        const list = await anaClient.send(id, 'm.room.message', message);
        const command = await anaClient.send(id, 'm.room.message', {
          msgtype: 'm.text',
          body: '!shadow-ban --from-file',
          'm.relates_to': { 'm.in_reply_to': { event_id: list } },
        });

        const confirmation = await ana.answerTo(command);
        expect(confirmation.field.status).toBe('pending');
        const before = await textOf(room, 'accounts.csv');
        await ana.say(`!confirm ${confirmation.field.confirmation?.code}`);
        await ana.outcomeOf(confirmation, 'done');
        const after = await textOf(room, 'outcomes.csv');
        for (const userId of ids) {
          expect(before).toContain(`\n'${userId},Mallory,`);
          expect(after).toContain(`\n'${userId},,done,`);
        }
        await expectUnreadable(room, ['accounts.csv', 'outcomes.csv'], ['Mallory', ...ids]);
      });
    },
  );
});
