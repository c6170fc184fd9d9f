import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openGate } from '../../../dev/room/gate.ts';
import { adminApi, asUserId, homeserver, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const isDeactivated = async (userId: string) =>
  (await adminApi().users.get(asUserId(userId))).deactivated;

describe('a reaction that counts for nothing', () => {
  let room: TestRoom;
  beforeAll(async () => {
    room = await openRoom();
  });
  afterAll(async () => room.close());

  it('on another message, or another one on the confirmation', async () => {
    const mallory = await newUser('mallory');
    const command = await room.ana.say(`!deactivate ${mallory.userId}`);
    const confirmation = await room.ana.answerTo(command);
    await room.ana.user.react(room.id, command, '✅');
    await room.ana.user.react(room.id, confirmation.event, '👀');
    await room.ana.user.react(room.id, confirmation.event, '👍');
    const asked = await room.ana.answerTo(confirmation.event);
    expect(asked.body).toContain('👍 may only mean that you have seen it');
    expect(asked.body).toContain(`!confirm ${confirmation.field.confirmation?.code}`);
    await room.ana.ask('!version');
    expect(room.ana.answersTo(confirmation.event)).toHaveLength(1);
    expect(await isDeactivated(mallory.userId)).toBe(false);
    expect((await room.ana.ask('!cancel')).field.status).toBe('done');
  });

  it('taken back before the bot saw it', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    await room.stopBot();
    const reaction = await room.ana.user.react(room.id, confirmation.event, '✅');
    await room.ana.user.redact(room.id, reaction);
    await room.startBot();
    await room.ana.ask('!version');
    expect(await isDeactivated(mallory.userId)).toBe(false);
    expect((await room.ana.ask('!cancel')).field.status).toBe('done');
  });

  it('after the confirmation is decided', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ana.ask(`!deactivate ${mallory.userId}`);
    await room.ana.ask('!cancel');
    await room.ana.user.react(room.id, confirmation.event, '✅');
    await room.ana.ask('!version');
    expect(await isDeactivated(mallory.userId)).toBe(false);
  });

  it('by a moderator who has left in the meantime', async () => {
    const mallory = await newUser('mallory');
    const confirmation = await room.ben.ask(`!deactivate ${mallory.userId}`);
    await room.stopBot();
    await room.ben.user.react(room.id, confirmation.event, '✅');
    await room.ben.user.leave(room.id);
    await room.startBot();
    await room.ana.ask('!version');
    expect(await isDeactivated(mallory.userId)).toBe(false);
    expect((await room.ana.ask('!pending')).body).toContain(mallory.userId);
  });
});

describe('roles', () => {
  it('in a room of version 11 come from its power levels, the creator’s included', async () => {
    const room = await openRoom({}, { roomVersion: '11' });
    const mallory = await newUser('mallory');
    expect((await room.ana.ask(`!shadow-ban ${mallory.userId}`)).field.status).toBe('done');
    expect((await room.ben.ask(`!unshadow-ban ${mallory.userId}`)).field.status).toBe('done');
    expect((await room.vic.ask(`!shadow-ban ${mallory.userId}`)).field.status).toBe('denied');
    await room.close();
  });

  it('are lost with the power level, also for a confirmation that was asked before', async () => {
    const room = await openRoom();
    const mallory = await newUser('mallory');
    await room.ben.ask(`!deactivate ${mallory.userId}`);
    const demotion = await room.ana.user.setState(room.id, 'm.room.power_levels', { users: {} });
    await room.ben.until('the demotion', () =>
      room.ben.events.find(({ event_id }) => event_id === demotion),
    );
    const denied = await room.ben.ask('!confirm');
    expect(denied.field.status).toBe('denied');
    expect(await isDeactivated(mallory.userId)).toBe(false);
    await room.close();
  });

  it('that were taken away don’t come back with the state of a branch', async () => {
    await using gate = await openGate(homeserver().url);
    const room = await openRoom({ homeserver: { url: gate.url } });
    const mallory = await newUser('mallory');
    await room.ben.ask(`!deactivate ${mallory.userId}`);
    await room.ana.user.setState(room.id, 'm.room.power_levels', { users: {} });
    // Synapse can send old state where a room's history has branched; here it is made to.
    const syncing = gate.meet('GET', /\/sync/);
    await room.ana.say('hello');
    const passage = await syncing;
    await room.ana.say('hello again');
    const { body } = await passage.forward();
    const sync = JSON.parse(body) as {
      rooms?: { join?: Record<string, { state?: { events: unknown[] } }> };
    };
    const update = sync.rooms?.join?.[room.id];
    expect(update).toBeDefined();
    const old = {
      type: 'm.room.power_levels',
      state_key: '',
      event_id: '$old',
      sender: room.ana.user.userId,
      origin_server_ts: 1,
      content: { users: { [room.ben.user.userId]: 50 } },
    };
    Object.assign(update ?? {}, { state: { events: [old] } });
    passage.respond(200, JSON.stringify(sync));
    expect((await room.ben.ask('!confirm')).field.status).toBe('denied');
    await room.close();
  });

  it('can be given by the configuration, and needed by it', async () => {
    const room = await openRoom({ roles: { commands: { version: 'moderator' } } });
    expect((await room.vic.ask('!version')).field.status).toBe('denied');
    expect((await room.ben.ask('!version')).field.status).toBe('done');
    await room.close();
  });
});

describe('confirmation: none', () => {
  it('does destructive things at once, and records that nobody confirmed', async () => {
    const room = await openRoom({ confirmation: { destructive: 'none' } });
    const mallory = await newUser('mallory');
    const answer = await room.ana.ask(`!deactivate ${mallory.userId}`);
    expect(answer.field.status).toBe('done');
    expect(await isDeactivated(mallory.userId)).toBe(true);
    const audit = await room.ana.ask(`!audit ${answer.field.audit[0]}`);
    expect(audit.field.data).toMatchObject({ confirmer: null, status: 'done' });
    await room.close();
  });
});
