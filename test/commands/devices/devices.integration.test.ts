import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { askAndConfirm } from '../../support/confirmed.ts';
import { adminApi, idOf, newUser, unknownUserId } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

const { devices } = adminApi();

describe('devices and device', () => {
  it('show what an account is logged in on', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory' });
    const { deviceId } = mallory.account;
    await devices.rename(idOf(mallory), deviceId, 'Phone <b>');
    await devices.create(idOf(mallory), 'SECOND');

    const list = await room.ben.ask(`!devices ${mallory.userId}`);
    expect(list.body).toContain(`2 devices of Mallory ${mallory.userId}`);
    expect(list.body).toContain('SECOND');
    expect(list.html).toContain('Phone &lt;b&gt;');
    expect(list.field).toMatchObject({
      status: 'done',
      data: { total: 2, rows: expect.arrayContaining([{ device_id: 'SECOND' }].map(matching)) },
    });

    const one = await room.ben.ask(`!device ${mallory.userId} ${deviceId}`);
    expect(one.body).toContain(`Phone <b> ${deviceId} of Mallory ${mallory.userId}`);
    expect(one.field.data).toMatchObject({ device_id: deviceId, display_name: 'Phone <b>' });
  });

  it('are the sessions of an account, as far as Synapse knows any', async () => {
    const mallory = await newUser('mallory');
    const { deviceId } = mallory.account;
    const listed = await room.ben.ask(`!sessions ${mallory.userId}`);
    expect(listed.body).toContain(`1 session of`);
    expect(listed.body).toContain(deviceId);
    expect(listed.field.data).toMatchObject({
      rows: [{ kind: 'device', device_id: deviceId, session_id: null }],
    });
    await devices.delete(idOf(mallory), deviceId);
    expect((await room.ben.ask(`!sessions ${mallory.userId}`)).body).toContain('is not logged in');
  });

  it('are paged, and sent whole as a file', async () => {
    const mallory = await newUser('mallory');
    for (let at = 0; at < 3; at++) {
      await devices.create(idOf(mallory), `EXTRA${at}`);
    }
    const first = await room.ana.ask(`!devices ${mallory.userId} --limit 3`);
    expect(first.body).toContain('4 devices');
    expect(first.body).toContain('3 shown');
    const rest = await room.ana.ask('!more');
    expect(rest.field.data).toMatchObject({ rows: [expect.anything()] });
    const file = await room.ana.ask(`!devices ${mallory.userId} --all --format json`);
    expect(file.body).toContain('4 rows in devices.json');
  });

  it('say who or what is not there', async () => {
    const mallory = await newUser('mallory');
    const unknown = await room.ana.ask(`!devices ${unknownUserId()}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown_user' } });
    const remote = await room.ana.ask('!devices @mallory:remote.example');
    expect(remote.field).toMatchObject({ status: 'failed', error: { code: 'remote_user' } });
    const malformed = await room.ana.ask('!devices @mallory:a:b:c');
    expect(malformed.field.status).toBe('usage');
    const device = await room.ana.ask(
      `!device ${mallory.userId} ${mallory.account.deviceId.toLowerCase()}`,
    );
    expect(device.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    expect(device.body).toContain('case-sensitive');
  });
});

describe('add-device and rename-device', () => {
  it('do what they say, and are taken back', async () => {
    const mallory = await newUser('mallory');
    const { outcome: added } = await askAndConfirm(
      room.ben,
      `!add-device ${mallory.userId} "BRIDGE 1" TWO --name Bridge`,
    );
    expect(added.field).toMatchObject({ status: 'done', data: { devices: ['BRIDGE 1', 'TWO'] } });
    expect(await devices.find(idOf(mallory), 'BRIDGE 1')).toMatchObject({ displayName: 'Bridge' });

    const renamed = await room.ben.ask(`!rename-device ${mallory.userId} "BRIDGE 1" --name "B 2"`);
    expect(renamed.body).toContain('was called “Bridge”, now called “B 2”');
    expect(await devices.find(idOf(mallory), 'BRIDGE 1')).toMatchObject({ displayName: 'B 2' });

    const undone = await room.ben.ask(`!undo ${renamed.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'rename-device', status: 'done' });
    expect(await devices.find(idOf(mallory), 'BRIDGE 1')).toMatchObject({ displayName: 'Bridge' });

    const removal = await room.ben.ask(`!undo ${added.field.audit[0]}`);
    expect(removal.field).toMatchObject({ command: 'delete-device', status: 'pending' });
    await room.ben.ask('!confirm');
    await room.ben.outcomeOf(removal, 'done');
    expect(await devices.find(idOf(mallory), 'TWO')).toBeUndefined();
    expect(await devices.list(idOf(mallory))).toHaveLength(1);
  });

  it('bring back that a device had no name', async () => {
    const mallory = await newUser('mallory');
    await devices.create(idOf(mallory), 'NAMELESS');
    const renamed = await room.ana.ask(`!rename-device ${mallory.userId} NAMELESS --name X`);
    await room.ana.ask(`!undo ${renamed.field.audit[0]}`);
    const device = await devices.find(idOf(mallory), 'NAMELESS');
    expect(device?.displayName ?? '').toBe('');
  });

  it('refuse what Synapse would refuse, or pass over', async () => {
    const mallory = await newUser('mallory');
    const { deviceId } = mallory.account;
    const { outcome: twice } = await askAndConfirm(
      room.ana,
      `!add-device ${mallory.userId} NEW ${deviceId}`,
    );
    expect(twice.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(await devices.list(idOf(mallory))).toHaveLength(1);
    const unknown = await room.ana.ask(`!rename-device ${mallory.userId} NOSUCH --name x`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    const blank = await room.ana.ask(`!add-device ${mallory.userId} " "`);
    expect(blank.field).toMatchObject({ status: 'usage', audit: [] });
    const nameless = await room.ana.ask(`!rename-device ${mallory.userId} ${deviceId}`);
    expect(nameless.field).toMatchObject({ status: 'usage', audit: [] });
    expect(nameless.body).toContain('--name is missing');
    const long = await room.ana.ask(
      `!rename-device ${mallory.userId} ${deviceId} --name ${'x'.repeat(101)}`,
    );
    expect(long.field.status).toBe('usage');
    const moderator = await room.ana.ask(`!add-device ${room.ben.user.userId} NEW`);
    expect(moderator.field.status).toBe('protected');
  });
});

describe('delete-device', () => {
  it('shows the device, and ends its session', async () => {
    const mallory = await newUser('mallory');
    const { deviceId } = mallory.account;
    const { confirmation, outcome } = await askAndConfirm(
      room.ben,
      `!delete-device ${mallory.userId} ${deviceId}`,
    );
    expect(confirmation.body).toContain('Log out 1 device of');
    expect(confirmation.body).toContain(deviceId);
    expect(outcome.field).toMatchObject({ status: 'done', data: { devices: [deviceId] } });
    await expect(mallory.whoami()).rejects.toMatchObject({ status: 401 });
  });

  it('passes unknown ones over, and says so, though Synapse says yes to them', async () => {
    const mallory = await newUser('mallory');
    await devices.create(idOf(mallory), 'ONE');
    await devices.create(idOf(mallory), 'TWO');
    const { confirmation, outcome } = await askAndConfirm(
      room.ana,
      `!delete-device ${mallory.userId} ONE NOSUCH TWO`,
    );
    expect(confirmation.body).toContain('left out: NOSUCH');
    expect(outcome.body).toContain('⚠️ Logged out 2 devices');
    expect(outcome.field.data).toMatchObject({ unknown_devices: ['NOSUCH'] });
    expect(await devices.list(idOf(mallory))).toHaveLength(1);

    const none = await room.ana.ask(`!delete-device ${mallory.userId} NOSUCH`);
    expect(none.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
  });

  it('never locks the bot out', async () => {
    const bot = await room.ana.ask(
      `!delete-device ${room.bot.userId} ${room.bot.account.deviceId} --override-protection`,
    );
    expect(bot.field.status).toBe('protected');
    const unknown = await room.ana.ask(`!delete-device ${unknownUserId()} X`);
    expect(unknown.field.error?.code).toBe('unknown_user');
  });
});

function matching(part: object): unknown {
  return expect.objectContaining(part);
}

describe('end-sessions', () => {
  it('logs accounts out everywhere', async () => {
    const [mallory, eve] = await Promise.all([newUser('mallory'), newUser('eve')]);
    await devices.create(idOf(mallory), 'SECOND');
    const line = `!end-sessions ${mallory.userId} ${eve.userId}`;
    const { outcome } = await askAndConfirm(room.ben, line);
    expect(outcome.field.status).toBe('done');
    expect(await devices.list(idOf(mallory))).toEqual([]);
    await expect(mallory.createRoom()).rejects.toMatchObject({ status: 401 });
    await expect(eve.createRoom()).rejects.toMatchObject({ status: 401 });

    const again = await askAndConfirm(room.ben, `!end-sessions ${mallory.userId}`);
    expect(again.outcome.body).toContain('Nobody was logged in as');
  });
});
