import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  HomeserverError,
  SetupError,
  StoreError,
  UnreachableError,
} from '../../../src/core/errors.ts';
import { createAnchoring } from '../../../src/operations/record/anchor.ts';
import type {
  FormerWitness,
  Head,
  Restored,
  Witness,
  WrittenHead,
} from '../../../src/store/witness.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';
import { createTestDatabase } from '../../support/test-database.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let bot: FuzzBot;
let said = 0;
/** What the witness has, newest first. */
let written: WrittenHead[];
let reads: number;
let failure: Error | undefined;
let told: Restored | undefined;
let removed: number[];
let inRoom: Restored[];
let former: FormerWitness[];
/** The room that an alias names. */
let aliased: string | undefined;
let olderRooms: string[];
let anchor: () => Promise<void>;

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  written = [];
  reads = 0;
  failure = undefined;
  told = undefined;
  removed = [];
  inRoom = [];
  former = [];
  aliased = undefined;
  olderRooms = [];
  start('management-room');
});
afterEach(async () => bot.store.close());

function start(kind: Witness['kind']): void {
  const witness: Witness = {
    kind,
    place: 'the place',
    ...(aliased === undefined ? {} : { findRoom: async () => aliased ?? '' }),
    async write(head: Head) {
      written.unshift({ ...head, at: bot.clock.now });
    },
    async read() {
      reads += 1;
      if (failure !== undefined) {
        throw failure;
      }
      return { ...reading(written), removed, told: inRoom, olderRooms };
    },
  };
  const work = createAnchoring({
    ...bot.context,
    witnesses: [witness],
    formerWitnesses: async () => former,
    anchorEvery: { rows: 6, ms: 15 * minuteMs },
    showsHeads: () => true,
    toldRestoration: () => told,
  });
  anchor = async () => work(new AbortController().signal);
}

const reading = (newestFirst: readonly WrittenHead[]) => ({
  heads: newestFirst.toReversed(),
  removed: [],
  unreadable: 0,
  isWhole: true,
});

/** Something that leaves two rows in the audit log: it is begun, and refused by the homeserver. */
async function act(): Promise<void> {
  said += 1;
  await bot.take([
    {
      type: 'm.room.message',
      event_id: `$command${said}`,
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body: '!shadow-ban @mallory:localhost' },
    },
  ]);
}

/** What one look has put into the room for people. */
async function look() {
  const { sent } = await bot.run(anchor);
  return sent.map(({ outgoing }) => {
    if (outgoing.kind !== 'alert') {
      throw new Error(`a ${outgoing.kind} was sent`);
    }
    const { mentions, reply } = outgoing;
    const { mark, data, title } = reply.answer;
    return { mentions, mark, data, title: title.map((part) => JSON.stringify(part)).join('') };
  });
}

const notice = (count: number) => ({
  mentions: [],
  mark: 'ℹ️',
  data: { count, head: expect.stringMatching(/^[0-9a-f]{64}$/u) as string },
});
const counts = () => written.map(({ count }) => count);

test('an empty log has no head', async () => {
  expect(await look()).toEqual([]);
  expect(written).toEqual([]);
});

test('people see the head once, and again a day later if there are new rows', async () => {
  await act();
  expect(await look()).toMatchObject([notice(2)]);
  expect(await look()).toEqual([]);
  bot.clock.now += 25 * hourMs;
  expect(await look()).toEqual([]);
  await act();
  expect(await look()).toMatchObject([notice(4)]);
  await act();
  bot.clock.now += 23 * hourMs;
  expect(await look()).toEqual([]);
  bot.clock.now += hourMs;
  expect(await look()).toMatchObject([notice(6)]);
});

test('the witness gets the first row at once, and then a head after the time or the rows', async () => {
  await act();
  await look();
  expect(counts()).toEqual([2]);
  await act();
  bot.clock.now += 14 * minuteMs;
  await look();
  expect(counts()).toEqual([2]);
  bot.clock.now += minuteMs;
  await look();
  expect(counts()).toEqual([4, 2]);
  await act();
  await act();
  await look();
  expect(counts()).toEqual([4, 2]);
  await act();
  await look();
  expect(counts()).toEqual([10, 4, 2]);
  bot.clock.now += 25 * hourMs;
  await look();
  expect(counts()).toEqual([10, 4, 2]);
});

