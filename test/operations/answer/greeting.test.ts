import { expect, it } from 'vitest';

import { textOf } from '../../../src/chat/answers/answer.ts';
import type { Answer } from '../../../src/chat/answers/answer.ts';
import { greet } from '../../../src/operations/answer/greeting.ts';
import type { Watched } from '../../../src/operations/answer/greeting.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import type { StoreTables } from '../../../src/store/store.ts';
import { asRoomId, asUserId } from '../../support/homeserver.ts';

/** The lines of the greeting; none if the bot does not greet. */
async function lines(watched: Watched, { hasSpoken = false, prefix = '!' } = {}) {
  const added: Answer[] = [];
  await greet(
    {
      settings: {
        botUser: asUserId('@bot:example.com'),
        managementRoom: asRoomId('!room:example.com'),
        prefix,
        serverName: 'example.com',
      },
      store: {
        transaction: async (work) =>
          work({
            outbox: {
              add: async ({ message }: { message: string }) => {
                const outgoing = JSON.parse(message) as Outgoing;
                added.push(...('reply' in outgoing ? [outgoing.reply.answer] : []));
              },
            },
          } as unknown as StoreTables),
      },
      now: () => 0,
      deliver: () => undefined,
    },
    watched,
    hasSpoken,
  );
  return added.flatMap(({ title, body = [] }) => [
    textOf(title),
    ...body.map((block) => (block.kind === 'line' ? textOf(block.content) : '')),
  ]);
}

it('names the rules in force and what is protected, with the prefix in use', async () => {
  const said = await lines(
    {
      reports: true,
      ruleModes: ['observe', 'act', 'observe'],
      signUpRules: 1,
      protectedPatterns: 1,
    },
    { prefix: '!!' },
  );
  expect(said).toHaveLength(3);
  expect(said[0]).toContain('I’m Lawspeaker, the moderation bot of example.com.');
  expect(said[1]).toContain('!!help lists the commands. !!help deactivate explains');
  expect(said[2]).toBe(
    'I show user reports here as they come in · 4 rules (1 in mode act, 2 in mode observe, 1 on sign-ups) · protected: server admins, this room’s moderators, and 1 pattern in protected.users',
  );
});

it('is silent where the bot has spoken before', async () => {
  expect(
    await lines(
      { reports: true, ruleModes: [], signUpRules: 0, protectedPatterns: 0 },
      { hasSpoken: true },
    ),
  ).toEqual([]);
});
