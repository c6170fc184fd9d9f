import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { UserId } from '../../../src/core/ids.ts';
import { expand } from '../../../src/operations/parse/expand.ts';
import { lastActionOf } from '../../../src/operations/parse/undo/last-action.ts';
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
    step?: string;
    wasSo?: boolean;
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
    step,
    wasSo = false,
  } = how;
  return bot.store.transaction(async ({ auditLog }) => {
    const id = await auditLog.begin(
      {
        actor,
        confirmer,
        command,
        arguments: step === undefined ? {} : { step },
        target: account,
        eventId,
        roomId: room,
        ...(reason === undefined ? {} : { reason }),
      },
      bot.clock.now,
    );
    const detail = { ...(undo === undefined ? {} : { undo }), ...(wasSo ? { was_so: true } : {}) };
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

test('is an action: what was only read is not taken for it', async () => {
  const mine = await done('shadow-ban', { undo });
  await done('messages');
  await done('open');
  expect(await last()).toBe(mine);
});

test('undone, gives way to the one before, and is not done again', async () => {
  const before = await done('lock', { undo });
  const taken = await done('shadow-ban', { undo });
  await done('unshadow-ban', { undo: 'shadow-ban x', reason: `undo of #${taken}` });
  expect(await last()).toBe(before);
});

test('names the newer undoings that it skips, if there are any', async () => {
  const before = await done('lock', { undo });
  const taken = await done('shadow-ban', { undo });
  const plain = await expand(bot.context, { sender: ben }, 'undo last');
  expect(plain.lastUndo).toEqual({ entry: taken, command: 'shadow-ban', skipped: [] });
  const back = await done('unshadow-ban', { undo: 'shadow-ban x', reason: `undo of #${taken}` });
  const { line, lastUndo } = await expand(bot.context, { sender: ben }, 'undo last');
  expect(line).toContain(`${undo} --reason="undo of #${before}"`);
  expect(lastUndo).toEqual({ entry: before, command: 'lock', skipped: [{ id: back, of: taken }] });
  const named = await expand(bot.context, { sender: ben }, `undo ${before}`);
  expect(named.lastUndo).toBeUndefined();
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

/** The operation of an event; returns its number. */
async function operationOf(eventId: string, command: string): Promise<number> {
  const id = await bot.store.transaction(async ({ operations }) =>
    operations.start(
      { eventId, roomId: room, actor: ben, command, danger: 'change', invocation: '' },
      bot.clock.now,
    ),
  );
  return id ?? 0;
}

test('of several accounts names their number, and the line that undoes the operation', async () => {
  const eventId = '$batch';
  for (let at = 0; at < 12; at += 1) {
    await done('lock', { undo, eventId, account: `@u${at}:localhost` });
  }
  const id = await operationOf(eventId, 'lock');
  await expect(last()).rejects.toMatchObject({
    message: `your last command was operation ${id}, for 12 accounts`,
    advice: [
      `\`!undo --operation ${id}\` undoes all of it, after a confirmation.`,
      `To undo one action alone, see \`!audit --operation ${id}\`.`,
    ].join('\n'),
  });
});

test('of several steps says what of it can’t be undone', async () => {
  const eventId = '$takedown';
  for (const step of ['suspend', 'redact', 'deactivate']) {
    await done('takedown', { eventId, step, ...(step === 'redact' ? {} : { undo }) });
  }
  const id = await operationOf(eventId, 'takedown');
  await expect(last()).rejects.toMatchObject({
    message: `your last command was operation ${id}, for \`${target}\``,
    advice: [
      `\`!undo --operation ${id}\` undoes what can be undone, after a confirmation.`,
      'Stays as it is: redact (1).',
      `To undo one action alone, see \`!audit --operation ${id}\`.`,
    ].join('\n'),
  });
});

test('of thousands of accounts counts all of them', async () => {
  const eventId = '$large';
  await done('takedown', { eventId, undo });
  const [one] = await bot.store.auditLog.search({ eventId, limit: 1 });
  const entries = Array.from({ length: 20_000 }, (_, at) => ({
    ...one,
    id: 20_000 - at,
    target: `@u${Math.floor(at / 4)}:localhost`,
  }));
  Object.assign(bot.store.auditLog, {
    search: async ({ limit }: { limit: number }) => entries.slice(0, limit),
  });
  const id = await operationOf(eventId, 'takedown');
  await expect(last()).rejects.toThrow(`your last command was operation ${id}, for 5,000 accounts`);
});

test('of several accounts whose operation is not known is named one by one', async () => {
  const eventId = '$batch';
  const ids: number[] = [];
  for (let at = 0; at < 5; at += 1) {
    ids.unshift(await done('lock', { undo, eventId }));
  }
  await expect(last()).rejects.toMatchObject({
    message: 'your last command did 5 things',
    advice: [
      ...ids.slice(0, 3).map((id) => `\`!undo ${id}\`: lock \`${target}\``),
      'and 2 others',
    ].join('\n'),
  });
});

test('of several accounts offers nothing that can’t be undone', async () => {
  const before = await done('lock', { undo });
  await done('deactivate', { account: '@a:localhost', eventId: '$batch' });
  await done('deactivate', { account: '@b:localhost', eventId: '$batch' });
  const id = await operationOf('$batch', 'deactivate');
  await expect(last()).rejects.toMatchObject({
    message: `your last command was operation ${id}, for 2 accounts, and none of it can be undone`,
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

describe('an entry that is named', () => {
  const undone = async (id: number) =>
    (await expand(bot.context, { sender: ben }, `undo ${id}`)).line;
  const lift = `unquarantine --user ${target}`;

  test('is not undone if a takedown has done the same since', async () => {
    const id = await done('quarantine', { undo: lift });
    const newer = await done('takedown', { step: 'quarantine' });
    await expect(undone(id)).rejects.toMatchObject({
      message: `#${id} (quarantine) is not the newest: #${newer} (takedown) came after it`,
      advice: `To undo the current state: \`!${lift}\``,
    });
  });

  test('is not undone if it is a step of a takedown, and a command has done the same since', async () => {
    const id = await done('takedown', { step: 'quarantine', undo: lift });
    const newer = await done('quarantine');
    await expect(undone(id)).rejects.toThrow(
      `#${id} (takedown) is not the newest: #${newer} (quarantine) came after it`,
    );
  });

  test('is undone although the same was asked again since, which changed nothing', async () => {
    const id = await done('tag', { undo: `untag ${target} seen` });
    await done('tag', { wasSo: true });
    expect(await undone(id)).toContain(`untag ${target} seen --reason=`);
    await done('tag');
    await expect(undone(id)).rejects.toThrow('is not the newest');
  });

  test('is undone once the takedown that found it done already is taken back', async () => {
    const id = await done('suspend', { undo: `unsuspend ${target}` });
    const eventId = '$takedown';
    await done('takedown', { eventId, step: 'suspend' });
    const closed = await done('takedown', { eventId, step: 'deactivate', undo });
    await expect(undone(id)).rejects.toThrow('is not the newest');
    await done('reactivate', { reason: `undo of #${closed}` });
    expect(await undone(id)).toContain(`unsuspend ${target} --reason=`);
  });
});
