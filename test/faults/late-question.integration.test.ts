import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import { adminApi, asUserId, homeserver, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

let gate: Gate;
let room: TestRoom;
beforeAll(async () => {
  gate = await openGate(homeserver().url);
  room = await openRoom(
    { homeserver: { url: gate.url } },
    { timing: { deliveryPatienceMs: 20, longPollMs: 1000 } },
  );
});
afterAll(async () => {
  await room.close();
  await gate[Symbol.asyncDispose]();
});

const isDeactivated = async (userId: string) =>
  (await adminApi().users.get(asUserId(userId))).deactivated;

const replyTo = (event: string, body: string) => ({
  msgtype: 'm.text',
  body,
  'm.relates_to': { 'm.in_reply_to': { event_id: event } },
});

const ways = {
  'a tick': async (event: string) => room.ana.user.react(room.id, event, '✅'),
  yes: async (event: string) =>
    room.ana.user.send(room.id, 'm.room.message', replyTo(event, 'yes')),
  '!confirm without a code': async (event: string) =>
    room.ana.user.send(room.id, 'm.room.message', replyTo(event, '!confirm')),
};

describe('the homeserver does not say for long that a confirmation has arrived', () => {
  it.each(Object.entries(ways))('%s waits for that, and for nothing else', async (_, decide) => {
    const [mallory, other] = await Promise.all([newUser('mallory'), newUser('other')]);
    const sending = gate.meet('PUT', /\/send\/m\.room\.message\//);
    const command = await room.ana.say(`!deactivate ${mallory.userId}`);
    const passage = await sending;
    await passage.forward();
    const confirmation = await room.ana.answerTo(command);
    // A second confirmation of hers: without a code nobody could guess which one is meant.
    const waiting = await room.ana.ask(`!deactivate ${other.userId}`);
    await decide(confirmation.event);

    // The patience is over many times, and what is said meanwhile is done.
    for (let times = 0; times < 3; times += 1) {
      expect((await room.ana.ask('!version')).field.status).toBe('done');
      expect((await room.ben.ask('!version')).field.status).toBe('done');
    }
    expect(await isDeactivated(mallory.userId)).toBe(false);
    passage.answer();
    await room.ana.outcomeOf(confirmation, 'done');
    expect(await isDeactivated(mallory.userId)).toBe(true);
    expect(await isDeactivated(other.userId)).toBe(false);
    await room.ana.ask(`!cancel ${waiting.field.confirmation?.code}`);
  });

  it('a tick that waits is there for the next start', async () => {
    const mallory = await newUser('mallory');
    const sending = gate.meet('PUT', /\/send\/m\.room\.message\//);
    const command = await room.ana.say(`!deactivate ${mallory.userId}`);
    const passage = await sending;
    await passage.forward();
    const confirmation = await room.ana.answerTo(command);
    await room.ana.user.react(room.id, confirmation.event, '✅');
    await room.ana.ask('!version');
    passage.drop();
    await room.stopBot();
    await room.startBot();
    await room.ana.outcomeOf(confirmation, 'done');
    expect(await isDeactivated(mallory.userId)).toBe(true);
  });
});
