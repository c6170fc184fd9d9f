import { bold, code } from '../../chat/answers/answer.ts';
import { requireRoom, roomNameAndId } from '../../chat/answers/room.ts';
import { untrustedText } from '../../chat/answers/untrusted-text.ts';
import { flag, roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, isInFile, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { TargetError, TooLargeAnswerError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { Services, StateEvent } from '../../services/services.ts';

/** How many characters of a content are shown. */
const shownLength = 200;

export default defineCommand({
  name: 'room-state',
  synonyms: ['power-levels', 'server-acl', 'state', 'state-events'],
  summary: 'Shows the current state of a room as it is stored',
  does: [
    'show each state event: who set it, and to what, as JSON',
    'attach the whole contents as a file if they are too long to be shown',
    'list the members last, unless you ask for --type m.room.member',
  ],
  doesNot: ['show messages (see !messages)', 'show earlier states'],
  args: {
    room: roomArgument,
    type: flag('word', 'Only events of this type', { placeholder: 'TYPE' }),
    ...listFlags,
  },
  danger: 'read',
  // It shows what people wrote: topics, reasons of bans, what widgets store.
  role: 'moderator',
  example: 'room-state #lobby:example.com --type m.room.power_levels',
  endpoints: [
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],

  check: checkOffset,

  async run(context) {
    const { args, services } = context;
    const room = await requireRoom(context, args.room);
    return { room, listing: pageOf(await readState(services, args.room, args.type), args) };
  },

  answer(context, { room, listing }) {
    const { args } = context;
    const ofType = args.type === undefined ? [] : [' of type ', code(cut(args.type))];
    const list = listAnswer(context, listing, {
      noun: 'state event',
      of: [...ofType, ' in ', ...roomNameAndId(room)],
      nothing: [bold('No state event'), ...ofType, ' in ', ...roomNameAndId(room)],
      columns: [
        {
          title: 'Type, key',
          name: 'type',
          show: ({ type, stateKey }) => [
            code(cut(type)),
            ...(stateKey === '' ? [] : [' ', code(cut(stateKey, 255))]),
          ],
          value: ({ type }) => type,
        },
        { name: 'state_key', value: ({ stateKey }) => stateKey },
        {
          title: 'Set by',
          name: 'sender',
          show: ({ sender }) => ['set by ', code(cut(sender, 255))],
          value: ({ sender }) => sender,
        },
        {
          title: 'Content',
          name: 'content',
          show: (event) => [untrustedText(contentOf(event), shownLength)],
          value: contentOf,
        },
      ],
    });
    const rows = listing.rows.map((event) => ({ ...event, content: contentOf(event) }));
    const isCut = rows.some(({ content }) => content.length > shownLength);
    return {
      ...list,
      // As text: programs get our names of keys, and these are other people's.
      ...(isInFile(args) ? {} : { data: { ...(list.data as object), rows } }),
      ...(isCut && list.file === undefined ? { file: stateFile(listing.rows) } : {}),
    };
  },
});

function contentOf({ content }: StateEvent): string {
  return JSON.stringify(content);
}

/** What is shown, in full and with the API's names. */
function stateFile(rows: readonly StateEvent[]) {
  const events = rows.map(({ type, stateKey, sender, content }) => ({
    type,
    state_key: stateKey,
    sender,
    content,
  }));
  return {
    name: 'room-state.json',
    contentType: 'application/json' as const,
    content: JSON.stringify(events, null, 2),
  };
}

/** @throws TargetError it is too large to be read */
async function readState(
  { rooms }: Pick<Services, 'rooms'>,
  room: RoomId,
  type: string | undefined,
): Promise<StateEvent[]> {
  try {
    return await rooms.state(room, type);
  } catch (error) {
    throw error instanceof TooLargeAnswerError
      ? new TargetError(
          'state',
          `the state of \`${room}\` is too large: ${error.message}`,
          type === undefined ? 'Ask for one type, with `--type`.' : undefined,
        )
      : error;
  }
}
