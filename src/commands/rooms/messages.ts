import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { count, dateTime } from '../../chat/answers/phrases.ts';
import { requireRoom, roomNameAndId } from '../../chat/answers/room.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord, matrixToLink } from '../../chat/reading/values.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import type { RoomEvent } from '../../services/services.ts';
import { eventData, messageWords } from './parts/message-text.ts';

/** By default. More don't help a decision. */
const usualNumber = 10;
const maxNumber = 25;

export default defineCommand({
  name: 'messages',
  synonyms: ['context', 'conversation', 'read', 'room-messages', 'timeline'],
  summary: 'Shows what was said in a room, for a decision',
  does: [
    'show the newest messages, or those around a message or a time, in rooms that this bot is not in, too',
    'show each text behind a spoiler, cut, with broken links; of an edited message, the last edit (!event shows both)',
    'record in the audit log who read what',
  ],
  doesNot: [
    'show what was redacted, or what is encrypted',
    'show reactions, joins and other events that are not messages',
    'tell the members',
  ],
  args: {
    room: positional('room', 'The room'),
    around: flag('event', 'The link to a message: shows what was said before and after it', {
      placeholder: 'EVENT-LINK',
    }),
    at: flag('date', 'Shows what was said around this time', { placeholder: 'TIME' }),
    limit: flag('integer', `Number of messages (default: ${usualNumber})`, {
      min: 1,
      max: maxNumber,
    }),
  },
  danger: 'read',
  role: 'moderator',
  audited: true,
  example: 'messages #lobby:example.com --limit 5',
  endpoints: [
    'GET /_synapse/admin/v1/rooms/{room_id}/messages',
    'GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/timestamp_to_event',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],

  check({ around, at }) {
    if (around !== undefined && at !== undefined) {
      throw new UsageError('Give `--around` or `--at`, not both.', { word: '--at' });
    }
  },

  async run(context) {
    const { args, services } = context;
    const { around, at, limit = usualNumber } = args;
    const room = await requireRoom(context, args.room);
    if (around !== undefined && around.room !== args.room) {
      throw new TargetError('unknown', `that message is in another room than \`${args.room}\``);
    }
    const conversation = await services.rooms.conversation(args.room, {
      around: around?.event,
      at,
      limit,
    });
    return { room, conversation };
  },

  answer({ args }, { room, conversation: { messages, middle } }) {
    const [first] = messages;
    const last = messages.at(-1);
    const linkOf = ({ eventId }: RoomEvent) => quote(matrixToLink(args.room, eventId));
    return {
      mark: 'ℹ️',
      title: [
        bold(messages.length === 0 ? 'No messages' : count(messages.length, 'message')),
        ' in ',
        ...roomNameAndId(room),
      ],
      body: [
        ...(first === undefined || last === undefined
          ? []
          : [line(`${dateTime(first.originServerTs)} to ${dateTime(last.originServerTs)}`)]),
        ...(room.encryption === null
          ? []
          : [line('The room is encrypted: only its members can read what is sent now.')]),
        ...(messages.length === 0
          ? []
          : [
              {
                kind: 'list' as const,
                items: messages.map((event) => item(event, event.eventId === middle)),
              },
            ]),
      ],
      next: [
        ...(first === undefined || first.eventId === middle
          ? []
          : [`messages ${idWord(args.room)} --around ${linkOf(first)}`]),
        ...messages
          .filter(({ eventId }) => eventId === middle)
          .map((event) => `event ${linkOf(event)}`),
      ],
      data: { roomId: room.roomId, messages: messages.map(eventData) },
    };
  },
});

/** `09:12 @mallory:example.com “Buy…”`; what was asked for is in bold. */
function item(event: RoomEvent, isMiddle: boolean): Content {
  const time = dateTime(event.originServerTs).replace(/^\S+ (\S+) UTC$/u, '$1');
  return [
    isMiddle ? bold(`${time} this one:`) : time,
    ' ',
    code(cut(event.sender, 80)),
    ' ',
    ...messageWords(event),
  ];
}
