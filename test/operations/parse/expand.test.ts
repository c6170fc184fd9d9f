import { afterEach, beforeEach, expect, test } from 'vitest';

import type { UserId } from '../../../src/core/ids.ts';
import { lastActionOf } from '../../../src/operations/parse/expand.ts';
import { openFuzzBot, people, room } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

const ben = people.ben as UserId;
const target = '@mallory:localhost';

/** Something that was done, by Ben unless said; returns its number. */
async function done(
  command: string,
  how: {
    undo?: string;
    reason?: string;
    actor?: string;
    confirmer?: string;
    eventId?: string;
    account?: string;
  } = {},
): Promise<number> {
  bot.clock.now += 1000;
  const {
    actor = ben,
    confirmer,
    reason,
    undo,
    eventId = `$${bot.clock.now}`,
    account = target,
  } = how;
  return bot.store.transaction(async ({ auditLog }) => {
    const id = await auditLog.begin(
      {
        actor,
        confirmer,
        command,
        arguments: {},
        target: account,
        eventId,
        roomId: room,
        ...(reason === undefined ? {} : { reason }),
      },
      bot.clock.now,
    );
    const detail = undo === undefined ? {} : { undo };
    await auditLog.finish(id, { status: 'done', detail }, bot.clock.now);
    return id;
  });
}

const undo = `unshadow-ban ${target}`;
const last = async () => (await lastActionOf(bot.context, ben)).id;

test('is one’s own newest, whatever others have done since', async () => {
  await done('lock', { undo });
  const mine = await done('shadow-ban', { undo });
  await done('suspend', { undo, actor: people.ana });
  await done('unsuspend', { undo, actor: 'rule:spam' });
  await done('lock', { undo, actor: people.ana, confirmer: ben });
  expect(await last()).toBe(mine);
});

test('undone, gives way to the one before, and is not done again', async () => {
  const before = await done('lock', { undo });
  const taken = await done('shadow-ban', { undo });
  await done('unshadow-ban', { undo: 'shadow-ban x', reason: `undo of #${taken}` });
  expect(await last()).toBe(before);
});

test('that can’t be undone is said to be so, and the one before is not taken for it', async () => {
  const before = await done('lock', { undo });
  const closed = await done('deactivate');
  await expect(last()).rejects.toMatchObject({
    message: `your last action, #${closed} (deactivate), can’t be undone`,
    advice: [
      `To give back a part of it: \`!reactivate ${target}\`. Will: make the accounts usable again, without a password. ` +
        'Will not: restore rooms, devices, addresses, name, avatar or account data; show erased messages again.',
      `Before it: \`!undo ${before}\`: lock \`${target}\``,
    ].join('\n'),
  });
});

test('of several accounts is asked about', async () => {
  const one = await done('lock', { undo, eventId: '$batch' });
  const two = await done('lock', { undo, eventId: '$batch' });
  await expect(last()).rejects.toMatchObject({
    message: 'your last command did 2 things; which one?',
    advice: [two, one].map((id) => `\`!undo ${id}\`: lock \`${target}\``).join('\n'),
  });
});

test('of several accounts names what can’t be undone, and offers the rest', async () => {
  const [a, b] = ['@a:localhost', '@b:localhost'];
  const eventId = '$batch';
  const one = await done('lock', { undo: `unlock ${a}`, account: a, eventId });
  const two = await done('deactivate', { account: b, eventId });
  await expect(last()).rejects.toMatchObject({
    message: 'your last command did 2 things; which one?',
    advice: [
      `\`!undo ${one}\`: lock \`${a}\``,
      `Can’t be undone: #${two} (deactivate \`${b}\`)`,
    ].join('\n'),
  });
});

test('of several accounts offers nothing that can’t be undone', async () => {
  const before = await done('lock', { undo });
  const one = await done('deactivate', { account: '@a:localhost', eventId: '$batch' });
  const two = await done('deactivate', { account: '@b:localhost', eventId: '$batch' });
  await expect(last()).rejects.toMatchObject({
    message: `your last command did 2 things, from #${one} to #${two}, and none of them can be undone`,
    advice: expect.stringMatching(
      `^To give back a part of it: \`!reactivate @b:localhost @a:localhost\`\\. .*\nBefore it: \`!undo ${before}\``,
    ) as unknown,
  });
});

test('of long ago is asked about', async () => {
  const old = await done('lock', { undo });
  bot.clock.now += 25 * 3_600_000;
  await expect(last()).rejects.toMatchObject({
    message: expect.stringContaining('your last action was 1 day ago') as unknown,
    advice: `\`!undo ${old}\`: lock \`${target}\``,
  });
});

test('there may be none', async () => {
  await expect(last()).rejects.toThrow('you have no recent action');
});

test('whose number stands for two actions is undone by the command that reverses it', async () => {
  const before = await done('lock', { undo: 'unlock @kept:localhost' });
  const [one, two] = [
    await done('lock', { undo, eventId: '$both', account: '@a:localhost' }),
    await done('lock', { undo: 'unlock @b:localhost', eventId: '$both', account: '@b:localhost' }),
  ];
  await bot.store.dataLoss.set({
    foundAt: bot.clock.now,
    lastMessageAt: bot.clock.now,
    lastKept: before + 1,
    lastShown: one,
  });
  await expect(last()).rejects.toMatchObject({
    advice: [`\`!undo ${two}\`: lock \`@b:localhost\``, `\`!${undo}\`: lock \`@a:localhost\``].join(
      '\n',
    ),
  });
});
