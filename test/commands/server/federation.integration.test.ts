import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startOwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import type { OwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import { createAdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { tellSecret } from '../../support/secrets.ts';
import { startStandIn } from '../../support/stand-in.ts';
import type { StandIn } from '../../support/stand-in.ts';

const root = '/_synapse/admin/v1/federation/destinations';
const hour = 3_600_000;
const destinations = [
  {
    destination: 'down.example',
    retry_last_ts: Date.now() - hour,
    retry_interval: 3 * hour,
    failure_ts: Date.now() - 49 * hour,
    last_successful_stream_ordering: 1,
  },
  {
    destination: 'up.example',
    retry_last_ts: 0,
    retry_interval: 0,
    failure_ts: null,
    last_successful_stream_ordering: 5,
  },
];

let standIn: StandIn;
let room: TestRoom;
beforeAll(async () => {
  // The homeserver of the tests does not federate.
  standIn = await startStandIn(({ path, query }) => {
    if (path === root) {
      const fitting = destinations.filter((one) =>
        one.destination.includes(query.get('destination') ?? ''),
      );
      const from = Number(query.get('from') ?? 0);
      const end = from + Number(query.get('limit') ?? 100);
      return {
        destinations: fitting.slice(from, end),
        total: fitting.length,
        ...(end < fitting.length ? { next_token: String(end) } : {}),
      };
    }
    if (path.startsWith('/_synapse/admin/v1/rooms/') && path.endsWith('/members')) {
      return { members: ['@near:localhost', '@far:remote.example'], total: 2 };
    }
    const [name, below] = path.startsWith(root) ? path.slice(root.length + 1).split('/') : [];
    const one = destinations.find(({ destination }) => destination === name);
    return one === undefined ? undefined : below === 'rooms' ? { rooms: [], total: 7 } : one;
  });
  room = await openRoom({ homeserver: { adminUrl: standIn.url } });
});
afterAll(async () => {
  await room.close();
  await standIn[Symbol.asyncDispose]();
});

describe('federation', () => {
  it('lists other servers, page by page', async () => {
    const first = await room.vic.ask('!federation --limit 1');
    expect(first.field).toMatchObject({
      status: 'done',
      data: { total: 2, rows: [{ destination: 'down.example' }] },
    });
    expect(first.body).toContain('2 other servers, 1 shown');
    expect(first.body).toMatch(/down\.example +not reached for 2 days, next try in 2 hours/);
    const more = await room.vic.ask('!more');
    expect(more.body).toMatch(/up\.example +reached/);
  });

  it('shows one, and since when it can’t be reached', async () => {
    const down = await room.vic.ask('!federation down.example');
    expect(down.body).toContain('⚠️ down.example: not reached for 2 days');
    expect(down.body).toContain('Failing since 2 days ago');
    expect(down.body).toContain('next try in 2 hours');
    expect(down.body).toContain('Shares 7 rooms with this server');
    expect(down.field.data).toMatchObject({ destination: 'down.example', rooms: 7 });
    const up = await room.vic.ask('!federation up.example');
    expect(up.body).toContain('ℹ️ up.example: can be reached');
  });

  it('says plainly which server it has never talked to, and which it may have meant', async () => {
    const unknown = await room.vic.ask('!federation none.example');
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    expect(unknown.body).toContain('never communicated with none.example');
    const part = await room.vic.ask('!federation up');
    expect(part.body).toContain('Did you mean up.example?');
  });

  it.for(['..', '@a:b.example', 'a/b', 'exämple.org', 'up.example?x'])(
    'refuses %s, which is not a server name',
    async (name) => {
      const answer = await room.vic.ask(`!federation ${name}`);
      expect(answer.field).toMatchObject({ status: 'usage' });
      expect(answer.body).toContain('is not a server name');
    },
  );
});

describe('members', () => {
  it('marks those of other servers', async () => {
    const id = await newRoom(await newUser());
    const answer = await room.vic.ask(`!members ${id}`);
    expect(answer.body).toContain('2 members, 1 remote, in');
    expect(answer.body).toContain('@far:remote.example remote');
    expect(answer.body).toMatch(/@near:localhost$/mu);
  });
});

describe('on a Synapse that has failed to reach another server', () => {
  let server: OwnHomeserver;
  let own: TestRoom;
  let lobby: string;
  let direct: string;
  beforeAll(async () => {
    server = await startOwnHomeserver();
    own = await openRoom({}, { server });
    lobby = await own.ana.user.createRoom({ preset: 'public_chat', name: 'Lobby' });
    direct = (await tellSecret(own.ana, own)).id;
    await own.stopBot();
    const failing = Date.now() - hour;
    await server.restart(() => {
      using database = new DatabaseSync(server.databaseFile);
      const insert = database.prepare(
        `INSERT INTO destinations (destination, retry_last_ts, retry_interval, failure_ts)
           VALUES (?, ?, ?, ?)`,
      );
      insert.run('down.example', failing, 30 * hour, failing);
      insert.run('up.example', 0, 0, null);
      const share = database.prepare(
        `INSERT INTO destination_rooms (destination, room_id, stream_ordering)
           SELECT 'down.example', ?, max(stream_ordering) FROM events`,
      );
      share.run(lobby);
      share.run(direct);
    });
    await own.startBot();
  });
  afterAll(async () => {
    await own.close();
    await server.stop();
  });

  it('retries it at once, on request', async () => {
    const before = await own.ben.ask('!federation down.example');
    expect(before.body).toContain('next try in 1 day');
    expect(before.body).toContain('!federation down.example --reset');
    const dryRun = await own.ben.ask('!federation down.example --reset --dry-run');
    expect(dryRun.body).toContain('Try to reach down.example now');
    expect((await own.ben.ask('!federation down.example')).body).toContain('not reached');

    const reset = await own.ben.ask('!federation down.example --reset --reason "DNS is fixed"');
    expect(reset.field).toMatchObject({ status: 'done', data: { destination: 'down.example' } });
    expect(reset.field.audit).toHaveLength(1);
    expect(reset.body).toContain('✅ Retrying down.example now');
    const after = await own.ben.ask('!federation down.example');
    expect(after.body).not.toContain('next try in 1 day');
  });

  it('retries nothing that can be reached, is unknown, or is not named', async () => {
    const reachable = await own.ben.ask('!federation up.example --reset');
    expect(reachable.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(reachable.body).toContain('not waiting to retry up.example');
    const unknown = await own.ben.ask('!federation none.example --reset');
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    const nameless = await own.ben.ask('!federation --reset');
    expect(nameless.field).toMatchObject({ status: 'usage' });
    const viewer = await own.vic.ask('!federation down.example --reset');
    expect(viewer.field).toMatchObject({ status: 'denied' });
  });

  it('lists the rooms that it shares', async () => {
    const shared = await own.vic.ask('!federation-rooms down.example');
    expect(shared.field).toMatchObject({
      status: 'done',
      data: { total: 1, rows: [{ room_id: lobby, name: 'Lobby' }] },
    });
    expect(shared.body).toContain('1 room shared with down.example');
    expect(shared.body).toContain('1 private room of this bot is not listed');
    expect(JSON.stringify(shared.content)).not.toContain(direct);
    const none = await own.vic.ask('!federation-rooms up.example');
    expect(none.body).toContain('This server shares no room with up.example');
    const file = await own.vic.ask('!federation-rooms down.example --format csv');
    expect(file.body).toContain('1 row in federation-rooms.csv');
  });

  it('names a server that it has never talked to, and refuses what is not one', async () => {
    const unknown = await own.vic.ask('!federation-rooms own.example');
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    expect(unknown.body).toContain('Did you mean down.example?');
    const wrong = await own.vic.ask('!federation-rooms @a:down.example');
    expect(wrong.field).toMatchObject({ status: 'usage' });
    const { federation } = createAdminApi({
      url: server.url,
      accessToken: own.bot.account.accessToken,
    });
    await expect(federation.listRooms('none.example')).rejects.toMatchObject({ status: 404 });
  });
});
