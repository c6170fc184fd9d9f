import { z } from 'zod';

import { parseEventId } from '../../core/ids.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { OwnMessage } from '../../operations/record/room-record.ts';
import { roomPath } from '../client.ts';
import type { MatrixCall } from '../client.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';

const page = z.object({ chunk: z.array(z.unknown()).default([]), end: z.string().optional() });

const envelope = z.object({
  type: z.string(),
  event_id: z.string(),
  sender: z.string(),
  origin_server_ts: z.number(),
  content: z.looseObject({
    'm.relates_to': z
      .looseObject({
        rel_type: z.string().optional().catch(undefined),
        event_id: z.string().optional().catch(undefined),
        'm.in_reply_to': z.looseObject({ event_id: z.string() }).optional().catch(undefined),
      })
      .optional()
      .catch(undefined),
  }),
});

const answer = z.object({
  body: z.string(),
  'dev.lawspeaker.answer': z.looseObject({
    command: z.string(),
    status: z.string(),
    audit: z.array(z.int().positive()).catch([]),
    error: z.object({ code: z.string() }).optional().catch(undefined),
    data: z.unknown().optional(),
  }),
});

const pageSize = 100;
/** Older messages of ours are not looked at: 4,000 are days of a busy room, and years of a quiet one. */
const maxPages = 40;

/**
 * What the bot itself has said in the management room, newest first, back to the first page of which
 * `isKnown` knows all. Only what the homeserver says this account has sent: nobody else can have a message
 * taken for one. Messages without an answer in them (typed by hand, say) are left out; those that can't be
 * decrypted are there without their answer.
 * GET /_matrix/client/v3/rooms/{room}/messages
 *
 * @throws HomeserverError, UnreachableError
 */
export async function readOwnMessages(
  { call, crypto }: { call: MatrixCall; crypto: RoomCrypto },
  room: RoomId,
  botUser: UserId,
  isKnown: (event: EventId) => Promise<boolean>,
): Promise<OwnMessage[]> {
  const filter = JSON.stringify({
    senders: [botUser],
    types: ['m.room.message', 'm.room.encrypted'],
  });
  const found: OwnMessage[] = [];
  let from: string | undefined;
  for (let pages = 0; pages < maxPages; pages += 1) {
    const read = page.parse(
      await call('GET', `${roomPath(room)}/messages`, {
        query: { dir: 'b', limit: pageSize, filter, ...(from === undefined ? {} : { from }) },
      }),
    );
    let isAllKnown = read.chunk.length > 0;
    for (const raw of read.chunk) {
      const own = await readOwn(crypto, room, botUser, raw);
      if (own !== undefined && !(await isKnown(own.event))) {
        isAllKnown = false;
        found.push(own);
      }
    }
    if (isAllKnown || read.end === undefined || read.end === from) {
      break;
    }
    from = read.end;
  }
  return found;
}

async function readOwn(
  crypto: RoomCrypto,
  room: RoomId,
  botUser: UserId,
  raw: unknown,
): Promise<OwnMessage | undefined> {
  const sent = envelope.safeParse(raw);
  const event = sent.success ? parseEventId(sent.data.event_id) : undefined;
  if (!sent.success || event === undefined || sent.data.sender !== botUser) {
    return undefined;
  }
  const isLocked =
    sent.data.type === 'm.room.encrypted' && sent.data.content['ciphertext'] !== undefined;
  const clear = isLocked ? await crypto.decrypt(room, raw) : raw;
  const read = envelope.safeParse(clear);
  const content = read.success ? read.data.content : {};
  // How it relates to others stands outside of what is encrypted, too.
  const relation = content['m.relates_to'] ?? sent.data.content['m.relates_to'];
  const isEdit = relation?.rel_type === 'm.replace';
  const said = answer.safeParse(isEdit ? content['m.new_content'] : content);
  if (!said.success && !(isLocked && (!read.success || read.data.type === 'm.room.encrypted'))) {
    return undefined;
  }
  return {
    event,
    sentAt: sent.data.origin_server_ts,
    replyTo: isEdit ? undefined : idOf(relation?.['m.in_reply_to']?.event_id),
    edits: isEdit ? idOf(relation.event_id) : undefined,
    answer: said.success ? said.data['dev.lawspeaker.answer'] : undefined,
    firstLine: said.success ? (said.data.body.split('\n', 1)[0] ?? '') : '',
  };
}

function idOf(text: string | undefined): EventId | undefined {
  return text === undefined ? undefined : parseEventId(text);
}
