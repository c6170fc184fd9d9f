import { z } from 'zod';

import { count, whole } from '../../chat/answers/phrases.ts';
import { HomeserverError, isRefusedForGood } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { transactionIdFor } from '../../store/store.ts';
import { goneFields, misfitFields, restoredFields } from '../../store/witness-fields.ts';
import type {
  FormerWitness,
  Head,
  Restored,
  Witness,
  WitnessReading,
  WrittenHead,
} from '../../store/witness.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { predecessorOf } from './upgrade.ts';

/** The type of events that only programs see, and the name of the same field in messages that people read. */
const headType = 'dev.lawspeaker.audit_head';

const headContent = z.object({
  count: z.int().positive(),
  head: z.string().regex(/^[0-9a-f]{64}$/u),
  restored: restoredFields.optional().catch(undefined),
  after: goneFields.optional().catch(undefined),
  misfit: misfitFields.optional().catch(undefined),
});

const ownEvent = z.object({
  type: z.string(),
  sender: z.string(),
  origin_server_ts: z.int(),
  content: z.looseObject({}),
  unsigned: z.looseObject({ redacted_because: z.unknown() }).optional().catch(undefined),
});

/** A message of the bot that people read, and that tells a head: not an answer, and not an edit. */
const notice = z.object({
  'dev.lawspeaker.answer': z.object({ command: z.literal('audit'), data: headContent }),
  'm.relates_to': z.undefined().optional(),
});

/** The bot says that its database is older than the room. */
const lossNotice = z.object({
  'dev.lawspeaker.answer': z.object({
    command: z.literal('audit'),
    data: z.object({ record_ends_at: z.int(), restored: restoredFields }),
  }),
  'm.relates_to': z.undefined().optional(),
});

const pageSize = 100;
/** 4,000 heads are six weeks of a head every quarter of an hour. */
const maxHeadPages = 40;
/** Messages between which there may be heads: the newest ones only. */
const maxMessagePages = 10;
/** Upgraded rooms before this one. */
const maxOlderRooms = 5;

type Reader = {
  readonly client: Pick<ClientApi, 'events' | 'rooms'>;
  /** Reads heads that were sent as encrypted messages. */
  readonly crypto: Pick<RoomCrypto, 'decrypt'>;
  readonly botUser: UserId;
};

/**
 * The management room as a witness. Heads are events that clients don't show, so that they can be frequent. They
 * are never encrypted: they hold nothing that is secret, and can be verified without the bot's keys.
 */
export function createManagementRoomWitness(reader: Reader, room: RoomId): Witness {
  return {
    kind: 'management-room',
    place: room,

    async write(head) {
      const event = { type: headType, content: contentOf(head) };
      await reader.client.events.send(room, event, transactionOf(room, head));
    },

    async read(extent) {
      const own = await readHeads(reader, room, extent, [headType]);
      if (extent === 'newest' && own.heads.length > 0) {
        return own;
      }
      // People see a head once a day. Earlier versions of the bot posted no others.
      const shown = await readMessages(reader, room, extent);
      if (extent === 'newest') {
        return merged(own, shown);
      }
      const { readings, rooms } = await readOlderRooms(reader, room);
      return { ...joined([...readings.reverse(), merged(own, shown)]), olderRooms: rooms };
    },
  };
}

/**
 * Another room as a witness. There, heads are messages that people read.
 *
 * @param find looks up the room
 * @param joins whether the bot joins it if it isn't there
 */
