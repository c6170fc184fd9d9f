import { bold, code, facts, line, spoiler } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { when } from '../../chat/answers/phrases.ts';
import { messageLines } from '../../chat/answers/report-item.ts';
import { roomNameAndId } from '../../chat/answers/room.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord, matrixToLink } from '../../chat/reading/values.ts';
import { serverNameOf } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import { contentOf, withEdit } from '../../services/reports/reported-content.ts';
import type { RoomEvent } from '../../services/services.ts';
import { eventData, newContentOf } from './parts/message-text.ts';

/** Characters of a content that is not a message. */
const shownLength = 1000;

export default defineCommand({
  name: 'event',
  synonyms: ['fetch-event', 'message', 'show-event', 'show-message'],
  summary: 'Shows one message or other event of a room',
  does: [
    'show what it says, behind a spoiler, with its formatting, its last edit and its files',
    'attach the content of an event that is not a message if it is too long to be shown',
    'work in rooms that this bot is not in',
    'record in the audit log who read it',
  ],
  doesNot: ['show what was redacted, or what is encrypted', 'tell the members'],
  args: { event: positional('event', 'The link to the message', { placeholder: 'EVENT-LINK' }) },
  danger: 'read',
  role: 'moderator',
  audited: true,
  example: 'event https://matrix.to/#/!lobby:example.com/$event',
  endpoints: [
    'GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],

  async run({ args, services }) {
    const [event, room] = await Promise.all([
      services.rooms.event(args.event.room, args.event.event),
      services.rooms.find(args.event.room),
    ]);
    return { event, room };
  },

  answer({ args, now, serverName }, { event, room }) {
    const link = quote(matrixToLink(args.event.room, event.eventId));
    const content = JSON.stringify(event.content);
    const isRaw = !isMessage(event) && isReadable(event);
    return {
      mark: 'ℹ️',
      title: [
        ...(isMessage(event) || event.type === 'm.room.encrypted'
          ? [bold('Message')]
          : [bold('Event '), code(cut(event.type))]),
        ' by ',
        code(cut(event.sender, 255)),
        ' in ',
        ...(room === undefined ? [code(args.event.room)] : roomNameAndId(room)),
      ],
      body: [
        ...contentBlocks(event, now),
        facts(
          `Sent ${when(event.originServerTs, now)}`,
          event.stateKey !== null && ['state of the room', ...keyOf(event.stateKey)],
        ),
      ],
      next: [
        `messages ${idWord(args.event.room)} --around ${link}`,
        ...(event.redactedBecause === null ? [`redact ${link}`] : []),
        ...(serverNameOf(event.sender) === serverName ? [`user ${idWord(event.sender)}`] : []),
      ],
      ...(isRaw && content.length > shownLength
        ? {
            file: {
              name: 'event.json',
              contentType: 'application/json' as const,
              content: JSON.stringify(event.content, null, 2),
            },
          }
        : {}),
      data: { roomId: args.event.room, ...eventData(event) },
    };
  },
});

function isMessage({ type, stateKey }: RoomEvent): boolean {
  return type === 'm.room.message' && stateKey === null;
}

function isReadable({ type, redactedBecause }: RoomEvent): boolean {
  return redactedBecause === null && type !== 'm.room.encrypted';
}

function keyOf(stateKey: string) {
  return stateKey === '' ? [] : [' for ', code(cut(stateKey, 255))];
}

/** What an event says. */
function contentBlocks(event: RoomEvent, now: number): Block[] {
  const { type, content, lastEdit, originServerTs, redactedBecause } = event;
  if (redactedBecause !== null) {
    return [
      line(
        bold('Redacted'),
        ' by ',
        code(cut(redactedBecause.sender, 255)),
        ` ${when(redactedBecause.originServerTs, now)}: its content is removed.`,
      ),
    ];
  }
  const kept = contentOf({ type, content, origin_server_ts: originServerTs });
  if (kept.isEncrypted || (isMessage(event) && kept.body !== undefined)) {
    const edit = lastEdit?.content['m.new_content'] ?? newContentOf(content);
    return messageLines(edit === undefined ? kept : withEdit(kept, edit), { isAskedFor: true });
  }
  const shown = inert(JSON.stringify(content), shownLength);
  return [line(spoiler(shown, shown))];
}
