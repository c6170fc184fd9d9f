import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, asUserId, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

describe('shadow-ban and unshadow-ban', () => {
  it('each does what it says, at once, and is audited', async () => {
    const mallory = await newUser('mallory');
    const banned = await room.ana.ask(`!shadow-ban ${mallory.userId} --reason spam`);
    expect(banned.field).toMatchObject({ command: 'shadow-ban', status: 'done' });
    expect(banned.body).toContain('Shadow-banned');
    expect(await adminApi().users.get(asUserId(mallory.userId))).toMatchObject({
      shadowBanned: true,
    });
    const freed = await room.ana.ask(`!unshadow-ban ${mallory.userId}`);
    expect(freed.field.status).toBe('done');
    expect(await adminApi().users.get(asUserId(mallory.userId))).toMatchObject({
      shadowBanned: false,
    });
  });
});

describe('users', () => {
  it('finds an account by a part of its name and shows its state', async () => {
    const mallory = await newUser('needle');
    const answer = await room.ana.ask(`!users --name ${mallory.account.localpart}`);
    expect(answer.field).toMatchObject({ status: 'done', data: { total: 1 } });
    expect(answer.body).toContain(mallory.userId);
    expect(answer.body).toContain('active, no admin');
  });
});