export function createRoomWitness(
  reader: Reader,
  place: string,
  { find, joins }: { find: () => Promise<RoomId>; readonly joins: boolean },
): Witness {
  async function inRoom<Result>(work: (room: RoomId) => Promise<Result>): Promise<Result> {
    const room = await find();
    try {
      return await work(room);
    } catch (error) {
      const isOutside = error instanceof HomeserverError && error.errcode === 'M_FORBIDDEN';
      if (!joins || !isOutside) {
        throw error;
      }
      await reader.client.rooms.join(room);
      return work(room);
    }
  }

  return {
    kind: 'room',
    place,
    findRoom: find,

    async write(head) {
      const remarks = remarksOf(head);
      const text = `Audit log: ${count(head.count, 'row')}, head ${head.head}`;
      const content = {
        msgtype: 'm.notice',
        body: remarks.length === 0 ? text : `${[text, ...remarks].join('. ')}.`,
        'm.mentions': {},
        [headType]: contentOf(head),
      };
      await inRoom(async (room) =>
        reader.client.events.send(
          room,
          { type: 'm.room.message', content },
          transactionOf(room, head),
        ),
      );
    },

    read: async (extent) =>
      inRoom(async (room) => readHeads(reader, room, extent, ['m.room.message'])),
  };
}

/** A room that was the management room or the witness before. The bot doesn't join it. */
export function createFormerRoomWitness(reader: Reader, room: RoomId): FormerWitness {
  return {
    isFormer: true,
    kind: 'room',
    place: room,

    async read(extent) {
      const events = await readHeads(reader, room, extent, [headType]);
      // A management room has such events.
      return events.heads.length > 0 || events.removed.length > 0
        ? events
        : readHeads(reader, room, extent, ['m.room.message']);
    },
  };
}

/** What people have to know about a head. */
function remarksOf({ restored, after, misfit }: Head): string[] {
  return [
    ...(restored === undefined
      ? []
      : [
          `The database was restored or replaced; of the rows before, it kept ${whole(restored.kept)}`,
        ]),
    ...(after === undefined ? [] : ['The head that I posted before it was gone']),
    ...(misfit === undefined
      ? []
      : [`The audit log doesn’t continue from the head of ${count(misfit.count, 'row')}`]),
  ];
}

function contentOf({ count: rows, head, restored, after, misfit }: Head): Record<string, unknown> {
  return { count: rows, head, ...present({ restored, after, misfit }) };
}

/** A head that was removed may be sent once more. */
function transactionOf(room: RoomId, { count: rows }: Head): string {
  return transactionIdFor(room, `audit head ${rows} ${Date.now()}`);
}

/** Heads that stand in clear text in events of these types, which nothing else of the bot has in this room. */
async function readHeads(
  { client, botUser }: Reader,
  room: RoomId,
  extent: 'all' | 'newest',
  types: readonly string[],
): Promise<WitnessReading> {
  const heads: WrittenHead[] = [];
  const removed: number[] = [];
  const isWhole = await pagesOf(client, room, {
    senders: [botUser],
    types,
    maxPages: extent === 'newest' ? 1 : maxHeadPages,
    take(raw) {
      const read = ownEvent.safeParse(raw).data;
      if (read === undefined || read.sender !== botUser || !types.includes(read.type)) {
        return;
      }
      const content = read.type === headType ? read.content : read.content[headType];
      const head = headContent.safeParse(content).data;
      if (head !== undefined) {
        heads.push({ ...head, at: read.origin_server_ts });
      } else if (read.unsigned?.redacted_because !== undefined) {
        removed.push(read.origin_server_ts);
      }
    },
  });
  return { heads: heads.reverse(), removed, unreadable: 0, isWhole };
}

