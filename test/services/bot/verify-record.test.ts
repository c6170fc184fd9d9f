import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import { verifyRecord } from '../../../src/services/bot/verify-record.ts';
import type { Store } from '../../../src/store/store.ts';
import type { Restored, Witness, WitnessReading, WrittenHead } from '../../../src/store/witness.ts';
import { openTestStore } from '../../support/test-database.ts';

const rows = 6;
const place = '!room:x';
/** A row is written every second, and a head half a second after it. */
const timeOf = (row: number) => row * 1000;

let store: Store;
beforeEach(async () => {
  now = timeOf(rows + 1);
  store = await openTestStore();
  await store.transaction(async ({ auditLog }) => {
    for (let row = 1; row <= rows; row += 1) {
      const intent = {
        actor: '@ana:x',
        command: 'lock',
        arguments: {},
        eventId: '$e',
        roomId: place,
      };
      await auditLog.begin(intent, timeOf(row));
    }
  });
});
afterEach(async () => store.close());

async function head(count: number, fields: Partial<WrittenHead> = {}): Promise<WrittenHead> {
  const hash = (await store.auditLog.hashOf(count)) ?? 'f'.repeat(64);
  return { count, head: hash, at: timeOf(count) + 500, ...fields };
}

function witness(reading: Partial<WitnessReading> | Error, where = place): Witness {
  return {
    kind: 'management-room',
    place: where,
    write: async () => undefined,
    async read() {
      if (reading instanceof Error) {
        throw reading;
      }
      return { heads: [], removed: [], unreadable: 0, isWhole: true, ...reading };
    },
  };
}

let now: number;
const verify = async (...witnesses: Witness[]) =>
  verifyRecord(store, witnesses, { former: [], now, anchorEveryMs: 900_000 });

test('every head is compared, in any order, and the rows after the newest are not anchored', async () => {
  const heads = [await head(1), await head(2), await head(4)];
  expect(await verify(witness({ heads }))).toMatchObject({
    fault: undefined,
    isIncomplete: false,
    anchored: { count: 4 },
    unanchored: { from: 5, to: 6, since: timeOf(5) },
    witnesses: [{ heads: 3, newest: { count: 4 }, misfit: undefined }],
  });
  const { unanchored } = await verify(witness({ heads: [...heads, await head(6)] }));
  expect(unanchored).toBeUndefined();
});

test('one head that does not fit is enough, whatever newer ones and other witnesses say', async () => {
  const wrong = await head(3, { head: 'a'.repeat(64) });
  const heads = [await head(6), wrong, await head(2)];
  expect(
    await verify(witness({ heads: [await head(6)] }, '!other:x'), witness({ heads })),
  ).toMatchObject({
    count: 2,
    fault: { id: 3, kind: 'replaced' },
    anchored: { count: 2 },
    unanchored: undefined,
    witnesses: [{ misfit: undefined }, { newest: { count: 2 }, misfit: { count: 3 } }],
  });
});

test('a head that is written while the witnesses are read is not missed there', async () => {
  const reading = witness({ heads: [await head(2)] });
  const slow: Witness = {
    ...reading,
    async read(extent) {
      const read = await reading.read(extent);
      await store.anchor.set(await head(4), place);
      return read;
    },
  };
  expect(await verify(slow)).toMatchObject({ witnesses: [{ vanished: undefined }] });
});

test('two heads of one row that contradict each other can’t both fit', async () => {
  const heads = [await head(3), await head(3, { head: 'a'.repeat(64) })];
  expect(await verify(witness({ heads }))).toMatchObject({ fault: { id: 3, kind: 'replaced' } });
});

test('a head of rows that are not there shows that they were cut off', async () => {
  expect(await verify(witness({ heads: [await head(2), await head(8)] }))).toMatchObject({
    count: rows,
    fault: { id: 7, kind: 'missing' },
    witnesses: [{ newest: { count: 2 }, misfit: { count: 8 } }],
  });
});

