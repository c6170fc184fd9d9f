import type { MatrixUser, RegisterOptions } from '../synapse/matrix-user.ts';

/** The users and the room of the demo. */
export interface Scene {
  readonly bot: MatrixUser;
  readonly moderator: MatrixUser;
  readonly room: string;
  /** Who is there to try commands on, one line each. */
  readonly people: readonly string[];
}

const tinyPng = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** Creates a bot, a moderator, some users, rooms, and a message that was reported. */
export async function setScene(
  newUser: (account: RegisterOptions) => Promise<MatrixUser>,
): Promise<Scene> {
  const register = async (localpart: string, displayName: string, admin = false) =>
    newUser({ localpart, displayName, admin });
  const [bot, moderator, mallory, alice, bob] = await Promise.all([
    register('lawspeaker', 'Lawspeaker', true),
    register('ana', 'Ana'),
    register('mallory', 'Mallory'),
    register('alice', 'Alice'),
    register('bob', 'Bob'),
  ]);
  const room = await moderator.createRoom({
    name: 'Moderation',
    preset: 'private_chat',
    invite: [bot.userId],
  });
  const lobby = await alice.createRoom({ name: 'Lobby', preset: 'public_chat' });
  const garden = await bob.createRoom({ name: 'Garden', preset: 'public_chat' });
  await Promise.all([mallory.join(lobby), mallory.join(garden), bob.join(lobby)]);
  await mallory.uploadMedia(tinyPng, 'image/png', 'offer.png');
  await alice.sendText(lobby, 'Welcome, everybody.');
  const spam = await mallory.sendText(lobby, 'Cheap coins! Only today! Write to me!');
  await bob.reportEvent(lobby, spam, { reason: 'spam', score: -100 });
  return {
    bot,
    moderator,
    room,
    people: [
      '@mallory  sent spam, and was reported',
      '@alice    an ordinary user',
      '@bob      reported the spam',
      '@ana      you, the moderator',
    ],
  };
}
