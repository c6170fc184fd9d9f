import { z } from 'zod';

import { parseEventId } from '../../core/ids.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import type { OwnMessage } from '../../operations/record/own-message.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';

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
/** 4,000 messages are days of a busy room, and years of a quiet one. */
const maxPages = 40;

/**
 * The bot's own messages in the management room, newest first, back to the first page whose messages
 * `isKnown` knows. The homeserver says who sent them, so nobody else can forge one. Messages without an
 * answer in them (for example, typed by hand) are left out; messages that can't be decrypted come without
 * their answer.
 *
 * @throws HomeserverError, UnreachableError
 */
export async function readOwnMessages(
  { client, crypto }: { client: Pick<ClientApi, 'events'>; crypto: Pick<RoomCrypto, 'decrypt'> },
  room: RoomId,
  botUser: UserId,
  isKnown: (event: EventId) => Promise<boolean>,
): Promise<OwnMessage[]> {
  const found: OwnMessage[] = [];
  let from: string | undefined;
  for (let pages = 0; pages < maxPages; pages += 1) {
    const { chunk, end } = await client.events.page(room, {
      from,
      limit: pageSize,
      senders: [botUser],
      types: ['m.room.message', 'm.room.encrypted'],
    });
    let isAllKnown = chunk.length > 0;
    for (const raw of chunk) {
      const own = await readOwn(crypto, room, botUser, raw);
      if (own !== undefined && !(await isKnown(own.event))) {
        isAllKnown = false;
        found.push(own);
      }
    }
    if (isAllKnown || end === null || end === from) {
      break;
    }
    from = end;
  }
  return found;
}

async function readOwn(
  crypto: Pick<RoomCrypto, 'decrypt'>,
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
  // Relations are also outside of the encrypted part.
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
