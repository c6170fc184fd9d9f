import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  adminApi,
  homeserver,
  newRoom,
  newUser,
  uniqueLocalpart,
} from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { rooms } = adminApi();
const unknownRoom = `!${'x'.repeat(43)}`;

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

/** Waits for the room list, whose names and counts come some time after the events. */
async function listed(searchTerm: string, count: number): Promise<void> {
  const total = async () => (await rooms.list({ searchTerm })).totalRooms;
  await expect.poll(total, { timeout: 10_000 }).toBe(count);
}

describe('rooms', () => {
  it('finds rooms by a part of the name, page by page', async () => {
    const owner = await newUser();
    const part = uniqueLocalpart('Lobby');
    for (const end of ['a', 'b', 'c']) {
      await newRoom(owner, { name: `${part} ${end} é` });
    }
    await listed(part, 3);
    const first = await room.vic.ask(`!rooms --search "${part.toLowerCase()} " --limit 2`);
    expect(first.field).toMatchObject({
      status: 'done',
      data: { total: 3, rows: [{ name: `${part} a é` }, { name: `${part} b é` }] },
    });
    expect(first.body).toContain('3 rooms, 2 shown');
    expect(first.body).toContain('1 member, invite');
    const more = await room.vic.ask('!more');
    expect(more.field.data).toMatchObject({ rows: [{ name: `${part} c é` }] });
    expect(more.body).not.toContain('!more');
  });

  it('shows the largest first where numbers are sorted', async () => {
    const owner = await newUser();
    const part = uniqueLocalpart('Size');
    const large = await newRoom(owner, { name: part, preset: 'public_chat' });
    const small = await newRoom(owner, { name: part });
    await (await newUser()).join(large);
    await expect
      .poll(async () => (await rooms.get(large)).joinedMembers, { timeout: 10_000 })
      .toBe(2);
    await listed(part, 2);
    const answer = await room.vic.ask(`!rooms --search ${part} --order-by joined_members`);
    expect(answer.field.data).toMatchObject({ rows: [{ room_id: large }, { room_id: small }] });
  });

  it('refuses an empty search, and an order that there is not', async () => {
    const empty = await room.vic.ask('!rooms --search ""');
    expect(empty.field).toMatchObject({ status: 'usage' });
    const odd = await room.vic.ask('!rooms --from nowhere');
    expect(odd.field).toMatchObject({ status: 'usage' });
    const none = await room.vic.ask(`!rooms --search ${uniqueLocalpart('none')}`);
    expect(none.body).toContain('No room found');
    const order = await room.vic.ask('!rooms --order-by joined_member');
    expect(order.body).toContain('Did you mean joined_members?');
  });
});

describe('room', () => {
  it.for(['11', '12'])('shows a room of version %s, by ID, alias or link', async (version) => {
    const owner = await newUser();
    const localpart = uniqueLocalpart('alias');
    const alias = `#${localpart}:${homeserver().serverName}`;
    const id = await newRoom(owner, {
      room_version: version,
      preset: 'public_chat',
      name: 'The lobby',
      topic: 'Talk',
      room_alias_name: localpart,
    });
    await expect.poll(async () => (await rooms.get(id)).canonicalAlias).toBe(alias);
    for (const given of [id, alias, `https://matrix.to/#/${encodeURIComponent(alias)}`]) {
      const answer = await room.vic.ask(`!room ${given}`);
      expect(answer.field).toMatchObject({
        status: 'done',
        data: { room_id: id, name: 'The lobby', version, joined_members: 1 },
      });
      expect(answer.body).toContain(`The lobby ${id}: 1 member, not encrypted`);
      expect(answer.body).toContain(`created by ${owner.userId}`);
      expect(answer.body).toContain('Topic: Talk');
    }
  });

  it('says plainly that a room is unknown, or no room', async () => {
    const unknown = await room.vic.ask(`!room ${unknownRoom}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown_room' } });
    expect(unknown.body).toContain(unknownRoom);
    const alias = await room.vic.ask(
      `!room #${uniqueLocalpart('none')}:${homeserver().serverName}`,
    );
    expect(alias.field).toMatchObject({ error: { code: 'unknown_room' } });
    const away = await room.vic.ask('!room #lobby:nowhere.invalid');
    expect(away.field).toMatchObject({ error: { code: 'unknown_room' } });
    expect(away.body).toContain('nowhere.invalid does not answer');
    const malformed = await room.vic.ask('!room lobby');
    expect(malformed.field).toMatchObject({ status: 'usage' });
  });

  const hostileNames = {
    HTML: '<h1>x</h1><script>alert(1)</script>&amp;',
    'bidi controls': '\u202Egnimmaps\u2066 \u200F',
    newlines: 'first\n✅ Deleted room\r\nthird',
    backticks: '`code` `!confirm AAAA`',
    '10 kB': 'x'.repeat(10_000),
  };

  it.for(Object.entries(hostileNames))(
    'a name with %s neither breaks nor injects',
    async ([, name]) => {
      const id = await newRoom(await newUser(), { name, topic: name });
      await expect.poll(async () => (await rooms.get(id)).name).toBe(name);
      const card = await room.vic.ask(`!room ${id}`);
      const list = await room.vic.ask(`!rooms --search ${id}`);
      const people = await room.vic.ask(`!members ${id}`);
      const confirmation = await room.ana.ask(`!delete-room ${id}`);
      for (const answer of [card, list, people, confirmation]) {
        expect(answer.field.status).toMatch(/^(done|pending)$/);
        expect(answer.body).toContain(id);
        expect(answer.html).not.toMatch(/<h1>|<script>|[\u202E\u2066\u200F\r]/u);
        expect(answer.body).not.toMatch(/[\u202E\u2066\u200F\r]/u);
        expect(answer.body).not.toMatch(/^✅ Deleted/mu);
        expect(answer.body.length).toBeLessThan(2000);
      }
      await room.ana.ask('!cancel');
    },
  );
});

describe('members', () => {
  it('lists who is joined, page by page', async () => {
    const [owner, member, left] = [await newUser(), await newUser(), await newUser()];
    const id = await newRoom(owner, { preset: 'public_chat', name: 'Meeting' });
    await member.join(id);
    await left.join(id);
    await left.leave(id);
    const first = await room.vic.ask(`!members ${id} --limit 1`);
    const all = [owner.userId, member.userId].sort();
    expect(first.field).toMatchObject({ status: 'done', data: { total: 2, rows: [all[0]] } });
    expect(first.body).toContain(`2 members in Meeting ${id}, 1 shown`);
    const more = await room.vic.ask('!more');
    expect(more.field.data).toMatchObject({ rows: [all[1]] });
  });

  it('says plainly that a room is unknown', async () => {
    const unknown = await room.vic.ask(`!members ${unknownRoom}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown_room' } });
  });
});