describe('heads of rows from before a restored database', () => {
  // The clock of the witness is an hour ahead.
  const restored = { at: timeOf(5) - 3_600_000, kept: 2, told: true };
  const heads = async (kept = restored as Restored) => [
    await head(2),
    await head(4, { head: 'a'.repeat(64) }),
    await head(6, { restored: kept }),
  ];

  test('are told apart from tampering, whatever the clocks say', async () => {
    expect(await verify(witness({ heads: await heads() }))).toMatchObject({
      fault: undefined,
      isIncomplete: false,
      restorations: [restored],
      witnesses: [{ heads: 2, ofLostRows: 1 }],
    });
  });

  test('are not excused before rows that were kept, nor afterwards', async () => {
    const wrong = await head(2, { head: 'a'.repeat(64) });
    expect((await verify(witness({ heads: [wrong, ...(await heads())] }))).fault).toBeDefined();
    const later = await head(4, { head: 'a'.repeat(64) });
    expect((await verify(witness({ heads: [...(await heads()), later] }))).fault).toBeDefined();
  });

  test('are not compared, and that is said if only the database tells of it', async () => {
    const forged = { at: restored.at, kept: 2 };
    expect(await verify(witness({ heads: await heads(forged) }))).toMatchObject({
      fault: undefined,
      isIncomplete: true,
    });
    expect(await verify(witness({ heads: await heads(forged), told: [forged] }))).toMatchObject({
      isIncomplete: false,
      restorations: [{ told: true }],
    });
    // Another one of the same time excuses no more than the genuine one.
    const other = { at: restored.at, kept: 0 };
    const more = [...(await heads()), await head(6, { restored: other })];
    expect((await verify(witness({ heads: more }))).isIncomplete).toBe(true);
  });

  test('are not excused by what a file says that the room was told, if the room can be read', async () => {
    const room = witness({ heads: [await head(4, { head: 'a'.repeat(64) })] });
    const forged = { ...restored, kept: 0 };
    const lines = { heads: [await head(6, { restored: forged })] };
    const file = { ...witness(lines, '/mnt/heads'), kind: 'file' } as const;
    expect(await verify(room, file)).toMatchObject({
      isIncomplete: true,
      restorations: [{ at: forged.at, kept: 0 }],
    });
    expect((await verify(room, file)).restorations[0]).not.toHaveProperty('told');
    // Without a room, it is all there is.
    expect((await verify(file)).restorations).toEqual([forged]);
  });

  test('are not excused by one that is later than the head that tells of it', async () => {
    const future = { ...restored, at: timeOf(6) + 2 * 86_400_000 };
    expect((await verify(witness({ heads: await heads(future) }))).fault).toBeDefined();
  });
});

describe('it is incomplete', () => {
  const incomplete = async (...witnesses: Witness[]) => (await verify(...witnesses)).isIncomplete;

  test('if a witness can’t be read', async () => {
    const away = new UnreachableError('GET /messages', 'does not answer', false);
    const verified = await verify(witness(away), witness({ heads: [await head(6)] }, '/mnt/heads'));
    expect(verified).toMatchObject({
      isIncomplete: true,
      anchored: { count: 6 },
      witnesses: [{ failure: 'the homeserver does not answer' }, { failure: undefined }],
    });
  });

  test('if heads were removed that are newer than all that fit', async () => {
    const heads = [await head(4)];
    expect(await incomplete(witness({ heads, removed: [timeOf(5)] }))).toBe(true);
    expect(await incomplete(witness({ heads, removed: [timeOf(3)] }))).toBe(false);
    expect(await incomplete(witness({ removed: [1] }))).toBe(true);
    expect(await incomplete(witness({}))).toBe(false);
  });

  test('if a head was gone when the bot wrote the next, and no other witness has one of that time', async () => {
    const after = { count: 4, at: timeOf(4) };
    const heads = [await head(2), await head(6, { after })];
    expect(await verify(witness({ heads }))).toMatchObject({
      isIncomplete: true,
      witnesses: [{ replaced: 1 }],
    });
    expect(
      await incomplete(witness({ heads }), witness({ heads: [await head(4)] }, '/mnt/heads')),
    ).toBe(false);
    expect(
      await incomplete(
        witness({ heads }),
        witness({ heads: [await head(6, { at: timeOf(7) })] }, '/mnt/heads'),
      ),
    ).toBe(true);
  });

  test('if a head says that there was one that did not fit', async () => {
    expect(await incomplete(witness({ heads: [await head(6, { misfit: { count: 3 } })] }))).toBe(
      true,
    );
  });

  test('if rows have waited too long for a head', async () => {
    now = timeOf(5) + 3_600_000;
    expect(await incomplete(witness({ heads: [await head(4)] }))).toBe(false);
    now += 1000;
    expect(await incomplete(witness({ heads: [await head(4)] }))).toBe(true);
    expect(await incomplete(witness({ heads: [await head(6)] }))).toBe(false);
    // There has never been one.
    now = timeOf(1) + 900_000;
    expect(await incomplete(witness({}))).toBe(false);
    now += 1000;
    expect(await incomplete(witness({}))).toBe(true);
    expect(await incomplete()).toBe(false);
  });

  test('if a head that the bot has written is gone, and none covers its rows', async () => {
    await store.anchor.set({ ...(await head(5)) }, place);
    expect(await incomplete(witness({ heads: [await head(4)] }))).toBe(true);
    expect(await incomplete(witness({ heads: [await head(6)] }))).toBe(false);
    expect(
      await verify(
        witness({ heads: [await head(4)] }),
        witness({ heads: [await head(6)] }, '/mnt/heads'),
      ),
    ).toMatchObject({ isIncomplete: false, witnesses: [{ vanished: { count: 5 } }, {}] });
  });

  test('if the only heads there may be can’t be decrypted', async () => {
    expect(await incomplete(witness({ unreadable: 3 }))).toBe(true);
    expect(await incomplete(witness({ unreadable: 3, heads: [await head(4)] }))).toBe(false);
  });
});