test('a head is written also when the clock was set back', async () => {
  await act();
  await look();
  bot.clock.now -= 1000 * hourMs;
  await act();
  expect(await look()).toMatchObject([notice(4)]);
  expect(counts()).toEqual([4, 2]);
});

test('where the log does not go on from the newest head, the admins are called once and reminded weekly, whatever the database says', async () => {
  await act();
  await look();
  written = [{ count: 2, head: 'a'.repeat(64), at: bot.clock.now }];
  await act();
  expect(await look()).toEqual([]);
  bot.clock.now += hourMs;
  const [alert] = await look();
  expect(alert).toMatchObject({ mentions: [people.ana], mark: '⚠️' });
  expect(alert?.title).toContain('The audit log was tampered with: ');
  await act();
  bot.clock.now += 7 * 24 * hourMs - hourMs;
  expect(await look()).toEqual([]);
  bot.clock.now += hourMs;
  expect(await look()).toMatchObject([{ mentions: [], mark: '⚠️' }]);
  // Newer rows are covered, by heads that don't hide the one that doesn't fit.
  expect(counts()).toEqual([6, 4, 2]);
  expect(written.slice(0, 2)).toMatchObject([{ misfit: { count: 2 } }, { misfit: { count: 2 } }]);
  bot.clock.now += minuteMs;
  start('management-room');
  expect(await look()).toMatchObject([{ mentions: [people.ana], mark: '⚠️' }]);
});

test('rows that were cut off are missed even where nothing new has come, and by a bot that has just started', async () => {
  await act();
  written = [{ count: 9, head: 'a'.repeat(64), at: 0 }];
  expect(await look()).toMatchObject([{ mark: '⚠️' }]);
});

test('a head that was removed is told once, and written anew', async () => {
  await act();
  await look();
  written = [];
  bot.clock.now += hourMs;
  const [alert, ...others] = await look();
  expect(alert?.title).toContain('A head of the audit log was removed: ');
  expect(others).toEqual([]);
  expect(counts()).toEqual([2]);
  expect(written[0]?.after).toEqual({ count: 2, at: bot.clock.now - hourMs });
  bot.clock.now += 25 * hourMs;
  expect(await look()).toEqual([]);
});

test('a head that was removed is told and marked also where the database does not remember it', async () => {
  await act();
  await look();
  const [first] = written;
  await act();
  bot.clock.now += hourMs;
  await look();
  removed = [bot.clock.now];
  written = written.slice(1);
  await bot.store.anchor.set({ count: 2, head: first?.head ?? '', at: bot.clock.now });
  await bot.store.anchor.set({ count: 2, head: first?.head ?? '', at: bot.clock.now }, 'the place');
  bot.clock.now += hourMs;
  const [alert] = await look();
  expect(alert?.title).toContain('A head of the audit log was removed: ');
  expect(written[0]).toMatchObject({ count: 4, after: { at: removed[0] } });
});

