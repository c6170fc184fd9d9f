import { afterEach, expect, it } from 'vitest';

import type { MatrixEvent } from '../../../dev/synapse/matrix-user.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
afterEach(async () => room.close());

const openGreetedRoom = async () => {
  room = await openRoom({}, { timing: { greets: true } });
};

/** The bodies of what the bot has said by itself, once it has answered a command. */
async function greetings(): Promise<string[]> {
  // The answer comes after all that the bot had to say before.
  await room.ana.ask('!version');
  const { chunk } = await room.ana.user.request<{ chunk: MatrixEvent[] }>(
    'GET',
    `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/messages`,
    { query: { dir: 'b', limit: 100 } },
  );
  return chunk
    .filter(
      ({ sender, type, content }) =>
        sender === room.bot.userId &&
        type === 'm.room.message' &&
        content['m.relates_to'] === undefined,
    )
    .map(({ content }) => `${String(content['msgtype'])} ${String(content['body'])}`);
}

it('at its first start the bot says in three lines what it is, and notifies nobody', async () => {
  await openGreetedRoom();
  expect(await greetings()).toEqual([
    [
      'm.notice ℹ️ I’m Lawspeaker, the moderation bot of localhost. I carry out your commands, ask before I destroy anything, and keep an audit log',
      '!help lists the commands. !help deactivate explains one of them.',
      'I don’t read user reports · no rules · protected: server admins, this room’s moderators',
    ].join('\n'),
  ]);
});

it('never says that again: not after a restart, and not with a new database', async () => {
  await openGreetedRoom();
  const [greeting] = await greetings();
  await room.stopBot();
  await room.startBot();
  expect(await greetings()).toEqual([greeting]);
  await room.stopBot();
  await room.database.clear();
  await room.startBot();
  expect((await greetings()).filter((body) => body.includes('I’m Lawspeaker'))).toEqual([greeting]);
});