describe('heads in a place where they are not written any more', () => {
  const verifyWith = async (reading: Partial<WitnessReading> | Error, ...witnesses: Witness[]) =>
    verifyRecord(store, witnesses, {
      former: [{ ...witness(reading, '!old:x'), kind: 'room', isFormer: true }],
      now,
      anchorEveryMs: 900,
    });
  const gone = new HomeserverError(403, 'M_FORBIDDEN', 'GET /messages');

  beforeEach(async () => store.anchor.set(await head(3), '!old:x'));

  test('are compared', async () => {
    const here = witness({ heads: [await head(6)] });
    expect(await verifyWith({ heads: [await head(3)] }, here)).toMatchObject({
      fault: undefined,
      isIncomplete: false,
      witnesses: [{ isFormer: false }, { isFormer: true, place: '!old:x', heads: 1 }],
    });
    const wrong = await head(3, { head: 'a'.repeat(64) });
    expect(await verifyWith({ heads: [wrong] }, here)).toMatchObject({
      fault: { id: 3, kind: 'replaced' },
      witnesses: [{}, { misfit: { count: 3 } }],
    });
  });

  test('are missed if they can’t be read or are gone, and nothing newer fits', async () => {
    const here = witness({ heads: [await head(2)] });
    expect(await verifyWith(gone, here)).toMatchObject({
      isIncomplete: true,
      witnesses: [{}, { isFormer: true, failure: expect.any(String) as string }],
    });
    expect(await verifyWith({}, here)).toMatchObject({
      isIncomplete: true,
      witnesses: [{}, { vanished: { count: 3 } }],
    });
    const newer = witness({ heads: [await head(2), await head(6)] });
    expect((await verifyWith(gone, newer)).isIncomplete).toBe(false);
  });

  test('are missed if they could not be read when the next place got its first head', async () => {
    const first = await head(6, { after: { count: 3, at: timeOf(3) + 500 } });
    expect((await verifyWith(gone, witness({ heads: [first] }))).isIncomplete).toBe(true);
    // It can be read again.
    expect(
      (await verifyWith({ heads: [await head(3)] }, witness({ heads: [first] }))).isIncomplete,
    ).toBe(false);
  });

  test('are compared once if the management room has replaced that one', async () => {
    const here = witness({ heads: [await head(3), await head(6)], olderRooms: ['!old:x'] });
    const { witnesses, isIncomplete } = await verifyWith(gone, here);
    expect(witnesses).toHaveLength(1);
    expect(isIncomplete).toBe(false);
  });
});
