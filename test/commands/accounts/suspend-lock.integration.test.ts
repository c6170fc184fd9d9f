import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { adminApi, idOf, newRoom, newUser, unknownUserId } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { users } = adminApi();

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

const stateOf = async (user: MatrixUser) => {
  const { suspended, locked } = await users.get(idOf(user));
  return { suspended, locked };
};

describe('suspend and unsuspend', () => {
  it('let an account read only, let it take part again, and say what was so before', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory' });
    const place = await newRoom(await newUser());
    await mallory.join(place);

    const suspended = await room.ben.ask(`!suspend ${mallory.userId} --reason "cool down"`);
    expect(suspended.field).toMatchObject({
      command: 'suspend',
      status: 'done',
      data: { user_id: mallory.userId, suspended: true },
    });
    expect(suspended.body).toContain(`✅ Suspended Mallory ${mallory.userId}`);
    expect(suspended.body).toContain('They can read and leave rooms, but not send');
    expect(suspended.body).toContain(`Next: !unsuspend ${mallory.userId}`);
    expect(await stateOf(mallory)).toEqual({ suspended: true, locked: false });
    await expect(mallory.sendText(place, 'hello')).rejects.toMatchObject({
      status: 403,
      errcode: 'M_USER_SUSPENDED',
    });
    await mallory.sync();
    expect((await room.vic.ask(`!user ${mallory.userId}`)).body).toContain(': suspended');

    const again = await room.ben.ask(`!suspend ${mallory.userId} --for 24h`);
    expect(again.body).toContain(`✅ Already suspended: Mallory ${mallory.userId}`);
    expect(again.body).toContain('already in force without an end');
    expect(again.body).not.toContain('job');
    const kept = await room.ben.ask(`!undo ${again.field.audit[0]}`);
    expect(kept.body).toContain('can’t be undone');
    expect(kept.body).toContain('it changed nothing, because this was so already');

    const freed = await room.ben.ask(`!unsuspend ${mallory.userId}`);
    expect(freed.body).toContain(`✅ No longer suspended: Mallory ${mallory.userId}`);
    expect(freed.field.data).toMatchObject({ suspended: false });
    expect(await stateOf(mallory)).toEqual({ suspended: false, locked: false });
    await mallory.sendText(place, 'sorry');
    const twice = await room.ben.ask(`!unsuspend ${mallory.userId}`);
    expect(twice.body).toContain(`✅ Was not suspended: Mallory ${mallory.userId}`);
  });

  it('a locked account leads to its unlocking, also after it is reactivated', async () => {
    const mallory = await newUser('mallory');
    await room.ana.ask(`!lock ${mallory.userId}`);
    const shown = await room.ana.ask(`!user ${mallory.userId}`);
    expect(shown.body).toContain(`!unlock ${mallory.userId}`);
    expect(shown.body).not.toContain('!shadow-ban');
    await askAndConfirm(room.ana, `!deactivate ${mallory.userId}`);
    const reactivated = await room.ana.ask(`!reactivate ${mallory.userId}`);
    expect(reactivated.body).toContain('They are still locked.');
    expect(reactivated.body).toContain(`!unlock ${mallory.userId}`);
  });

  it('take each other back', async () => {
    const mallory = await newUser('mallory');
    const suspended = await room.ana.ask(`!suspend ${mallory.userId}`);
    const undone = await room.ana.ask(`!undo ${suspended.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'unsuspend', status: 'done' });
    expect(await stateOf(mallory)).toMatchObject({ suspended: false });
    const redone = await room.ana.ask(`!undo ${undone.field.audit[0]}`);
    expect(redone.field).toMatchObject({ command: 'suspend', status: 'done' });
    expect(await stateOf(mallory)).toMatchObject({ suspended: true });
  });

  it('--for ends by itself', async () => {
    const mallory = await newUser('mallory');
    const command = await room.ana.say(`!suspend ${mallory.userId} --for 1s`);
    const answer = await room.ana.answerTo(command);
    expect(answer.body).toMatch(/until .+ UTC, timer \d+/u);
    expect(await stateOf(mallory)).toMatchObject({ suspended: true });
    const end = await room.ana.until('its end', () => room.ana.answersTo(command)[1]);
    expect(end.field).toMatchObject({ command: 'unsuspend', status: 'done' });
    expect(await stateOf(mallory)).toMatchObject({ suspended: false });
  });

  it('act on several, and stop at none of them', async () => {
    const [one, two] = [await newUser('one'), await newUser('two')];
    const { confirmation, outcome: both } = await askAndConfirm(
      room.ana,
      `!suspend ${one.userId} ${two.account.localpart}`,
    );
    expect(confirmation.body).toContain('Suspend 2 accounts?');
    expect(confirmation.body).toContain(`${one.userId} · registered`);
    expect(confirmation.body).toContain(two.userId);
    expect(both.body).toContain('suspend: 2 of 2 accounts done');
    expect(both.field.audit).toHaveLength(2);
    expect(await stateOf(one)).toMatchObject({ suspended: true });
    expect(await stateOf(two)).toMatchObject({ suspended: true });
    // One that can't be found, and nobody is touched.
    const typo = await room.ana.ask(`!unsuspend ${one.userId} ${unknownUserId()}`);
    expect(typo.field).toMatchObject({ status: 'failed', error: { code: 'unknown_user' } });
    expect(await stateOf(one)).toMatchObject({ suspended: true });
  });

  it('change nothing on a dry run, for viewers, for protected, unknown and remote accounts', async () => {
    const mallory = await newUser('mallory');
    const dry = await room.ana.ask(`!suspend ${mallory.userId} --dry-run`);
    expect(dry.field).toMatchObject({ status: 'dry_run', audit: [] });
    const viewer = await room.vic.ask(`!suspend ${mallory.userId}`);
    expect(viewer.field).toMatchObject({ status: 'denied' });
    expect(await stateOf(mallory)).toMatchObject({ suspended: false });
    for (const user of [room.bot, room.ben.user]) {
      const answer = await room.ana.ask(`!suspend ${user.userId}`);
      expect(answer.field).toMatchObject({ status: 'protected' });
      expect(await stateOf(user)).toEqual({ suspended: false, locked: false });
    }
    const unknown = await room.ana.ask(`!suspend ${mallory.account.localpart}x`);
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_user' } });
    expect(unknown.body).toContain(`Did you mean ${mallory.userId}`);
    const remote = await room.ana.ask('!suspend @mallory:remote.example');
    expect(remote.field).toMatchObject({ error: { code: 'remote_user' } });
  });

  it('say of a closed account that it is closed', async () => {
    const gone = await newUser('gone');
    await users.deactivate(idOf(gone), { erase: false });
    const answer = await room.ana.ask(`!suspend ${gone.userId}`);
    expect(answer.body).toContain('This account is deactivated, so nobody can use it anyway.');
  });
});

describe('lock and unlock', () => {
  it('shut a person out, let them in again, and say what was so before', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory' });
    const place = await newRoom(await newUser());
    await mallory.join(place);

    const locked = await room.ben.ask(`!lock ${mallory.userId} --reason "taken over"`);
    expect(locked.field).toMatchObject({
      command: 'lock',
      status: 'done',
      data: { user_id: mallory.userId, locked: true },
    });
    expect(locked.body).toContain(`✅ Locked Mallory ${mallory.userId}`);
    expect(locked.body).toContain(`Next: !unlock ${mallory.userId}`);
    expect(await stateOf(mallory)).toEqual({ suspended: false, locked: true });
    await expect(mallory.sync()).rejects.toMatchObject({ status: 401, errcode: 'M_USER_LOCKED' });
    await expect(mallory.login()).rejects.toMatchObject({ status: 401, errcode: 'M_USER_LOCKED' });
    // Synapse hides them from its list unless it is told not to.
    const listed = await room.vic.ask(`!users --name ${mallory.account.localpart}`);
    expect(listed.body).toContain('locked');

    const again = await room.ben.ask(`!lock ${mallory.userId}`);
    expect(again.body).toContain(`✅ Already locked: Mallory ${mallory.userId}`);
    expect((await room.ben.ask(`!undo ${again.field.audit[0]}`)).body).toContain('can’t be undone');

    const freed = await room.ben.ask(`!unlock ${mallory.userId}`);
    expect(freed.body).toContain(`✅ Unlocked Mallory ${mallory.userId}`);
    expect(await stateOf(mallory)).toEqual({ suspended: false, locked: false });
    await mallory.sendText(place, 'back again');
    const twice = await room.ben.ask(`!unlock ${mallory.userId}`);
    expect(twice.body).toContain(`✅ Was not locked: Mallory ${mallory.userId}`);
  });

  it('take each other back, and --for ends by itself', async () => {
    const mallory = await newUser('mallory');
    const command = await room.ana.say(`!lock ${mallory.userId} --for 1s`);
    expect((await room.ana.answerTo(command)).body).toMatch(/until .+ UTC, timer \d+/u);
    expect(await stateOf(mallory)).toMatchObject({ locked: true });
    const end = await room.ana.until('its end', () => room.ana.answersTo(command)[1]);
    expect(end.field).toMatchObject({ command: 'unlock', status: 'done' });
    expect(await stateOf(mallory)).toMatchObject({ locked: false });
    const redone = await room.ana.ask(`!undo ${end.field.audit[0]}`);
    expect(redone.field).toMatchObject({ command: 'lock', status: 'done' });
    expect(await stateOf(mallory)).toMatchObject({ locked: true });
    const undone = await room.ana.ask(`!undo ${redone.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'unlock', status: 'done' });
    expect(await stateOf(mallory)).toMatchObject({ locked: false });
  });

  it('leave a suspension as it is, and say so', async () => {
    const mallory = await newUser('mallory');
    await room.ana.ask(`!suspend ${mallory.userId}`);
    await room.ana.ask(`!lock ${mallory.userId}`);
    const still = await room.ana.ask(`!unsuspend ${mallory.userId}`);
    expect(still.body).toContain('The account is still locked.');
    expect(still.body).toContain(`Next: !unlock ${mallory.userId}`);
    expect(await stateOf(mallory)).toEqual({ suspended: false, locked: true });
    await room.ana.ask(`!suspend ${mallory.userId}`);
    const unlocked = await room.ana.ask(`!unlock ${mallory.userId}`);
    expect(unlocked.body).toContain('They are still suspended.');
    expect(await stateOf(mallory)).toEqual({ suspended: true, locked: false });
  });

  it('change nothing on a dry run, for viewers, and for protected, unknown or remote accounts', async () => {
    const mallory = await newUser('mallory');
    expect((await room.ana.ask(`!lock ${mallory.userId} --dry-run`)).field).toMatchObject({
      status: 'dry_run',
    });
    expect((await room.vic.ask(`!lock ${mallory.userId}`)).field).toMatchObject({
      status: 'denied',
    });
    expect(await stateOf(mallory)).toMatchObject({ locked: false });
    for (const user of [room.bot, room.ben.user]) {
      const answer = await room.ana.ask(`!lock ${user.userId}`);
      expect(answer.field).toMatchObject({ status: 'protected' });
    }
    const unknown = unknownUserId();
    const nobody = await room.ana.ask(`!lock ${unknown}`);
    expect(nobody.field).toMatchObject({ error: { code: 'unknown_user' } });
    // The endpoint would have made that account.
    expect(await users.find(unknown)).toBeUndefined();
    const remote = await room.ana.ask('!unlock @mallory:remote.example');
    expect(remote.field).toMatchObject({ error: { code: 'remote_user' } });
  });

  it('reach a protected account where an admin insists and confirms', async () => {
    const admin = await newUser('root', { admin: true });
    const refused = await room.ana.ask(`!lock ${admin.userId}`);
    expect(refused.body).toContain('server admin');
    const confirmation = await room.ana.ask(`!lock ${admin.userId} --override-protection`);
    expect(confirmation.field).toMatchObject({ status: 'pending' });
    await room.ana.ask('!confirm');
    await room.ana.outcomeOf(confirmation, 'done');
    expect(await stateOf(admin)).toMatchObject({ locked: true });
  });
});
