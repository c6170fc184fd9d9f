import { expect, test } from 'vitest';

import { Moderator } from '../../dev/room/moderator.ts';
import { adminApi, asUserId, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';

const patience = { timeout: 30_000, interval: 200 };

test('the bot follows an admin’s upgrade of the management room, and stays there', async () => {
  const room = await openRoom({}, { roomVersion: '10', timing: { sendPermissionRetryMs: 300 } });
  const { ana, ben, bot } = room;
  const [mallory, trudy] = [await newUser('mallory'), await newUser('trudy')];
  const isShadowBanned = async () =>
    (await adminApi().users.get(asUserId(mallory.userId))).shadowBanned;
  const here: Moderator[] = [];
  try {
    const asked = await ana.ask(`!deactivate ${trudy.userId}`);
    const { confirmation } = asked.field;
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}`;
    const { replacement_room: next } = await ana.user.request<{ replacement_room: string }>(
      'POST',
      `${path}/upgrade`,
      { json: { new_version: '12' } },
    );
    // Nobody has invited the bot yet: it waits, and tells Ana so.
    await ben.say(`!shadow-ban ${mallory.userId}`);
    let looks = 0;
    const told = async () => {
      looks += 1;
      // Synapse gives the same answer again to a first sync with the same timeout.
      const { rooms } = await ana.user.sync({ timeoutMs: looks });
      return JSON.stringify(rooms?.join ?? {});
    };
    await expect.poll(told, patience).toContain(`Invite the bot to ${next}`);
    expect(await isShadowBanned()).toBe(false);

    for (const { user } of [ana, ben]) {
      if (user !== ana.user) {
        await ana.user.invite(next, user.userId);
        await user.join(next);
      }
      here.push(await new Moderator(user, next).look());
    }
    const [anaHere, benHere] = here as [Moderator, Moderator];
    await ana.user.invite(next, bot.userId);
    const moved = await anaHere.until('the bot to say that it has moved', () =>
      anaHere.unasked().find(({ body }) => body.includes('I have moved here')),
    );
    expect(moved.body).toContain(`managementRoom to ${next}`);
    expect(moved.content).toMatchObject({ 'm.mentions': { user_ids: [ana.user.userId] } });
    // What waited in the old room is done, and answered in the new one.
    await benHere.until('the answer to what waited', () =>
      benHere
        .unasked()
        .find(({ field }) => field.command === 'shadow-ban' && field.status === 'done'),
    );
    expect(await isShadowBanned()).toBe(true);
    // A confirmation of the old room can be given here.
    await anaHere.say(`!confirm ${confirmation?.code ?? ''}`);
    await anaHere.until('the outcome of the confirmation', () =>
      anaHere.events.find(({ content }) => {
        const field = content['dev.lawspeaker.answer'] as { command: string; status: string };
        return field?.command === 'deactivate' && field.status === 'done';
      }),
    );
    expect((await benHere.ask('!version')).field.status).toBe('done');

    // Afterwards the old room no longer decides where the bot is.
    await ana.user.setState(room.id, 'm.room.tombstone', {
      body: 'Elsewhere',
      replacement_room: await ana.user.createRoom({
        preset: 'public_chat',
        creation_content: { predecessor: { room_id: room.id } },
      }),
    });
    await room.stopBot();
    await room.startBot();
    expect((await benHere.ask('!version')).field.status).toBe('done');
    expect(anaHere.unasked().filter(({ body }) => body.includes('I have moved here'))).toHaveLength(
      1,
    );
  } finally {
    await Promise.all(here.map(async (person) => person.lookAway()));
    await room.close();
  }
}, 180_000);
