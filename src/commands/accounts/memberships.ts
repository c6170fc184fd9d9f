import { nameAndId } from '../../chat/answers/account.ts';
import { count } from '../../chat/answers/phrases.ts';
import {
  namedRooms,
  noRooms,
  roomNameColumns,
  unlistedRooms,
  withNames,
  withoutDirectRooms,
} from '../../chat/answers/room-list.ts';
import { flag, userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { cut } from '../../core/text.ts';

/** Kinds of membership in the order in which they are listed, and what to say if there are none. */
const kinds = {
  joined: { membership: 'join', none: 'is not in any room' },
  invited: { membership: 'invite', none: 'is not invited to any room' },
  knocked: { membership: 'knock', none: 'has not asked to join any room' },
  banned: { membership: 'ban', none: 'is not banned from any room' },
  left: { membership: 'leave', none: 'has not left any room' },
} as const;
const words = ['joined', 'invited', 'knocked', 'banned', 'left'] as const;

export default defineCommand({
  name: 'memberships',
  synonyms: [
    'banned-from',
    'bans',
    'invites',
    'left-rooms',
    'membership',
    'rooms-of',
    'user-rooms',
  ],
  summary: 'Lists the rooms that a user is in, was in, is invited to or is banned from',
  does: [
    'list rooms that the user has asked to join (“knocked”)',
    'list a room as “left” also if the user was kicked or declined an invite: Synapse doesn’t say which',
  ],
  doesNot: [
    'show since when, or who banned or invited the user',
    'list the private rooms where this bot sends secrets',
    `show room names in files of more than ${namedRooms} rooms`,
  ],
  args: {
    account: userArgument,
    membership: flag('choice', 'Only this kind', { choices: words, bare: true }),
    ...listFlags,
  },
  danger: 'read',
  example: 'memberships @mallory:example.com --membership banned',
  endpoints: [
    'GET /_synapse/admin/v1/users/{user_id}/memberships',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
  ],

  check: checkOffset,

  async run({ args, services }) {
    const all = await services.accounts.memberships(args.account.name);
    const wanted = all.filter(
      ({ membership }) => args.membership === undefined || wordFor(membership) === args.membership,
    );
    const { hidden, shown } = await withoutDirectRooms(services, wanted);
    // The sort is stable: in each kind, rooms stay in the order of the service.
    const page = pageOf(
      shown.toSorted((one, other) => rankOf(one.membership) - rankOf(other.membership)),
      args,
    );
    return {
      counts: countsOf(shown.map(({ membership }) => membership)),
      hidden,
      listing: { ...page, rows: await withNames(services.rooms, page.rows) },
    };
  },

  answer(context, { counts, hidden, listing }) {
    const { account, membership } = context.args;
    return listAnswer(context, listing, {
      noun: 'room',
      of: [' of ', ...nameAndId(account), counts === '' ? '' : ` (${counts})`],
      nothing: noRooms(
        hidden,
        [' of ', ...nameAndId(account)],
        membership === undefined
          ? ['This server knows no room of ', ...nameAndId(account)]
          : [...nameAndId(account), ` ${kinds[membership].none}`],
      ),
      note: unlistedRooms(hidden),
      columns: [
        ...roomNameColumns,
        {
          title: 'Membership',
          name: 'membership',
          show: (room) => [wordFor(room.membership) ?? cut(room.membership, 20)],
          value: (room) => room.membership,
        },
        { name: 'joined_members', value: ({ joinedMembers }) => joinedMembers },
      ],
    });
  },
});

/** `banned` for `ban`; undefined for kinds that Synapse may add. */
function wordFor(membership: string) {
  return words.find((word) => kinds[word].membership === membership);
}

/** Kinds without a word come last. */
function rankOf(membership: string): number {
  const word = wordFor(membership);
  return word === undefined ? words.length : words.indexOf(word);
}

/** `3 joined, 1 banned` */
function countsOf(memberships: readonly string[]): string {
  const found = memberships.map(wordFor);
  return words
    .filter((word) => found.includes(word))
    .map((word) => count(found.filter((one) => one === word).length, word, word))
    .join(', ');
}
