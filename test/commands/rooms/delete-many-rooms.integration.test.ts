import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { fileBehind } from '../../support/file-behind.ts';
import { adminApi, asRoomId, homeserver, newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { startStandIn } from '../../support/stand-in.ts';
import type { StandIn } from '../../support/stand-in.ts';

const { rooms } = adminApi();
const unknownRoom = `!${'x'.repeat(43)}`;

/** Real deletions end before anybody can look: the deletion of this room ends when it is released. */
let held: string | undefined;
/** A room that somebody else is deleting. */
let busy: string | undefined;
/** The homeserver refuses to delete this room. */
let refused: string | undefined;
/** The rooms that the homeserver was asked to delete, in order. */
let asked: string[] = [];
let standIn: StandIn;
let room: TestRoom;
beforeAll(async () => {
  standIn = await startStandIn(({ method, path, query }) => {
    const [, id] = /\/v2\/rooms\/(.*)$/u.exec(path) ?? [];
    if (method === 'DELETE' && id !== undefined) {
      asked.push(id);
      if (id === refused) {
        return { status: 400, body: { errcode: 'M_UNKNOWN', error: 'no deletion today' } };
      }
      return id === held ? { delete_id: 'held' } : undefined;
    }
    if (path.endsWith('/delete_status/held')) {
      return { delete_id: 'held', status: held === undefined ? 'complete' : 'active' };
    }
    const running = held !== undefined && asked.includes(held) ? held : busy;
    const about = query.get('resource_id');
    return path.endsWith('/scheduled_tasks') &&
      running !== undefined &&
      (about ?? running) === running
      ? { scheduled_tasks: [taskOf(running)] }
      : undefined;
  });
  const timing = { roomDeletion: { firstIntervalMs: 5, maxIntervalMs: 50, limitMs: 500 } };
  room = await openRoom({ homeserver: { adminUrl: standIn.url } }, { timing });
});
beforeEach(() => {
  held = undefined;
  busy = undefined;
  refused = undefined;
  asked = [];
});
afterAll(async () => {
  await room.close();
  await standIn[Symbol.asyncDispose]();
});

const taskOf = (id: string) => ({
  id: 'held',
  action: 'shutdown_and_purge_room',
  status: 'active',
  timestamp_ms: 1,
  resource_id: id,
});

const isSpace = { creation_content: { type: 'm.space' }, preset: 'public_chat' };

/** Rooms of one owner, each with its name, as the server's statistics know them. */
async function namedRooms(owner: MatrixUser, names: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const name of names) {
    ids.push(await newRoom(owner, { preset: 'public_chat', name }));
  }
  await statisticsOf(ids);
  return ids;
}

async function statisticsOf(ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await expect
      .poll(async () => (await rooms.find(asRoomId(id)))?.joinedMembers ?? 0, { timeout: 10_000 })
      .toBeGreaterThan(0);
  }
}

async function isGone(id: string): Promise<boolean> {
  return (await rooms.find(asRoomId(id))) === undefined;
}

async function auditOf(operation: number | undefined) {
  const answer = await room.ana.ask(`!audit --operation ${operation}`);
  return answer.field.data as { target: string; status: string; arguments: { room: string[] } }[];
}

