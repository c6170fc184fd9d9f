import { code } from '../../chat/answers/answer.ts';
import {
  namedRoomColumns,
  namedRooms,
  noRooms,
  unlistedRooms,
  withNames,
  withoutDirectRooms,
} from '../../chat/answers/room-list.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import { localpartOf } from '../../core/ids.ts';

export default defineCommand({
  name: 'joined-rooms',
  synonyms: ['rooms-of', 'user-rooms'],
  summary: 'Lists the rooms that a user is in',
  does: [
    'list the rooms of a local account, or the rooms that a user of another server shares with this one',
  ],
  doesNot: [
    'list invites, bans and rooms that the user left (see !memberships)',
    'list the private rooms where this bot sends secrets',
    `show room names in files of more than ${namedRooms} rooms`,
  ],
  args: { user: positional('user', 'The user', { placeholder: 'USER' }), ...listFlags },
  danger: 'read',
  example: 'joined-rooms @mallory:example.com',
  endpoints: [
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
  ],

  check: checkOffset,

  async run({ args, services, prefix, absent }) {
    const { accounts } = services;
    const { where } = await accounts.locate(args.user);
    if (where === 'nowhere') {
      throw new TargetError(
        'unknown_user',
        `there is no account ${args.user}`,
        absent.some(({ similar }) => similar.length > 0)
          ? `Did you mean ${absent
              .flatMap(({ similar }) => similar)
              .map((id) => `\`${idWord(id)}\``)
              .join(' or ')}?`
          : `Search for it: \`${prefix}users --name ${quote(localpartOf(args.user))}\``,
      );
    }
    const joinedRooms = await accounts.joinedRooms(args.user);
    const { hidden, shown } = await withoutDirectRooms(
      services,
      joinedRooms.map((roomId) => ({ roomId })),
    );
    const page = pageOf(shown, args);
    return {
      where,
      hidden,
      listing: { ...page, rows: await withNames(services.rooms, page.rows) },
    };
  },

  answer(context, { where, hidden, listing }) {
    const user = code(context.args.user);
    const of =
      where === 'here' ? [' of ', user] : [' shared with ', user, ', a user of another server'];
    return listAnswer(context, listing, {
      noun: 'room',
      of,
      nothing: noRooms(
        hidden,
        of,
        where === 'here'
          ? [user, ' is not in any room']
          : ['This server shares no room with ', user],
      ),
      note: unlistedRooms(hidden),
      columns: namedRoomColumns,
    });
  },
});
