import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { RoomId } from '../../../src/core/ids.ts';
import { replyContent } from '../../../src/matrix/delivery/content.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

const direct = '!direct:localhost' as RoomId;

let bot: FuzzBot;
let directRooms: Set<RoomId>;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  directRooms = new Set([direct]);
  Object.assign(bot.context, {
    findAccount: async (name: string) => ({ name, displayname: null }),
  });
  Object.assign(bot.context.services.accounts, { locate: async () => ({ where: 'here' }) });
  Object.assign(bot.context.services, { directRooms: { among: async () => directRooms } });
});
afterEach(async () => bot.store.close());

/** What the room reads, for a person with these rooms. */
async function ask(body: string, rooms: readonly RoomId[]): Promise<string> {
  Object.assign(bot.api.users, {
    joinedRooms: async () => ({ joinedRooms: rooms }),
    memberships: async () => rooms.map((roomId) => ({ roomId, membership: 'join' })),
  });
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$${Buffer.from(body).toString('base64url')}${rooms.length}`,
      sender: people.vic,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body },
    },
  ]);
  const [first] = sent.map(({ outgoing }) => outgoing);
  assert.ok(first !== undefined && 'reply' in first, 'no answer');
  return String(replyContent(first.reply, first.origin, '!')['body']);
}

describe.each([
  ['joined-rooms', 'is not in any room'],
  ['memberships', 'knows no room of'],
] as const)('%s', (command, nothing) => {
  test('does not say that there is no room if it leaves the only one out', async () => {
    const body = await ask(`!${command} mallory`, [direct]);
    expect(body).toContain('No room to list of @mallory:localhost');
    expect(body).toContain('1 private room of this bot is not listed');
    expect(body).not.toContain(nothing);
  });

  test('says that there is no room if there is none', async () => {
    directRooms.clear();
    expect(await ask(`!${command} mallory`, [])).toContain(nothing);
  });
});
