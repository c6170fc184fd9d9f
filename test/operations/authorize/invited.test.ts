import { expect, test } from 'vitest';

import { configSections } from '../../../src/config/schema.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { RoomState } from '../../../src/matrix/room/room-state.ts';
import { awaitedModerators, invitedPeople } from '../../../src/operations/authorize/invited.ts';

const settings = configSections.shape.roles.parse({ viewer: { powerLevel: 10 } });
const [bot, ana, ben, vic] = ['@bot:x', '@ana:x', '@ben:x', '@vic:x'] as UserId[];

/** A room of the bot's, with people and their membership. */
function roomWith(memberships: Readonly<Record<string, string>>): RoomState {
  const state = new RoomState();
  const apply = (type: string, key: string, content: object) =>
    state.apply({ type, state_key: key, sender: bot, content });
  apply('m.room.power_levels', '', { users: { '@bot:x': 100, '@ana:x': 100, '@ben:x': 50 } });
  for (const [user, membership] of Object.entries({ '@bot:x': 'join', ...memberships })) {
    apply('m.room.member', user, { membership });
  }
  return state;
}

test('those invited have the role that they get when they join', () => {
  const room = roomWith({ '@ana:x': 'invite', '@ben:x': 'join', '@vic:x': 'invite' });
  expect(invitedPeople(settings, room)).toEqual([
    { user: ana, role: 'admin' },
    { user: vic, role: undefined },
  ]);
});

test('moderators are awaited only while nobody else in the room may change anything', () => {
  const awaited = (memberships: Readonly<Record<string, string>>) =>
    awaitedModerators(settings, roomWith(memberships), bot as UserId);
  expect(awaited({ '@ana:x': 'invite', '@ben:x': 'invite', '@vic:x': 'join' })).toEqual([ana, ben]);
  expect(awaited({ '@ana:x': 'invite', '@ben:x': 'join' })).toEqual([]);
  expect(awaited({ '@ana:x': 'leave', '@vic:x': 'invite' })).toEqual([]);
});
