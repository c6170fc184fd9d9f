import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, asUserId, newRoom, newUser, unknownUserId } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

const account = async (userId: string) => adminApi().users.get(asUserId(userId));

describe('deactivate', () => {
  it('shows who it is, waits for the code, does it, and leaves a trail', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory' });
    await newRoom(mallory);

    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId} --erase --reason spam`);
    expect(confirmation.field).toMatchObject({
      command: 'deactivate',
      status: 'pending',
      audit: [],
    });
    expect(confirmation.body).toContain(`Deactivate Mallory ${mallory.userId} and erase?`);
    expect(confirmation.body).toMatch(/Registered (just now|.+ ago)/);
    expect(confirmation.body).toContain('1 room · 1 device · no files');
    expect(confirmation.body).toContain('Erasing can’t be undone');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: false });

    const { code } = confirmation.field.confirmation ?? { code: '' };
    const confirmed = await room.ana.ask(`!confirm ${code}`);
    expect(confirmed.body).toContain(`${code} Deactivated and erased`);
    expect(confirmed.body.split('\n')).toHaveLength(1);

    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    expect(outcome.edited).toBe(true);
    expect(outcome.body).toContain('✅ Deactivated and erased');
    expect(outcome.body).toContain(
      `Asked and confirmed by Ana (${room.ana.user.userId}) · reason: spam`,
    );
    expect(await account(mallory.userId)).toMatchObject({ deactivated: true, erased: true });

    const [entry] = outcome.field.audit;
    const audit = await room.ana.ask(`!audit ${entry}`);
    expect(audit.field.data).toMatchObject({
      actor: room.ana.user.userId,
      confirmer: room.ana.user.userId,
      target: mallory.userId,
      reason: 'spam',
      status: 'done',
      arguments: { erase: true },
    });
  });

  it('is confirmed by the reaction on the confirmation', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    await room.ana.user.react(room.id, confirmation.event, '✅');
    await room.ana.outcomeOf(confirmation, 'done');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: true, erased: false });
  });

  it('is dropped by ❌ and by !cancel, and says so in the confirmation', async () => {
    const mallory = await newUser('mallory');
    const byReaction = await room.ana.ask(`!deactivate ${mallory.userId}`);
    await room.ana.user.react(room.id, byReaction.event, '❌');
    const dropped = await room.ana.outcomeOf(byReaction, 'cancelled');
    expect(dropped.body).toContain('cancelled by Ana');

    const byCode = await room.ana.ask(`!deactivate ${mallory.userId}`);
    const answer = await room.ana.ask('!cancel');
    expect(answer.field).toMatchObject({ command: 'cancel', status: 'done' });
    await room.ana.outcomeOf(byCode, 'cancelled');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: false });
  });

  it('takes several accounts under one confirmation, each with its own entry', async () => {
    const [first, second] = await Promise.all([newUser('one'), newUser('two')]);
    const confirmation = await room.ana.ask(`!deactivate ${first.userId} ${second.userId}`);
    expect(confirmation.body).toContain('2 accounts');
    await room.ana.ask('!confirm');
    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    expect(outcome.field.audit).toHaveLength(2);
    expect(outcome.body).toContain('2 of 2 accounts done');
    for (const user of [first, second]) {
      expect(await account(user.userId)).toMatchObject({ deactivated: true });
    }
  });

  it('with --dry-run says what would happen and asks nothing', async () => {
    const mallory = await newUser('mallory');
    const answer = await room.ana.ask(`!deactivate ${mallory.userId} --dry-run`);
    expect(answer.field).toMatchObject({ status: 'dry_run', audit: [] });
    expect(answer.body).toContain('nothing was changed');
    expect((await room.ana.ask('!pending')).body).not.toContain(mallory.userId);
  });

  it('says that an account is deactivated already instead of asking', async () => {
    const mallory = await newUser('mallory');
    await adminApi().users.deactivate(asUserId(mallory.userId), { erase: false });
    const answer = await room.ana.ask(`!deactivate ${mallory.userId}`);
    expect(answer.field.status).toBe('failed');
    expect(answer.body).toContain('is already deactivated');
  });

  it('is taken back by reactivate, as far as it can be', async () => {
    const mallory = await newUser('mallory');
    await adminApi().users.deactivate(asUserId(mallory.userId), { erase: false });
    const answer = await room.ana.ask(`!reactivate ${mallory.userId}`);
    expect(answer.body).toContain('Reactivated');
    expect(answer.body).toContain('no password');
    expect(await account(mallory.userId)).toMatchObject({ deactivated: false });
  });
});

describe('what may not be touched', () => {
  it.each([
    ['the bot itself', () => room.bot.userId, 'is this bot itself'],
    ['a moderator', () => room.ben.user.userId, 'is a moderator here'],
  ])('%s is protected', async (_, target, why) => {
    const answer = await room.ana.ask(`!deactivate ${target()}`);
    expect(answer.field).toMatchObject({ status: 'protected', error: { code: 'protected' } });
    expect(answer.body).toContain(why);
    expect(await account(target())).toMatchObject({ deactivated: false });
  });

  it('a server admin is protected, and the attempt is audited', async () => {
    const admin = await newUser('root', { admin: true });
    const answer = await room.ana.ask(`!shadow-ban ${admin.userId}`);
    expect(answer.body).toContain('is a server admin');
    const [entry] = answer.field.audit;
    expect((await room.ana.ask(`!audit ${entry}`)).field.data).toMatchObject({
      status: 'protected',
      target: admin.userId,
    });
    expect(await account(admin.userId)).toMatchObject({ shadowBanned: false });
  });

  it('one protected account in a batch is left out, and the others are asked about', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!shadow-ban ${mallory.userId} ${room.bot.userId}`);
    expect(confirmation.field.status).toBe('pending');
    expect(confirmation.body).toContain('Shadow-ban 1 account?');
    expect(confirmation.body).toContain(`Left out: ${room.bot.userId} (is this bot itself)`);
    await room.ana.say(`!confirm ${confirmation.field.confirmation?.code}`);
    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    expect(outcome.field.audit).toHaveLength(1);
    expect(await account(mallory.userId)).toMatchObject({ shadowBanned: true });
    expect(await account(room.bot.userId)).toMatchObject({ shadowBanned: false });
  });

  it('unknown and remote users are said to be so', async () => {
    const unknown = await room.ana.ask(`!deactivate ${unknownUserId()}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown_user' } });
    expect(unknown.body).toContain('there is no account');
    const remote = await room.ana.ask('!deactivate @mallory:remote.example');
    expect(remote.field).toMatchObject({ status: 'failed', error: { code: 'remote_user' } });
    expect(remote.body).toContain('another server');
  });
});
