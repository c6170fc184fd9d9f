import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, asUserId, idOf, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

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
    const again = await room.ana.ask(`!shadow-ban ${mallory.userId}`);
    expect(again.body).toContain('Already shadow-banned');
    const undone = await room.ana.ask(`!undo ${again.field.audit[0]}`);
    expect(undone.body).toContain('can’t be undone');
    const freed = await room.ana.ask(`!unshadow-ban ${mallory.userId}`);
    expect(freed.field.status).toBe('done');
    expect(await adminApi().users.get(asUserId(mallory.userId))).toMatchObject({
      shadowBanned: false,
    });
  });
});

describe('user', () => {
  it('offers what can be done next, to whom it may be done, to who may do it', async () => {
    const mallory = await newUser('mallory');
    const card = await room.ana.ask(`!user ${mallory.userId}`);
    expect(card.body).toContain(`!shadow-ban ${mallory.userId} · !deactivate ${mallory.userId}`);
    const viewed = await room.vic.ask(`!user ${mallory.userId}`);
    expect(viewed.body).not.toContain('!deactivate');
    const bot = await room.ana.ask(`!user ${room.bot.userId}`);
    expect(bot.body).not.toContain('!deactivate');
    await adminApi().users.deactivate(idOf(mallory), { erase: false });
    const gone = await room.ana.ask(`!user ${mallory.userId}`);
    expect(gone.body).toContain(`${mallory.userId}: deactivated`);
    expect(gone.body).toContain(`!reactivate ${mallory.userId}`);
    expect(gone.body).not.toContain('!deactivate');
  });
});

describe('users', () => {
  it('finds an account by a part of its name and shows its state', async () => {
    const mallory = await newUser('needle');
    const answer = await room.ana.ask(`!users --name ${mallory.account.localpart}`);
    expect(answer.field).toMatchObject({ status: 'done', data: { total: 1 } });
    expect(answer.body).toContain(mallory.userId);
    expect(answer.body).toContain('active, last seen unknown, created');
    expect(answer.body).toContain(`Next: !user ${mallory.userId}`);
    const none = await room.ana.ask('!users --name nobody-has-this-name');
    expect(none.body).toContain('No matching accounts');
    const odd = await room.ana.ask('!users --from nowhere');
    expect(odd.field).toMatchObject({ status: 'usage' });
  });

  it('finds accounts by a pattern, also those that are deactivated', async () => {
    const [one, two] = await Promise.all([newUser('haystack'), newUser('haystack')]);
    const start = 'haystack-';
    const active = await room.ana.ask(`!users ${start}* --limit 1`);
    expect(active.field).toMatchObject({ status: 'done', data: { total: 2 } });
    const next = await room.ana.ask('!more');
    expect([active, next].map(({ body }) => body).join('\n')).toContain(one.userId);
    expect([active, next].map(({ body }) => body).join('\n')).toContain(two.userId);
    await adminApi().users.deactivate(idOf(two), { erase: false });
    const gone = await room.ana.ask(`!users --user-id @${start}* --deactivated-only`);
    expect(gone.field.data).toMatchObject({ total: 1 });
    expect(gone.body).toContain(two.userId);
  });
});
