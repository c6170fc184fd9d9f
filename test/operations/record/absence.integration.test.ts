import { afterAll, beforeAll, expect, it } from 'vitest';

import { Moderator } from '../../../dev/room/moderator.ts';
import type { MatrixEvent } from '../../../dev/synapse/matrix-user.ts';
import { startApp } from '../../../src/app/app.ts';
import type { App } from '../../../src/app/app.ts';
import { configSchema } from '../../../src/config/schema.ts';
import type { Config } from '../../../src/config/schema.ts';
import { createLog } from '../../../src/observability/log.ts';
import { newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import type { TestDatabase } from '../../support/test-database.ts';

const chatMessages = 250;
const commandMessages = 75;

let room: TestRoom;
let lateDatabase: TestDatabase;
beforeAll(async () => {
  lateDatabase = await createTestDatabase();
  room = await openRoom();
});
afterAll(async () => {
  await room.close();
  await lateDatabase[Symbol.asyncDispose]();
});

/** All that stands in the room since `command`, by whatever page it comes. */
async function history(): Promise<MatrixEvent[]> {
  const events: MatrixEvent[] = [];
  let from: string | undefined;
  do {
    const page: { chunk: MatrixEvent[]; end?: string } = await room.ana.user.request(
      'GET',
      `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/messages`,
      { query: { dir: 'b', limit: 500, from } },
    );
    events.push(...page.chunk);
    from = page.end;
  } while (from !== undefined);
  return events;
}

/** How often a bot has answered each of these. */
async function answersOf(bot: string, commands: readonly string[]): Promise<number[]> {
  const counts = new Map<unknown, number>();
  for (const { sender, content } of await history()) {
    const relation = content['m.relates_to'] as { 'm.in_reply_to'?: { event_id: string } };
    if (sender === bot && relation?.['m.in_reply_to'] !== undefined) {
      const { event_id: command } = relation['m.in_reply_to'];
      counts.set(command, (counts.get(command) ?? 0) + 1);
    }
  }
  return commands.map((command) => counts.get(command) ?? 0);
}

it('what was said in an absence is answered once: one by one, or together where it is too old', async () => {
  // A second bot in the same room was away longer than its `maxAge`, the first was not.
  const late = await newUser('late', { admin: true });
  await room.ana.user.invite(room.id, late.userId);
  const lateConfig: Config = configSchema.parse({
    homeserver: { ...room.config.homeserver, accessToken: late.account.accessToken },
    managementRoom: room.id,
    database: lateDatabase.config,
    commands: { maxAge: '1s' },
  });
  const log = await createLog({ level: 'silent', format: 'json' });
  await room.stopBot();
  let app: App = await startApp(lateConfig, log);
  // Its place in the room's history is known when it answers.
  await room.ana.ask('!version');
  await app.stop();

  const said: { text: string; event: string }[] = [];
  const all = chatMessages + commandMessages;
  const commandsUpTo = (at: number) => Math.floor((at * commandMessages) / all);
  const texts = Array.from({ length: all }, (_, at) =>
    commandsUpTo(at + 1) > commandsUpTo(at) ? '!version' : `chat ${at}`,
  );
  // Whoever looks on is woken by each message, which makes sending slow.
  await room.ana.lookAway();
  const people = [room.ana, room.ben, room.vic];
  for (let at = 0; at < texts.length; at += 100) {
    const some = texts.slice(at, at + 100).map(async (text, nth) => {
      const person = people[nth % people.length] ?? room.ana;
      said.push({ text, event: await person.say(text) });
    });
    await Promise.all(some);
  }
  const ana = await new Moderator(room.ana.user, room.id).look();

  const commands = said.filter(({ text }) => text === '!version').map(({ event }) => event);
  expect(commands).toHaveLength(commandMessages);
  expect(said).toHaveLength(all);

  await room.startBot();
  // One person's commands are answered in order.
  const last = await Promise.all(people.map(async (person) => person.say('!version')));
  await Promise.all(last.map(async (command) => ana.answerTo(command)));
  await room.stopBot();
  expect(await answersOf(room.bot.userId, commands)).toEqual(commands.map(() => 1));
  const chat = said.filter(({ text }) => text !== '!version').map(({ event }) => event);
  expect(await answersOf(room.bot.userId, chat)).toEqual(chat.map(() => 0));

  app = await startApp(lateConfig, log);
  const folded = await ana.until('the folded answer', () =>
    ana.events.find(
      ({ sender, content }) =>
        sender === late.userId && String(content['body']).includes('commands not done'),
    ),
  );
  await app.stop();
  // The three of afterwards are too old as well.
  expect(String(folded.content['body'])).toContain(`${commandMessages + 3} commands not done`);
  const answers = await answersOf(late.userId, commands);
  expect(answers.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1);
  await ana.lookAway();
}, 60_000);

it('a message that is sent twice under one transaction ID is one command', async () => {
  const here = await openRoom();
  const first = await here.ana.user.sendText(here.id, '!version', 'the same');
  const again = await here.ana.user.sendText(here.id, '!version', 'the same');
  expect(again).toBe(first);
  await here.ana.ask('!version');
  expect(here.ana.answersTo(first)).toHaveLength(1);
  await here.close();
});
