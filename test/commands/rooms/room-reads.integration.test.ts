import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { fileBehind } from '../../support/file-behind.ts';
import { adminApi, asRoomId, homeserver, newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { startStandIn } from '../../support/stand-in.ts';
import type { StandIn } from '../../support/stand-in.ts';

const { rooms } = adminApi();
const unknownRoom = `!${'x'.repeat(43)}`;

/** What PostgreSQL would say; undefined to let the real homeserver answer, which uses SQLite. */
let sizes: readonly { room_id: string; estimated_size: number }[] | undefined;
/** How many loose ends the homeserver says a room has; undefined for the truth. */
let extremities: number | undefined;
let standIn: StandIn;
let room: TestRoom;
beforeAll(async () => {
  standIn = await startStandIn(({ path }) => {
    if (path.endsWith('/forward_extremities') && extremities !== undefined) {
      const results = Array.from({ length: extremities }, (_, at) => ({
        event_id: `$end${at}`,
        state_group: at,
        depth: at,
        received_ts: 1_700_000_000_000 + at,
      }));
      return { count: extremities, results };
    }
    return path.endsWith('/statistics/database/rooms') && sizes !== undefined
      ? { rooms: sizes }
      : undefined;
  });
  room = await openRoom({ homeserver: { adminUrl: standIn.url } });
});
beforeEach(() => {
  sizes = undefined;
  extremities = undefined;
});
afterAll(async () => {
  await room.close();
  await standIn[Symbol.asyncDispose]();
});

describe('large-rooms', () => {
  it('says that Synapse can’t tell if it uses SQLite', async () => {
    const answer = await room.vic.ask('!large-rooms');
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('it uses SQLite');
  });

  it('lists the largest, without the rooms where the bot sends secrets', async () => {
    const name = 'Large <b>room</b>';
    const large = await newRoom(await newUser(), { preset: 'public_chat', name });
    await expect.poll(async () => rooms.get(large), { timeout: 10_000 }).toMatchObject({ name });
    const direct = await room.bot.createRoom({ preset: 'private_chat' });
    sizes = [
      { room_id: direct, estimated_size: 9e9 },
      { room_id: large, estimated_size: 1_234_567_890 },
      { room_id: unknownRoom, estimated_size: 12 },
    ];
    const answer = await room.vic.ask('!large-rooms');
    expect(answer.body).toContain('2 rooms, the largest in the database');
    expect(answer.body).toContain('about 1.2 GB');
    expect(answer.body).toContain('1 private room of this bot is not listed');
    expect(JSON.stringify(answer.content)).not.toContain(direct);
    expect(answer.field.data).toMatchObject({
      total: 2,
      rows: [{ room_id: large, name, estimated_size: 1_234_567_890 }, { room_id: unknownRoom }],
    });
  });
});

describe('forward-extremities', () => {
  it('says that one is normal', async () => {
    const id = await newRoom(await newUser());
    const answer = await room.vic.ask(`!forward-extremities ${id}`);
    expect(answer.body).toContain('ℹ️ 1 forward extremity in');
    expect(answer.body).toContain('That is normal');
    expect(answer.field.data).toMatchObject({ total: 1, rows: [{ depth: expect.any(Number) }] });
  });

  it('says what many mean', async () => {
    extremities = 23;
    const id = await newRoom(await newUser());
    const answer = await room.vic.ask(`!forward-extremities ${id}`);
    expect(answer.body).toContain('⚠️ 23 forward extremities in');
    expect(answer.body).toContain('the room may be slow');
    expect(answer.body).toContain('!more');
  });

  it('refuses an unknown room, of which Synapse says that it has none', async () => {
    const answer = await room.vic.ask(`!forward-extremities ${unknownRoom}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'unknown_room' } });
    const other = await newUser();
    await expect(
      adminApi(other.account.accessToken).rooms.forwardExtremities(await newRoom(other)),
    ).rejects.toMatchObject({ status: 403 });
  });
});

describe('hierarchy', () => {
  const isSpace = { creation_content: { type: 'm.space' }, preset: 'public_chat' };
  const via = { via: [homeserver().serverName] };

  it('lists the rooms of a space and of the spaces in it', async () => {
    const owner = await newUser();
    const space = await newRoom(owner, { ...isSpace, name: 'Community' });
    const inner = await newRoom(owner, { ...isSpace, name: 'Projects' });
    const lobby = await newRoom(owner, { preset: 'public_chat', name: 'Lobby *not* bold' });
    const secret = await newRoom(owner, { preset: 'private_chat', name: 'Board' });
    const direct = await room.bot.createRoom({ preset: 'private_chat' });
    for (const [parent, child] of [
      [space, lobby],
      [space, inner],
      [inner, secret],
      // A circle, a room that nobody here is in, and one of the bot's own.
      [inner, space],
      [space, unknownRoom],
      [space, direct],
    ] as const) {
      await owner.setState(parent, 'm.space.child', via, child);
    }
    const answer = await room.vic.ask(`!hierarchy ${space}`);
    expect(answer.body).toContain('3 rooms in the space Community');
    expect(answer.body).toContain('level 2, 1 member, invite');
    expect(answer.body).toContain('1 more room: no user of this server is in it.');
    expect(answer.body).toContain('1 private room of this bot is not listed');
    expect(JSON.stringify(answer.content)).not.toContain(direct);
    expect(answer.field.data).toMatchObject({ total: 3 });
    const { rows } = answer.field.data as { rows: { room_id: string; depth: number }[] };
    expect(new Map(rows.map(({ room_id: id, depth }) => [id, depth]))).toEqual(
      new Map<string, number>([
        [lobby, 1],
        [inner, 1],
        [secret, 2],
      ]),
    );

    const first = await room.vic.ask(`!hierarchy ${space} --depth 1 --limit 1`);
    expect(first.body).toContain('2 rooms in the space Community');
    const next = await room.vic.ask('!more');
    expect(next.field.data).toMatchObject({ total: 2, rows: [{ depth: 1 }] });
    expect(next.body).not.toContain('!more');
  });

  it('reads a space of more than one page', async () => {
    const owner = await newUser();
    const space = await newRoom(owner, isSpace);
    const child = await newRoom(owner);
    await owner.setState(space, 'm.space.child', via, child);
    const found = await Array.fromAsync(rooms.hierarchy(space, { limit: 1 }));
    expect(found.map(({ roomId }) => roomId)).toEqual([space, child]);
    const alone = await Array.fromAsync(rooms.hierarchy(space, { maxDepth: 0 }));
    expect(alone).toMatchObject([{ roomId: space, roomType: 'm.space' }]);
  });

  it('refuses rooms that are not spaces, and unknown ones', async () => {
    const plain = await newRoom(await newUser());
    const answer = await room.vic.ask(`!hierarchy ${plain}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('is not a space');
    const unknown = await room.vic.ask(`!hierarchy ${unknownRoom}`);
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_room' } });
    await expect(Array.fromAsync(rooms.hierarchy(asRoomId(unknownRoom)))).rejects.toMatchObject({
      status: 500,
    });
  });
});

describe('room-state', () => {
  it('shows who set what, and attaches what is too long', async () => {
    const owner = await newUser();
    const id = await newRoom(owner, { preset: 'public_chat' });
    const evil = `<b>x</b> https://evil.example \u202E ${'long '.repeat(100)}end`;
    await owner.setState(id, 'org.example.evil', { text: evil, snake_case: { 'm.key': 1 } }, 'key');
    const answer = await room.ben.ask(`!room-state ${id} --type org.example.evil`);
    expect(answer.body).toContain('1 state event of type org.example.evil in');
    expect(answer.body).toContain(owner.userId);
    expect(answer.body).not.toContain('https://evil.example');
    expect(answer.content['formatted_body']).not.toContain('<b>x</b>');
    const content = JSON.stringify({ text: evil, snake_case: { 'm.key': 1 } });
    expect(answer.field.data).toMatchObject({
      total: 1,
      rows: [{ type: 'org.example.evil', state_key: 'key', sender: owner.userId }],
    });
    const { rows } = answer.field.data as { rows: { content: string }[] };
    expect(JSON.parse(rows[0]?.content ?? '')).toEqual(JSON.parse(content));
    const file = JSON.parse(await fileBehind(room.ben, 'room-state.json')) as unknown;
    expect(file).toMatchObject([{ state_key: 'key', content: { text: evil } }]);
  });

  it('shows everything by pages, the members last', async () => {
    const id = await newRoom(await newUser(), { preset: 'public_chat', topic: 'What we do' });
    const all = await room.ben.ask(`!room-state ${id} --limit 100`);
    const { rows } = all.field.data as { rows: { type: string; content: string }[] };
    expect(rows.at(-1)?.type).toBe('m.room.member');
    expect(rows.find(({ type }) => type === 'm.room.topic')?.content).toContain('What we do');
    const none = await room.ben.ask(`!room-state ${id} --type m.room.tombstone`);
    expect(none.body).toContain('No state event of type m.room.tombstone');
  });

  it('is for moderators, and for rooms that exist', async () => {
    const id = await newRoom(await newUser());
    expect((await room.vic.ask(`!room-state ${id}`)).field).toMatchObject({ status: 'denied' });
    const unknown = await room.ben.ask(`!room-state ${unknownRoom}`);
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_room' } });
  });
});