describe('heads in a place where they are not written any more', () => {
  let inFormer: WrittenHead[];
  let away: Error | undefined;

  beforeEach(async () => {
    away = undefined;
    await act();
    await look();
    inFormer = [...written];
    const place = '!old:localhost';
    await bot.store.anchor.set({ ...(written[0] as WrittenHead) }, place);
    const read = async () => {
      if (away !== undefined) {
        throw away;
      }
      return reading(inFormer);
    };
    former = [{ isFormer: true, kind: 'room', place, read }];
  });

  /** What is said an hour later, for people. */
  const lookLater = async () => {
    bot.clock.now += hourMs;
    return look();
  };

  test('are told of once, and compared as long as they can be read', async () => {
    const [notice_, ...others] = await lookLater();
    expect(notice_).toMatchObject({
      mentions: [],
      mark: 'ℹ️',
      data: { former: { place: '!old:localhost', count: 2, compared: true } },
    });
    expect(notice_?.title).toContain('Older heads of the audit log are in another room');
    expect(others).toEqual([]);
    expect(await lookLater()).toEqual([]);
    start('management-room');
    expect(await lookLater()).toEqual([]);
    inFormer = [{ count: 2, head: 'a'.repeat(64), at: bot.clock.now }];
    const [alert] = await lookLater();
    expect(alert).toMatchObject({ mentions: [people.ana], mark: '⚠️' });
    expect(alert?.title).toContain('it doesn’t continue from the head that I posted in a former');
  });

  test('are told of once more if they can’t be read for good, and not if the homeserver is away', async () => {
    await lookLater();
    away = new UnreachableError('GET /messages', 'does not answer', false);
    expect(await lookLater()).toEqual([]);
    away = new HomeserverError(403, 'M_FORBIDDEN', 'GET /messages');
    const [alert] = await lookLater();
    expect(alert).toMatchObject({ mentions: [people.ana], mark: '⚠️' });
    expect(alert?.title).toContain('Older heads of the audit log can’t be compared any more');
    expect(await lookLater()).toEqual([]);
  });

  test('are told of if they are gone', async () => {
    inFormer = [];
    const [alert] = await lookLater();
    expect(alert?.title).toContain('can’t be compared any more');
    expect(alert?.title).toContain('the newest one is gone');
  });

  test('that could not be compared when another place got its first head are missed there', async () => {
    await bot.store.syncState.set('audit_head the place', undefined);
    written = [];
    await lookLater();
    expect(written).toHaveLength(1);
    expect(written[0]).not.toHaveProperty('after');
    await bot.store.syncState.set('audit_head the place', undefined);
    written = [];
    const { at } = (await bot.store.anchor.get('!old:localhost')) ?? { at: 0 };
    away = new HomeserverError(403, 'M_FORBIDDEN', 'GET /messages');
    await lookLater();
    expect(written).toMatchObject([{ count: 2, after: { count: 2, at } }]);
  });

  test('that the management room has replaced are compared, and nobody is told', async () => {
    olderRooms = ['!old:localhost'];
    expect(await lookLater()).toEqual([]);
    inFormer = [{ count: 2, head: 'a'.repeat(64), at: bot.clock.now }];
    expect((await lookLater())[0]?.title).toContain('The audit log was tampered with');
  });
});

test('another room that an alias names gets a head at once, and the one before is remembered', async () => {
  aliased = '!one:localhost';
  start('room');
  await act();
  await look();
  aliased = '!two:localhost';
  written = [];
  bot.clock.now += hourMs;
  expect(await look()).toEqual([]);
  expect(counts()).toEqual([2]);
  expect(await bot.store.anchor.places()).toEqual(
    expect.arrayContaining(['!one:localhost', '!two:localhost']),
  );
});

test('a room whose alias can’t be looked up for a while is not taken for a former one', async () => {
  aliased = '!one:localhost';
  start('room');
  await act();
  await look();
  const place = '!one:localhost';
  former = [{ isFormer: true, kind: 'room', place, read: async () => reading(written) }];
  bot.clock.now += hourMs;
  expect(await look()).toEqual([]);
  aliased = '!two:localhost';
  const before = [...written];
  former = [{ isFormer: true, kind: 'room', place, read: async () => reading(before) }];
  written = [];
  bot.clock.now += hourMs;
  const [notice_] = await look();
  expect(notice_?.title).toContain('Older heads of the audit log are in another room');
});

describe('after a restored database', () => {
  beforeEach(async () => {
    await act();
    written = [{ count: 9, head: 'a'.repeat(64), at: bot.clock.now + hourMs }];
    const loss = { lastMessageAt: 1, lastKept: 1, lastShown: 9 };
    await bot.store.dataLoss.set({ foundAt: bot.clock.now, ...loss });
  });

  test('heads of lost rows are no tampering, and the next head says so', async () => {
    told = { at: bot.clock.now, kept: 1, told: true };
    expect(await look()).toMatchObject([notice(2)]);
    expect(written[0]).toMatchObject({ count: 2, restored: told });
    await look();
    expect(written).toHaveLength(2);
  });

  test('that the room shows, and an earlier process has found, is no news', async () => {
    inRoom = [{ at: bot.clock.now, kept: 1 }];
    expect(await look()).toMatchObject([notice(2)]);
    expect(written[0]).toMatchObject({ restored: { at: bot.clock.now, kept: 1, told: true } });
  });

  test('that only the database knows of, the admins are called before a head says so', async () => {
    const [alert, ...others] = await look();
    expect(alert).toMatchObject({
      mentions: [people.ana],
      data: { restored: { at: bot.clock.now, kept: 1 }, lost: 1 },
    });
    expect(alert?.title).toContain('My database says that it was restored or replaced');
    expect(others).toMatchObject([notice(2)]);
    expect(written[0]?.restored).toEqual({ at: bot.clock.now, kept: 1 });
    bot.clock.now += hourMs;
    expect(await look()).toEqual([]);
  });

  test('that is empty, nothing is said before there is a head to write', async () => {
    await bot.store.close();
    bot = await openFuzzBot({ isCalm: true });
    start('management-room');
    const loss = { lastMessageAt: 1, lastKept: 0, lastShown: 9 };
    await bot.store.dataLoss.set({ foundAt: bot.clock.now, ...loss });
    expect(await look()).toEqual([]);
    expect(written).toHaveLength(1);
  });

  test('of the future, nothing is excused', async () => {
    const loss = { lastMessageAt: 1, lastKept: 0, lastShown: 9 };
    await bot.store.dataLoss.set({ foundAt: bot.clock.now + 48 * hourMs, ...loss });
    const [alert] = await look();
    expect(alert?.title).toContain('The audit log was tampered with: ');
  });
});

