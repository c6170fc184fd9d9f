import { beforeEach, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import {
  createFormerRoomWitness,
  createManagementRoomWitness,
  createRoomWitness,
} from '../../../src/matrix/room/room-witness.ts';
import { fakeClient } from '../../support/fake-client.ts';
import { asRoomId, asUserId } from '../../support/homeserver.ts';

const room = asRoomId('!room:localhost');
const older = asRoomId('!older:localhost');
const oldest = asRoomId('!oldest:localhost');
const botUser = asUserId('@bot:localhost');
const headType = 'dev.lawspeaker.audit_head';

interface Event {
  readonly type: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly content: object;
  readonly unsigned?: object;
}

/** The events of each room, newest first. */
let events: Record<string, Event[]>;
let predecessors: Record<string, string>;
let refused: Set<string>;
let failure: Error | undefined;
let pages: number;
let joined: string[];
let sent: { path: string; body: unknown }[];
beforeEach(() => {
  events = {};
  predecessors = {};
  refused = new Set();
  failure = undefined;
  pages = 0;
  sent = [];
  joined = [];
});

const client = fakeClient(({ method, path, query, body }) => {
  const [, id = '', what] = /\/rooms\/([^/]+)\/(\w+)/u.exec(decodeURIComponent(path)) ?? [];
  if (failure !== undefined) {
    throw failure;
  }
  if (method === 'POST') {
    const [, place = ''] = /\/join\/(.+)/u.exec(decodeURIComponent(path)) ?? [];
    joined.push(place);
    refused.delete(place);
    return {};
  }
  if (refused.has(id)) {
    throw new HomeserverError(403, 'M_FORBIDDEN', 'GET /messages');
  }
  if (method === 'PUT') {
    sent.push({ path: decodeURIComponent(path), body });
    return { event_id: '$sent' };
  }
  if (what === 'state') {
    const before = predecessors[id];
    return before === undefined ? {} : { predecessor: { room_id: before } };
  }
  pages += 1;
  const { types } = JSON.parse(String(query['filter'])) as { types: string[] };
  const matching = (events[id] ?? []).filter(({ type }) => types.includes(type));
  const start = Number(query['from'] ?? 0);
  const end = start + Number(query['limit']);
  return {
    chunk: matching.slice(start, end),
    ...(end < matching.length ? { end: String(end) } : {}),
  };
});

const hash = (count: number) => count.toString(16).padStart(64, '0');
const head = (count: number, fields: Partial<Event> = {}): Event => ({
  type: headType,
  sender: botUser,
  origin_server_ts: count * 1000,
  content: { count, head: hash(count) },
  ...fields,
});
const notice = (count: number, fields: object = {}): Event => ({
  type: 'm.room.message',
  sender: botUser,
  origin_server_ts: count * 1000,
  content: {
    body: 'Audit log',
    'dev.lawspeaker.answer': { command: 'audit', data: { count, head: hash(count) } },
    ...fields,
  },
});
/** The clear event in `unsigned`, for `decrypt`. */
const encrypted = (clear: Event): Event => ({
  ...clear,
  type: 'm.room.encrypted',
  content: { ciphertext: '…' },
  unsigned: { clear },
});

const withKeys = async (_room: string, raw: unknown) =>
  (raw as { unsigned: { clear: object } }).unsigned.clear;
const withoutKeys = async () => undefined;

const read = async (
  extent: 'all' | 'newest' = 'all',
  decrypt: (room: string, raw: unknown) => Promise<object | undefined> = withKeys,
) => {
  const witness = createManagementRoomWitness({ client, crypto: { decrypt }, botUser }, room);
  const { heads, ...rest } = await witness.read(extent);
  return { ...rest, counts: heads.map(({ count }) => count) };
};

const nothingElse = {
  removed: [],
  told: [],
  unreadable: 0,
  isWhole: true,
  olderRooms: [] as string[],
};

test('heads are those that the bot has sent, in their form', async () => {
  events[room] = [
    head(9, { sender: '@eve:localhost' }),
    head(8),
    head(7, { content: { count: 7, head: 'short' } }),
    head(6, { content: { count: -6, head: hash(6) } }),
    head(5, { content: { count: '5', head: hash(5) } }),
    head(4, { content: { count: 4, head: hash(4), restored: 'yesterday' } }),
    notice(3),
    // Answers and edits are none.
    notice(2, { 'm.relates_to': { 'm.in_reply_to': { event_id: '$asked' } } }),
    notice(1, { 'm.relates_to': { rel_type: 'm.replace', event_id: '$said' } }),
  ];
  expect(await read()).toEqual({ ...nothingElse, counts: [3, 4, 8] });
});

test('heads that people read stand in their place among the others', async () => {
  events[room] = [head(8), notice(7), head(4), notice(3), notice(2)];
  expect((await read()).counts).toEqual([2, 3, 4, 7, 8]);
});

test('what the bot has said about a restored database is found', async () => {
  const restored = { at: 5, kept: 2 };
  const data = { record_ends_at: 2, room_shows: 8, restored };
  const said = (fields: object = {}) =>
    notice(0, { 'dev.lawspeaker.answer': { command: 'audit', data }, ...fields });
  events[room] = [
    said(),
    said({ 'm.relates_to': { rel_type: 'm.replace', event_id: '$said' } }),
    { ...said(), sender: '@eve:localhost' },
  ];
  expect(await read()).toMatchObject({ told: [restored] });
});

test('a removed head is told, with its time', async () => {
  events[room] = [head(4, { content: {}, unsigned: { redacted_because: {} } }), head(2)];
  expect(await read()).toEqual({ ...nothingElse, removed: [4000], counts: [2] });
});

test('notices in an encrypted room are decrypted, or counted', async () => {
  events[room] = [encrypted(notice(4)), encrypted(notice(2))];
  expect(await read()).toEqual({ ...nothingElse, counts: [2, 4] });
  expect(await read('all', withoutKeys)).toEqual({ ...nothingElse, unreadable: 2, counts: [] });
});

test('all pages are read, up to a limit, and the newest one alone on demand', async () => {
  events[room] = Array.from({ length: 250 }, (_, at) => head(250 - at));
  expect((await read('newest')).counts).toHaveLength(100);
  expect(pages).toBe(1);
  expect((await read()).counts).toHaveLength(250);
  events[room] = Array.from({ length: 5000 }, (_, at) => head(5000 - at));
  const { counts, isWhole } = await read();
  expect(counts).toHaveLength(4000);
  expect(counts.at(-1)).toBe(5000);
  expect(isWhole).toBe(false);
});

test('where programs find no head yet, the notices for people count as the newest', async () => {
  events[room] = [notice(7)];
  expect((await read('newest')).counts).toEqual([7]);
});

test('heads in rooms that this one has replaced count, until one that the bot can’t read', async () => {
  events = { [room]: [head(8)], [older]: [head(4)], [oldest]: [notice(2)] };
  predecessors = { [room]: older, [older]: oldest };
  expect(await read()).toEqual({
    ...nothingElse,
    counts: [2, 4, 8],
    olderRooms: [older, oldest],
  });
  refused.add(oldest);
  expect(await read()).toEqual({
    ...nothingElse,
    isWhole: false,
    counts: [4, 8],
    olderRooms: [older],
  });
  refused.clear();
  predecessors = { [room]: older, [older]: room };
  expect((await read()).counts).toEqual([4, 8]);
});

test('a long row of replaced rooms ends somewhere', async () => {
  const rooms = Array.from({ length: 30 }, (_, at) => asRoomId(`!old${at}:localhost`));
  predecessors = Object.fromEntries(
    [room, ...rooms].map((one, at) => [one, rooms[at] ?? '!end:localhost']),
  );
  expect((await read()).isWhole).toBe(false);
  expect(pages).toBeLessThan(20);
});

test('a homeserver that does not answer is an error, not an empty room', async () => {
  failure = new UnreachableError('GET /messages', 'does not answer', false);
  await expect(read()).rejects.toThrow(UnreachableError);
});

test('in the management room only programs see a head, in a witness room people do', async () => {
  const reader = { client, crypto: { decrypt: withoutKeys }, botUser };
  const written = {
    count: 8,
    head: hash(8),
    restored: { at: 5, kept: 3 },
    after: { count: 7, at: 4 },
  };
  await createManagementRoomWitness(reader, room).write(written);
  const witness = createRoomWitness(reader, '#witness:x', {
    find: async () => older,
    joins: true,
  });
  await witness.write(written);
  expect(sent[0]?.path).toContain(`/rooms/${room}/send/${headType}/`);
  expect(sent[0]?.body).toEqual(written);
  expect(sent[1]?.path).toContain(`/rooms/${older}/send/m.room.message/`);
  expect(sent[1]?.body).toMatchObject({
    msgtype: 'm.notice',
    body: `Audit log: 8 rows, head ${hash(8)}. The database was restored or replaced; of the rows before, it kept 3. The head that I posted before it was gone.`,
  });
  events[older] = [
    { ...notice(8), content: sent[1]?.body as object },
    { ...notice(6), content: {}, unsigned: { redacted_because: {} } },
  ];
  expect(await witness.read('all')).toEqual({
    heads: [{ ...written, at: 8000 }],
    removed: [6000],
    unreadable: 0,
    isWhole: true,
  });
});

test('heads in a former room are found, whatever it was for, and the bot doesn’t join it', async () => {
  const reader = { client, crypto: { decrypt: withoutKeys }, botUser };
  const countsIn = async () => {
    const { heads, removed } = await createFormerRoomWitness(reader, older).read('all');
    return { counts: heads.map(({ count }) => count), removed };
  };
  const message = { ...notice(6), content: { [headType]: { count: 6, head: hash(6) } } };
  const said = { ...notice(5), content: {}, unsigned: { redacted_because: {} } };
  events[older] = [message, said];
  expect(await countsIn()).toEqual({ counts: [6], removed: [5000] });
  // A message that was removed from a management room was no head.
  events[older] = [head(8), said];
  expect(await countsIn()).toEqual({ counts: [8], removed: [] });
  events[older] = [head(8, { content: {}, unsigned: { redacted_because: {} } }), said];
  expect(await countsIn()).toEqual({ counts: [], removed: [8000] });
  refused.add(older);
  await expect(countsIn()).rejects.toThrow(HomeserverError);
  expect(joined).toEqual([]);
});

test('a witness room is joined only if the bot is not in it', async () => {
  const reader = { client, crypto: { decrypt: withoutKeys }, botUser };
  const find = async () => older;
  const witness = createRoomWitness(reader, older, { find, joins: true });
  await witness.read('newest');
  await witness.write({ count: 8, head: hash(8) });
  expect(joined).toEqual([]);
  refused.add(older);
  await witness.read('newest');
  expect(joined).toEqual([older]);
  refused.add(older);
  await witness.write({ count: 8, head: hash(8) });
  expect(joined).toEqual([older, older]);
  refused.add(older);
  const onCommandLine = createRoomWitness(reader, older, { find, joins: false });
  await expect(onCommandLine.read('all')).rejects.toThrow(HomeserverError);
  expect(joined).toHaveLength(2);
});
