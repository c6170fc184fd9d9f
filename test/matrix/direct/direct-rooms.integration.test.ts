import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixEvent } from '../../../dev/synapse/matrix-user.ts';
import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { matrixToLink } from '../../../src/chat/reading/values.ts';
import { adminApi, asRoomId, idOf, newUser } from '../../support/homeserver.ts';
import { lineOfList, otherRoomLists, roomLists } from '../../support/room-lists.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import {
  bodyOf,
  messagesIn,
  pathOf,
  redacted,
  secretIn,
  tellSecret,
} from '../../support/secrets.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

describe('a direct room', () => {
  it('has two members, who are there for good: its history is for them alone', async () => {
    const { id } = await tellSecret(room.ben, room);
    const { user } = room.ben;
    const state = await user.request<MatrixEvent[]>('GET', `${pathOf(id)}/state`);
    const contentOf = (type: string) => state.find((event) => event.type === type)?.content;
    expect(contentOf('m.room.history_visibility')).toEqual({ history_visibility: 'joined' });
    expect(contentOf('m.room.join_rules')).toMatchObject({ join_rule: 'invite' });
    const members = state.filter(({ type }) => type === 'm.room.member');
    expect(new Set(members.map(({ state_key: member }) => member))).toEqual(
      new Set([room.bot.userId, user.userId]),
    );

    const accomplice = await newUser('accomplice');
    await expect(user.invite(id, accomplice.userId)).rejects.toMatchObject({ status: 403 });
    await expect(accomplice.join(id)).rejects.toMatchObject({ status: 403 });
    for (const [type, content] of [
      ['m.room.history_visibility', { history_visibility: 'world_readable' }],
      ['m.room.join_rules', { join_rule: 'public' }],
      ['m.room.power_levels', { users: { [user.userId]: 100 } }],
      ['m.room.name', { name: 'Mine' }],
    ] as const) {
      await expect(user.setState(id, type, content)).rejects.toMatchObject({ status: 403 });
    }
  });

  it('is reached by no command, whoever sends it', async () => {
    const direct = await tellSecret(room.ana, room);
    const { id, messages } = direct;
    const accomplice = await newUser('accomplice');
    const link = matrixToLink(id, messages[0]?.event_id ?? '');
    const lines = [
      `!join ${accomplice.userId} ${id}`,
      `!redact ${link}`,
      `!redact ${link} --dry-run`,
      `!room ${id}`,
      `!members ${id}`,
      `!history ${id}`,
      `!rooms --search ${id}`,
      `!block-room ${id}`,
      `!unblock-room ${id}`,
      `!delete-room ${id} --no-purge`,
    ];
    const secret = secretIn(direct);
    // For an admin of the room, even about the own direct room, it is the same.
    for (const [person, some] of [
      [room.ben, lines],
      [room.ana, lines.slice(0, 3)],
    ] as const) {
      for (const text of some) {
        const answer = await person.ask(text);
        expect({ text, status: answer.field.status }).toEqual({ text, status: 'protected' });
        expect(JSON.stringify(answer.content)).not.toContain(secret);
      }
    }
    const { joinedRooms } = await adminApi().users.joinedRooms(idOf(accomplice));
    expect(joinedRooms).toEqual([]);
    expect(await adminApi().rooms.find(asRoomId(id))).toMatchObject({ joinedMembers: 2 });
  });

  it('is listed nowhere', async () => {
    const { id } = await tellSecret(room.ana, room);
    const lists = await roomLists(createRegistry(await loadCommands()));
    const asked = lists.filter(({ command }) => !otherRoomLists.includes(command.name));
    const lines = asked.flatMap(({ command }) =>
      [room.bot, room.ana.user].map(({ userId }) => lineOfList(command, userId)),
    );
    for (const text of new Set(lines)) {
      // The tests share a homeserver, so the room may be on any page.
      const pages = [await room.ben.ask(`!${text}`)];
      while (pages.at(-1)?.body.includes('Next: !more')) {
        pages.push(await room.ben.ask('!more'));
      }
      expect(pages.map(({ field }) => field.status)).toEqual(pages.map(() => 'done'));
      expect(JSON.stringify(pages.map(({ content }) => content))).not.toContain(id);
      expect(pages.map(({ body }) => body).join('\n')).toMatch(
        /\d+ private rooms? of this bot (?:is|are) not listed/u,
      );
    }
  });

  it('is left as soon as somebody else appears, and what stood there is removed', async () => {
    const direct = await tellSecret(room.ben, room);
    const { id } = direct;
    const carol = await newUser('carol');
    await room.bot.invite(id, carol.userId);
    await redacted(direct, room.ben.user);
    const alert = await room.ana.until('an alert', () =>
      room.ana.unasked().find(({ body }) => body.includes(carol.userId)),
    );
    expect(alert.body).toContain('Somebody else is in my direct room with Ben');
    expect(alert.content['m.mentions']).toMatchObject({
      user_ids: expect.arrayContaining([room.ben.user.userId, room.ana.user.userId]),
    });
    await carol.join(id);
    expect(JSON.stringify(await messagesIn(id, carol))).not.toContain(secretIn(direct));

    // The next secret is told elsewhere.
    const next = await tellSecret(room.ben, room);
    expect(next.id).not.toBe(id);
    const { joined } = await room.ben.user.request<{ joined: object }>(
      'GET',
      `${pathOf(next.id)}/joined_members`,
    );
    expect(Object.keys(joined).sort()).toEqual([room.bot.userId, room.ben.user.userId].sort());
    expect(await messagesIn(id, room.ben.user)).toHaveLength(direct.messages.length);
  });

  it('of former times is emptied and closed, or is left where others could be let in', async () => {
    const direct = await tellSecret(room.ben, room);
    await room.bot.setState(direct.id, 'm.room.history_visibility', {
      history_visibility: 'shared',
    });
    const next = await tellSecret(room.ben, room);
    expect(next.id).toBe(direct.id);
    await redacted(direct, room.ben.user);
    expect(bodyOf((await messagesIn(next.id, room.ben.user))[0])).toContain(secretIn(next));
    expect(
      await room.ben.user.request('GET', `${pathOf(direct.id)}/state/m.room.history_visibility`),
    ).toEqual({ history_visibility: 'joined' });

    await room.bot.setState(direct.id, 'm.room.power_levels', {
      users: {},
      invite: 0,
    });
    expect((await tellSecret(room.ben, room)).id).not.toBe(direct.id);
  });

  it('is known by what the homeserver says, also when the database is lost', async () => {
    const { id } = await tellSecret(room.ana, room);
    await room.stopBot();
    await room.database.clear();
    await room.startBot();
    const accomplice = await newUser('accomplice');
    const answer = await room.ben.ask(`!join ${accomplice.userId} ${id}`);
    expect(answer.field.status).toBe('protected');
    // A room that is open to everybody holds no secrets, whoever made it.
    const lobby = await room.bot.createRoom({ preset: 'public_chat' });
    const joined = await room.ben.ask(`!join ${accomplice.userId} ${lobby}`);
    expect(joined.field.status).toBe('done');
  });
});