describe('delete-room with several rooms', () => {
  it('lists them, leaves out what it does not know, and deletes one after another', async () => {
    const owner = await newUser('owner');
    const ids = await namedRooms(owner, ['Alpha', 'Beta', 'Gamma']);
    const [first = '', second = '', third = ''] = ids;
    await (await newUser('member')).join(second);
    await expect.poll(async () => rooms.get(asRoomId(second))).toMatchObject({ joinedMembers: 2 });
    const confirmation = await room.ben.ask(
      `!delete-room ${first} ${second} ${unknownRoom} ${third} --block --reason spam`,
    );
    const { body } = confirmation;
    expect(body).toContain('Delete 3 rooms?');
    expect(body).toContain('This can’t be undone.');
    expect(body).toContain('4 members from this server · 0 from other servers');
    expect(body).toMatch(/Beta .* · 2 members[^]*Alpha .* · 1 member/u);
    expect(body).toContain('block users of this server from joining again');
    expect(body).toContain(`Left out: ${unknownRoom} (is not known to this server)`);
    expect(confirmation.field.operation).toMatchObject({ targets: 3, left_out: 1 });
    expect(asked).toEqual([]);

    await room.ben.ask('!confirm');
    const outcome = await room.ben.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain('delete-room: 3 of 3 rooms done');
    expect(outcome.body).toContain(`Deleted Beta ${second}: 2 members from this server removed`);
    expect(outcome.body).toContain(unknownRoom);
    expect(asked).toEqual(ids);
    expect(await Promise.all(ids.map(isGone))).toEqual([true, true, true]);

    const entries = await auditOf(outcome.field.operation?.id);
    expect(entries.map(({ target }) => target).toSorted()).toEqual(ids.toSorted());
    for (const entry of entries) {
      expect(entry).toMatchObject({
        status: 'done',
        reason: 'spam',
        detail: { server_job: expect.any(String) },
        arguments: { room: [entry.target], block: true },
      });
    }
  });

  it('says of each room why it was not deleted', async () => {
    const [first = '', second = '', third = ''] = await namedRooms(await newUser('owner'), [
      'One',
      'Two',
      'Three',
    ]);
    refused = second;
    const confirmation = await room.ana.ask(`!delete-room ${first} ${second} ${third}`);
    await rooms.delete(asRoomId(first), { block: false });
    await expect.poll(async () => isGone(first)).toBe(true);
    await room.ana.ask('!confirm');
    const outcome = await room.ana.outcomeOf(confirmation, 'partial');
    expect(outcome.body).toContain('1 of 2 rooms done');
    expect(outcome.body).toContain(`${second}: `);
    expect(outcome.body).toContain('the homeserver refused (400 M_UNKNOWN)');
    expect(outcome.body).toContain('Deleted Three');
    expect(outcome.body).toContain(`${first} (is not known to this server)`);
    const entries = await auditOf(outcome.field.operation?.id);
    expect(Object.fromEntries(entries.map(({ target, status }) => [target, status]))).toEqual({
      [second]: 'failed',
      [third]: 'done',
    });
  });

  it('leaves out rooms that are being deleted already', async () => {
    const ids = await namedRooms(await newUser('owner'), ['Busy', 'Idle', 'Calm']);
    const [taken = '', idle = '', calm = ''] = ids;
    busy = taken;
    const confirmation = await room.ana.ask(`!delete-room ${taken} ${idle} ${calm}`);
    expect(confirmation.body).toContain('Delete 2 rooms?');
    expect(confirmation.body).toContain(`${taken} (is being deleted already)`);
    const alone = await room.ana.ask(`!delete-room ${taken} ${unknownRoom}`);
    expect(alone.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(alone.body).toContain('none of these 2 rooms can be deleted');
    const left = await room.ana.ask(`!delete-room ${idle} ${unknownRoom}`);
    expect(left.body).toContain(`Delete room Idle ${idle}?`);
    expect(left.body).toContain(`Left out: ${unknownRoom}`);
  });

  it('begins nothing more once it is stopped, and says how to finish', async () => {
    const ids = await namedRooms(await newUser('owner'), ['First', 'Second', 'Third']);
    const [first = '', second = '', third = ''] = ids;
    const confirmation = await room.ana.ask(`!delete-room ${ids.join(' ')} --no-purge`);
    held = first;
    await room.ana.say(`!confirm ${confirmation.field.confirmation?.code ?? ''}`);
    const running = await room.ana.outcomeOf(confirmation, 'running');
    const { id } = running.field.operation ?? {};
    const stopped = await room.ana.ask(`!stop-job ${id}`);
    expect(stopped.body).toContain('0 of 3 rooms done');
    held = undefined;
    const outcome = await room.ana.outcomeOf(confirmation, 'partial');
    expect(outcome.body).toContain('delete-room stopped: 1 of 3 rooms done');
    expect(outcome.body).toContain(`Not begun: ${second}, ${third}`);
    expect(outcome.body).toContain(`!delete-room ${second} ${third} --no-purge`);
    expect(asked).toEqual([first]);
  });

  it('goes on after a restart', async () => {
    const ids = await namedRooms(await newUser('owner'), ['Uno', 'Due', 'Tre']);
    const [first = ''] = ids;
    const confirmation = await room.ana.ask(`!delete-room ${ids.join(' ')}`);
    held = first;
    await room.ana.say(`!confirm ${confirmation.field.confirmation?.code ?? ''}`);
    await room.ana.outcomeOf(confirmation, 'running');
    await room.stopBot();
    await room.startBot();
    held = undefined;
    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain('3 of 3 rooms done');
    expect(outcome.body).toContain('Deleted Due');
    expect(asked).toEqual(ids);
  });

  it('shows 10 of 12, and the others in a file', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `Room ${at}`);
    const ids = await namedRooms(await newUser('owner'), names);
    const confirmation = await room.ana.ask(`!delete-room ${ids.join(' ')}`);
    expect(confirmation.body).toContain('Delete 12 rooms?');
    expect(confirmation.body).toContain('And 2 more: see the file.');
    const file = await fileBehind(room.ana, 'rooms.csv');
    for (const [at, id] of ids.entries()) {
      expect(file).toContain(`${id},Room ${at},`);
    }
  });

  it('refuses a replacement room, and reserved rooms', async () => {
    const ids = await namedRooms(await newUser('owner'), ['Left', 'Right']);
    const answer = await room.ana.ask(
      `!delete-room ${ids.join(' ')} --new-room-user ${room.ana.user.userId}`,
    );
    expect(answer.field.status).toBe('usage');
    expect(answer.body).toContain('--new-room-user works on one room at a time');
    const reserved = await room.ana.ask(`!delete-room ${ids.join(' ')} ${room.id}`);
    expect(reserved.field.status).toBe('protected');
    const denied = await room.vic.ask(`!delete-room ${ids.join(' ')}`);
    expect(denied.field.status).toBe('denied');
    const entry = await room.ana.ask(`!audit ${denied.field.audit[0]}`);
    expect(entry.field.data).toMatchObject({ arguments: { room: ids } });
  });
});

