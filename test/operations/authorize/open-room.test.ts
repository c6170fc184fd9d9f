import { afterEach, beforeEach, expect, test } from 'vitest';

import { configSections } from '../../../src/config/schema.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { createOpenRoomWarning, openingsOf } from '../../../src/operations/authorize/open-room.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
let look: () => Promise<void>;
let warned: unknown[];
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  warned = [];
  const warn = (fields: unknown) => void warned.push(fields);
  Object.assign(bot.context, { log: { ...bot.context.log, warn } });
  look = createOpenRoomWarning(bot.context, () =>
    openingsOf(bot.members, configSections.shape.roles.parse({})),
  );
});
afterEach(async () => bot.store.close());

const joinRule = (rule: string) => ({
  type: 'm.room.join_rules',
  state_key: '',
  content: { join_rule: rule },
});
const visibility = (history: string) => ({
  type: 'm.room.history_visibility',
  state_key: '',
  content: { history_visibility: history },
});

/** What the room is told after this change. */
async function after(event: object): Promise<Outgoing[]> {
  bot.members.apply({ ...event, sender: people.ana });
  bot.clock.now += 1000;
  const { sent } = await bot.run(look);
  return sent.map(({ outgoing }) => outgoing);
}

test('a room that only the invited can join and read is no warning', async () => {
  expect(await after(joinRule('invite'))).toEqual([]);
  expect(await after(visibility('shared'))).toEqual([]);
  expect(warned).toEqual([]);
});

test('a room that is open to strangers is told to its admins and the log, whenever that changes', async () => {
  const [warning] = await after(joinRule('public'));
  expect(warning).toMatchObject({ kind: 'alert', mentions: [people.ana] });
  expect(JSON.stringify(warning)).toContain('Anybody can join');
  expect(warned).toEqual([{ openings: ['public'] }]);
  expect(await after(joinRule('public'))).toEqual([]);
  const [second] = await after(visibility('world_readable'));
  expect(JSON.stringify(second)).toContain('Anybody can join');
  expect(JSON.stringify(second)).toContain('Anybody can read it without joining');
  expect(await after(joinRule('invite'))).toHaveLength(1);
  expect(await after(visibility('joined'))).toEqual([]);
  expect(await after(joinRule('public'))).toHaveLength(1);
});

test('a room where every member is a moderator', async () => {
  const levels = (usersDefault: number) => ({
    type: 'm.room.power_levels',
    state_key: '',
    content: { users: { [people.ana]: 100 }, users_default: usersDefault },
  });
  const [warning] = await after(levels(50));
  expect(JSON.stringify(warning)).toContain('Everybody in this room can use dangerous commands');
  expect(JSON.stringify(warning)).toContain('set the default role to a lower power level');
  expect(warned).toEqual([{ openings: ['everybody_commands'] }]);
  expect(await after(levels(49))).toEqual([]);
  const [second] = [await after(joinRule('public')), await after(levels(100))].flat().slice(-1);
  expect(JSON.stringify(second)).toContain('This room is open to strangers');
  expect(JSON.stringify(second)).toContain('Everybody in it can use commands');
});
