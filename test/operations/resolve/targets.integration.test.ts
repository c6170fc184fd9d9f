import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, asUserId, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

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
    const confirmation = await room.ana.ask(`!shadow-ban ${names.join(' ')}`);
    expect(confirmation.field).toMatchObject({ status: 'pending', audit: [] });
    expect(confirmation.body).toContain(mallory.userId);
    expect(confirmation.body).toContain(please.userId);
    expect(await isShadowBanned(mallory.userId)).toBe(false);

    // Only whoever typed them knows whom they meant.
    const { code } = confirmation.field.confirmation ?? {};
    const stranger = await room.ben.ask(`!confirm ${code}`);
    expect(stranger.field.status).toBe('denied');
    await room.ana.say(`!confirm ${code}`);
    await room.ana.outcomeOf(confirmation, 'done');
    expect(await isShadowBanned(please.userId)).toBe(true);
  });

  it('are shown first also where the configuration asks about nothing', async () => {
    const [one, two] = await Promise.all([newUser('one'), newUser('two')]);
    const confirmation = await room.ana.ask(`!deactivate ${one.userId} ${two.userId}`);
    expect(confirmation.field.status).toBe('pending');
    await room.ana.ask(`!cancel ${confirmation.field.confirmation?.code}`);
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
      [`!reactivate ${mallory.userId} spam`, 'failed'],
    ] as const) {
      const answer = await room.ana.ask(line);
      expect([line, answer.field.status]).toEqual([line, status]);
      expect(answer.body).toContain('If it is part of the reason, write --reason');
    }
    expect(await isShadowBanned(mallory.userId)).toBe(false);
  });
});

describe('whom a message names', () => {
  const bobAndMallory = async () => Promise.all([newUser('bob'), newUser('mallory')]);
  const say = async (body: string, content: Record<string, unknown> = {}) =>
    room.ana.answerTo(
      await room.ana.user.send(room.id, 'm.room.message', { msgtype: 'm.text', body, ...content }),
    );
  const html = (formatted: string) => ({
    format: 'org.matrix.custom.html',
    formatted_body: formatted,
  });

  it('is whom its links point to, whatever their text says', async () => {
    const [bob, mallory] = await bobAndMallory();
    const name = bob.account.localpart;
    for (const href of [
      `https://chat.example.org/#/user/${mallory.userId}`,
      `https://matrix.to/#/${encodeURIComponent(mallory.userId)}`,
    ]) {
      const answer = await say(
        `!shadow-ban ${name}`,
        html(`!shadow-ban <a href="${href}">${name} --for=30d</a>`),
      );
      expect(answer.field).toMatchObject({ status: 'done', data: { user_id: mallory.userId } });
      expect(answer.body).not.toContain('until');
    }
    expect(await isShadowBanned(bob.userId)).toBe(false);
  });

  it('is refused if links, formatted text or mentions name somebody else', async () => {
    const [bob, mallory] = await bobAndMallory();
    const name = bob.account.localpart;
    const line = `!shadow-ban ${name}`;
    const link = (href: string, label: string) =>
      html(`!shadow-ban <a href="${href}">${label}</a>`);
    for (const [content, why] of [
      [link(`https://example.org/${mallory.userId}`, name), 'is a link to'],
      [link('https://matrix.to/#/@mallory', `${name} --for=30d`), 'is a link to'],
      [link(`https://matrix.to/#/${mallory.userId}`, bob.userId), `is a link to ${mallory.userId}`],
      [html(`!shadow-ban ${mallory.account.localpart}`), 'shows one thing'],
      [{ 'm.mentions': { user_ids: [mallory.userId] } }, `mentions ${mallory.userId}`],
    ] as const) {
      const answer = await say(line, content);
      expect(answer.field).toMatchObject({ status: 'usage', audit: [] });
      expect(answer.body).toContain(why);
      expect(answer.body).toContain('Nothing was changed');
    }
    for (const user of [bob, mallory]) {
      expect(await isShadowBanned(user.userId)).toBe(false);
    }
  });

  it('may be mentioned besides, with the bot and whoever is replied to', async () => {
    const [bob] = await bobAndMallory();
    const { userId } = bob;
    const theirs = await room.ben.say('look at this one');
    const mentions = {
      'm.mentions': { user_ids: [userId, room.bot.userId, room.ben.user.userId] },
    };
    const unexplained = await say(`!user ${bob.account.localpart}`, mentions);
    expect(unexplained.body).toContain(`mentions ${room.ben.user.userId}`);
    const reply = await say(`!user ${bob.account.localpart}`, {
      ...mentions,
      'm.relates_to': { 'm.in_reply_to': { event_id: theirs } },
    });
    expect(reply.field.status).toBe('done');
  });
});