test('where a failure lasts while rows are due, the admins are called once, whatever it is', async () => {
  await act();
  await look();
  failure = new UnreachableError('GET /messages', 'does not answer', false);
  await act();
  bot.clock.now += 55 * minuteMs;
  expect(await look()).toEqual([]);
  bot.clock.now += 10 * minuteMs;
  const [alert, ...others] = await look();
  expect(alert).toMatchObject({ mark: '⚠️', mentions: [people.ana] });
  expect(alert?.title).toContain('I can’t post heads of the audit log here: ');
  expect(others).toEqual([]);
  bot.clock.now += 48 * hourMs;
  expect(await look()).toEqual([]);
});

test('a row that was changed without new hashes is found within a day', async () => {
  await using database = await createTestDatabase();
  await bot.store.close();
  bot = await openFuzzBot({ isCalm: true, database });
  try {
    start('management-room');
    await act();
    await look();
    await database.tamper("UPDATE audit_log SET command = 'x' WHERE id = 1");
    bot.clock.now += 23 * hourMs;
    expect(await look()).toEqual([]);
    bot.clock.now += hourMs;
    const [alert, ...others] = await look();
    expect(alert).toMatchObject({
      mentions: [people.ana],
      data: { fault: { id: 1, kind: 'changed' }, count: 0 },
    });
    expect(alert?.title).toContain('row 1 has been changed');
    expect(others).toEqual([]);
    bot.clock.now += 24 * hourMs;
    expect(await look()).toEqual([]);
    bot.clock.now += 6 * 24 * hourMs;
    expect(await look()).toMatchObject([{ mentions: [], mark: '⚠️' }]);
  } finally {
    await bot.store.close();
  }
});

test('nothing is asked while nothing is due, and a failing witness is not asked all the time', async () => {
  await act();
  await look();
  await look();
  expect(reads).toBe(1);
  bot.clock.now += hourMs;
  failure = new HomeserverError(403, 'M_FORBIDDEN', 'GET /messages');
  await act();
  await look();
  await look();
  expect(reads).toBe(2);
  failure = undefined;
  bot.clock.now += 5 * minuteMs;
  await look();
  expect(counts()).toEqual([4, 2]);
});

test('a witness that fails is told in the room once, until it has worked again', async () => {
  start('file');
  failure = new SetupError('audit.witness: /mnt/heads can’t be used (EROFS).', 'Check it.');
  await act();
  const [alert, ...others] = await look();
  expect(alert).toMatchObject({ mark: '⚠️', mentions: [people.ana] });
  expect(alert?.title).toContain('/mnt/heads can’t be used (EROFS)');
  expect(others).toMatchObject([notice(2)]);
  bot.clock.now += hourMs;
  expect(await look()).toEqual([]);
  failure = undefined;
  bot.clock.now += hourMs;
  expect(await look()).toEqual([]);
  expect(counts()).toEqual([2]);
  failure = new SetupError('audit.witness: /mnt/heads can’t be used (EIO).');
  await act();
  bot.clock.now += hourMs;
  expect(await look()).toMatchObject([{ mark: '⚠️' }]);
});

test('while the database fails nothing is shown, and later it is', async () => {
  await act();
  const { transaction } = bot.context.store;
  Object.assign(bot.context.store, {
    transaction: async (work: Parameters<typeof transaction>[0]) =>
      transaction(async (tables) => {
        await work(tables);
        throw new StoreError('the database failed (SQLITE_FULL)');
      }),
  });
  await expect(anchor()).rejects.toThrow(StoreError);
  expect(await bot.store.outbox.open()).toEqual([]);
  Object.assign(bot.context.store, { transaction });
  expect(await look()).toMatchObject([notice(2)]);
});
