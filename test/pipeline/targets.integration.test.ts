import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, asUserId, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom({ confirmation: { destructive: 'none' } });
});
afterAll(async () => room.close());

const isShadowBanned = async (userId: string) =>
  (await adminApi().users.get(asUserId(userId))).shadowBanned;

describe('words behind a target', () => {
  it('that name accounts too are shown before anything is done to one', async () => {
    const [mallory, please] = await Promise.all([newUser('mallory'), newUser('please')]);
    const names = [mallory, please].map(({ account }) => account.localpart);
    const question = await room.ana.ask(`!shadow-ban ${names.join(' ')}`);
    expect(question.field).toMatchObject({ status: 'pending', audit: [] });
    expect(question.body).toContain(mallory.userId);
    expect(question.body).toContain(please.userId);
    expect(await isShadowBanned(mallory.userId)).toBe(false);

    // Only whoever typed them knows whom they meant.
    const { code } = question.field.confirmation ?? {};
    const stranger = await room.ben.ask(`!confirm ${code}`);
    expect(stranger.field.status).toBe('denied');
    await room.ana.say(`!confirm ${code}`);
    await room.ana.outcomeOf(question, 'done');
    expect(await isShadowBanned(please.userId)).toBe(true);
  });

  it('are shown first also where the configuration asks about nothing', async () => {
    const [one, two] = await Promise.all([newUser('one'), newUser('two')]);
    const question = await room.ana.ask(`!deactivate ${one.userId} ${two.userId}`);
    expect(question.field.status).toBe('pending');
    await room.ana.ask(`!cancel ${question.field.confirmation?.code}`);
    const devices = await room.ana.ask(`!add-device ${one.userId} LAPTOP please`);
    expect(devices.field.status).toBe('pending');
    await room.ana.ask(`!cancel ${devices.field.confirmation?.code}`);
    // A single one is done at once, as it was.
    expect((await room.ana.ask(`!shadow-ban ${one.userId}`)).field.status).toBe('done');
  });

  it('that name nobody are refused, with the flag for reasons', async () => {
    const mallory = await newUser('mallory');
    const target = mallory.account.localpart;
    for (const [line, status] of [
      [`!shadow-ban ${target} for spamming`, 'failed'],
      [`!shadow-ban ${mallory.userId} becauseofspam`, 'failed'],
      [`!shadow-ban ${mallory.userId} spam: https://example.org/x`, 'usage'],
      [`!reactivate ${mallory.userId} spam`, 'usage'],
    ] as const) {
      const answer = await room.ana.ask(line);
      expect([line, answer.field.status]).toEqual([line, status]);
      expect(answer.body).toContain('put the reason behind --reason');
    }
    expect(await isShadowBanned(mallory.userId)).toBe(false);
  });
});