/** Heads in the messages that people read, which may be encrypted. */
async function readMessages(
  { client, crypto, botUser }: Reader,
  room: RoomId,
  extent: 'all' | 'newest',
): Promise<WitnessReading> {
  const heads: WrittenHead[] = [];
  const told: Restored[] = [];
  let unreadable = 0;
  await pagesOf(client, room, {
    senders: [botUser],
    types: ['m.room.message', 'm.room.encrypted'],
    maxPages: extent === 'newest' ? 1 : maxMessagePages,
    async take(raw) {
      const sent = ownEvent.safeParse(raw).data;
      if (sent === undefined || sent.sender !== botUser) {
        return;
      }
      const isLocked = sent.type === 'm.room.encrypted' && sent.content['ciphertext'] !== undefined;
      const clear = isLocked ? await crypto.decrypt(room, raw) : raw;
      const read = ownEvent.safeParse(clear).data;
      if (isLocked && (read === undefined || read.type === 'm.room.encrypted')) {
        unreadable += 1;
      }
      if (sent.content['m.relates_to'] !== undefined) {
        return;
      }
      const found = notice.safeParse(read?.content).data;
      if (found !== undefined) {
        heads.push({ ...found['dev.lawspeaker.answer'].data, at: sent.origin_server_ts });
      }
      const loss = lossNotice.safeParse(read?.content).data;
      if (loss !== undefined) {
        told.push(loss['dev.lawspeaker.answer'].data.restored);
      }
    },
  });
  // The rest of the messages is of no importance: there have been other heads since.
  return { heads: heads.reverse(), removed: [], told, unreadable, isWhole: true };
}

/** Heads in the rooms that this one has replaced, the newest room first. Where the bot may not look any more, it stops. */
async function readOlderRooms(
  reader: Reader,
  newest: RoomId,
): Promise<{ readonly readings: WitnessReading[]; readonly rooms: readonly RoomId[] }> {
  const readings: WitnessReading[] = [];
  const rooms: RoomId[] = [];
  const unread = { heads: [], removed: [], unreadable: 0, isWhole: false };
  const seen = new Set<RoomId>([newest]);
  let room = await predecessorOf(reader.client, newest);
  while (room !== undefined && !seen.has(room)) {
    const older: RoomId = room;
    if (seen.size > maxOlderRooms) {
      return { readings: [...readings, unread], rooms };
    }
    seen.add(older);
    try {
      readings.push(
        merged(
          await readHeads(reader, older, 'all', [headType]),
          await readMessages(reader, older, 'all'),
        ),
      );
      rooms.push(older);
      room = await predecessorOf(reader.client, older);
    } catch (error) {
      if (!isRefusedForGood(error)) {
        throw error;
      }
      return { readings: [...readings, unread], rooms };
    }
  }
  return { readings, rooms };
}

/** @returns whether these are all events, and not only the newest ones */
async function pagesOf(
  client: Pick<ClientApi, 'events'>,
  room: RoomId,
  {
    senders,
    types,
    maxPages,
    take,
  }: {
    readonly senders: readonly string[];
    readonly types: readonly string[];
    readonly maxPages: number;
    take(raw: unknown): void | Promise<void>;
  },
): Promise<boolean> {
  let from: string | undefined;
  for (let pages = 0; pages < maxPages; pages += 1) {
    const { chunk, end } = await client.events.page(room, {
      from,
      limit: pageSize,
      senders,
      types,
    });
    for (const raw of chunk) {
      await take(raw);
    }
    if (end === null || end === from) {
      return true;
    }
    from = end;
  }
  return false;
}

/** Two readings of one room: events keep their order, and a message stands before the first event that is newer. */
function merged(events: WitnessReading, messages: WitnessReading): WitnessReading {
  const rest = [...messages.heads];
  const heads = events.heads.flatMap((head) => {
    const next = rest.findIndex(({ at }) => at > head.at);
    return [...rest.splice(0, next === -1 ? rest.length : next), head];
  });
  return { ...joined([events, messages]), heads: [...heads, ...rest] };
}

/** Readings of rooms, the oldest room first. */
function joined(readings: readonly WitnessReading[]): WitnessReading {
  return {
    heads: readings.flatMap(({ heads }) => heads),
    removed: readings.flatMap(({ removed }) => removed),
    told: readings.flatMap(({ told = [] }) => told),
    unreadable: readings.reduce((sum, { unreadable }) => sum + unreadable, 0),
    isWhole: readings.every(({ isWhole }) => isWhole),
  };
}
