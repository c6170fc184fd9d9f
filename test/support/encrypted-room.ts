import path from 'node:path';

import { expect } from 'vitest';

import { startBotProcess } from '../../dev/room/bot-process.ts';
import type { BotProcess } from '../../dev/room/bot-process.ts';
import { Moderator } from '../../dev/room/moderator.ts';
import type { MatrixEvent, MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { nativeLibrary } from '../../src/matrix/crypto/native-library.ts';
import type { EncryptedUser } from './encrypted-user.ts';
import { homeserver, newUser } from './homeserver.ts';

/** The state event of an encrypted room. */
export const encryption = {
  type: 'm.room.encryption',
  state_key: '',
  // A new key for each message.
  content: { algorithm: 'm.megolm.v1.aes-sha2', rotation_period_msgs: 1 },
};

/** Whether the native crypto library is on this machine. */
export const canEncrypt = hasNativeLibrary();

function hasNativeLibrary(): boolean {
  try {
    nativeLibrary();
    return true;
  } catch {
    return false;
  }
}

/** The SDK can't be loaded without the library. */
export async function encryptedUser(user: MatrixUser): Promise<EncryptedUser> {
  const { EncryptedUser } = await import('./encrypted-user.ts');
  return EncryptedUser.at(user);
}

/** A room with a bot that is invited, and what the bot has to know. Its files are kept in `folder`. */
export async function newManagementRoom(
  folder: string,
  people: readonly MatrixUser[],
  state: readonly object[],
) {
  const [ana, bot] = await Promise.all([
    newUser('ana', { displayName: 'Ana' }),
    newUser('bot', { admin: true }),
  ]);
  const room = await ana.createRoom({
    preset: 'private_chat',
    invite: [bot.userId, ...people.map(({ userId }) => userId)],
    initial_state: state,
  });
  await Promise.all(people.map(async (person) => person.join(room)));
  const config = {
    homeserver: { url: homeserver().url, accessToken: bot.account.accessToken },
    managementRoom: room,
    database: { path: path.join(folder, 'lawspeaker.db') },
    encryption: { enabled: true, path: path.join(folder, 'crypto') },
  };
  return { ana, bot, room, config };
}

/** People at encrypting clients, and the bot as its own process. */
export interface EncryptedRoom {
  readonly id: string;
  readonly bot: MatrixUser;
  readonly anaClient: EncryptedUser;
  readonly ana: Moderator;
  readonly benClient: EncryptedUser;
  /** Ben at a client that knows no encryption. */
  readonly benInClear: MatrixUser;
  readonly ben: Moderator;
  readonly config: Awaited<ReturnType<typeof newManagementRoom>>['config'];
  process: BotProcess;
  /** What the homeserver holds of the bot's events after its greeting, oldest first. */
  saidByBot(): Promise<MatrixEvent[]>;
}

/**
 * Starts the bot in an encrypted room, and stops it after the story.
 *
 * @param folder for the bot's files
 * @param settings.state the room's first state; without it, the room is encrypted
 */
export async function withRoom(
  folder: string,
  story: (room: EncryptedRoom) => Promise<void>,
  settings: { url?: string; state?: readonly object[] } = {},
): Promise<void> {
  const benAccount = await newUser('ben', { displayName: 'Ben' });
  const { url = homeserver().url, state = [encryption] } = settings;
  const { ana, bot, room, config: direct } = await newManagementRoom(folder, [benAccount], state);
  const config = { ...direct, homeserver: { ...direct.homeserver, url } };
  const [anaClient, benClient] = await Promise.all([encryptedUser(ana), encryptedUser(benAccount)]);
  const people = await Promise.all(
    [anaClient, benClient].map(async (user) => new Moderator(user, room).look()),
  );
  const [anaLooking, benLooking] = people as [Moderator, Moderator];
  const eventsOfBot = async () => {
    const { chunk } = await ana.request<{ chunk: MatrixEvent[] }>(
      'GET',
      `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/messages`,
      { query: { dir: 'b', limit: 100 } },
    );
    return chunk
      .filter(({ sender, state_key }) => sender === bot.userId && state_key === undefined)
      .reverse();
  };
  const open: EncryptedRoom = {
    id: room,
    bot,
    anaClient,
    ana: anaLooking,
    benClient,
    benInClear: benAccount,
    ben: benLooking,
    config,
    process: await startBotProcess(folder, config),
    saidByBot: async () => (await eventsOfBot()).slice(1),
  };
  try {
    await expect.poll(eventsOfBot).toHaveLength(1);
    await story(open);
  } finally {
    await open.process.stop();
    await Promise.all(people.map(async (person) => person.lookAway()));
    await Promise.all([anaClient.close(), benClient.close()]);
  }
}