describe('delete-room --with-children', () => {
  it('deletes a space, the spaces in it, and their rooms, but none of the bot’s', async () => {
    const owner = await newUser('owner');
    const via = { via: [homeserver().serverName] };
    const space = await newRoom(owner, { ...isSpace, name: 'Community' });
    const inner = await newRoom(owner, { ...isSpace, name: 'Projects' });
    const [lobby = '', board = ''] = await namedRooms(owner, ['Lobby', 'Board']);
    const direct = await room.bot.createRoom({ preset: 'private_chat' });
    for (const [parent, child] of [
      [space, lobby],
      [space, inner],
      [inner, board],
      [inner, space],
      [space, unknownRoom],
      [space, direct],
      [inner, room.id],
    ] as const) {
      await owner.setState(parent, 'm.space.child', via, child);
    }
    await statisticsOf([space, inner]);
    const single = await room.ana.ask(`!delete-room ${space}`);
    expect(single.body).toContain('delete the rooms in this space (see --with-children)');

    const confirmation = await room.ana.ask(`!delete-room ${space} --with-children`);
    const { body } = confirmation;
    expect(body).toContain(`Delete space Community ${space} and the 3 rooms in it?`);
    expect(body).toContain(`Projects ${inner} · space · 1 member`);
    expect(body).toContain(`${room.id} (is the management room)`);
    expect(body).toContain('1 private room of this bot (is out of reach)');
    expect(body).toContain(`${unknownRoom} (has no member from this server)`);
    expect(JSON.stringify(confirmation.content)).not.toContain(direct);

    await room.ana.ask(`!confirm ${confirmation.field.confirmation?.code ?? ''}`);
    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain('4 of 4 rooms done');
    expect(asked.at(-1)).toBe(space);
    expect(asked.indexOf(board)).toBeLessThan(asked.indexOf(inner));
    expect(asked.toSorted()).toEqual([space, inner, lobby, board].toSorted());
    expect(await isGone(direct)).toBe(false);
    expect(await isGone(room.id)).toBe(false);
    expect(await auditOf(outcome.field.operation?.id)).toHaveLength(4);
  });

  it('refuses what is not a space', async () => {
    const [plain = ''] = await namedRooms(await newUser('owner'), ['Plain']);
    const answer = await room.ana.ask(`!delete-room ${plain} --with-children`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('is not a space');
    const unknown = await room.ana.ask(`!delete-room ${unknownRoom} --with-children`);
    expect(unknown.body).toContain('this server knows no room');
    expect(asked).toEqual([]);
  });
});
