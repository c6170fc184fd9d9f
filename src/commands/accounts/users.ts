import { accountState, accountStateShort, nameAndIdCell } from '../../chat/answers/account.ts';
import { bold, code } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { ago } from '../../chat/answers/phrases.ts';
import { flag, flagName } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import {
  checkOffset,
  listAnswer,
  listFlags,
  pageSize,
  readList,
  sortFlags,
} from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { DeniedError } from '../../core/errors.ts';
import { filtersAppliedHere, userOrders } from '../../services/services.ts';
import type { AccountFilter } from '../../services/services.ts';

export default defineCommand({
  name: 'users',
  synonyms: ['accounts', 'find', 'list', 'list-users', 'search', 'search-users', 'who'],
  summary: 'Lists and searches accounts',
  args: {
    name: flag('text', 'Part of the username or display name, or a pattern such as spam*', {
      bare: true,
    }),
    userId: flag('word', 'Part of the user ID, or a pattern', { placeholder: 'ID' }),
    guests: flag('boolean', 'Include guests (the default); --no-guests leaves them out'),
    deactivated: flag('boolean', 'Include deactivated accounts'),
    deactivatedOnly: flag('boolean', 'Only deactivated accounts'),
    admins: flag('boolean', 'Only server admins; --no-admins: only others'),
    locked: flag('boolean', 'Only locked accounts; --no-locked: only others'),
    suspended: flag('boolean', 'Only suspended accounts; --no-suspended: only others'),
    waitingForApproval: flag('boolean', 'Only new accounts that nobody has approved yet'),
    type: flag(
      'word',
      'Only this type: bot, support, a custom one, or ordinary for accounts without one',
    ),
    createdAfter: flag('date', 'Only accounts created since then'),
    createdBefore: flag('date', 'Only accounts created before then'),
    lastSeenBefore: flag('date', 'Only accounts not seen since then'),
    ip: flag('word', 'Only accounts that connected lately from this address or network', {
      many: true,
      placeholder: 'IP',
    }),
    ...sortFlags(userOrders),
    ...listFlags,
  },
  danger: 'read',
  example: 'users --name mallory --deactivated',
  endpoints: [
    'GET /_synapse/admin/v2/users',
    'GET /_synapse/admin/v2/users/{user_id}',
    'GET /_synapse/admin/v1/whois/{user_id}',
  ],
  check: checkOffset,
  async run({ args, services, role }) {
    if (args.ip.length > 0 && role === 'viewer') {
      throw new DeniedError('only moderators can search by address');
    }
    return readList(args, services.accounts.list({ ...args, limit: args.limit ?? pageSize }));
  },
  answer(context, listing) {
    const only = listing.total === 1 ? listing.rows[0] : undefined;
    return listAnswer(context, listing, {
      noun: 'account',
      note: [...scopeOf(context.args), ...appliedHere(context.args)],
      nothing: [bold('No matching accounts')],
      ...(only === undefined ? {} : { next: [`user ${idWord(only.name)}`] }),
      columns: [
        {
          title: 'User',
          name: 'user_id',
          show: nameAndIdCell,
          value: ({ name }) => name,
        },
        {
          title: 'State',
          name: 'state',
          // One cell for three values: on a phone, narrow columns break in the middle of words.
          show: (user) => [
            [
              accountStateShort(user),
              user.lastSeenTs === null
                ? 'last seen unknown'
                : `seen ${ago(user.lastSeenTs, context.now)}`,
              ...(user.creationTs === null ? [] : [`created ${ago(user.creationTs, context.now)}`]),
            ].join(', '),
          ],
          value: accountState,
        },
        {
          name: 'creation_ts',
          value: ({ creationTs }) => creationTs,
        },
        {
          name: 'last_seen_ts',
          value: ({ lastSeenTs }) => lastSeenTs,
        },
      ],
    });
  },
});

/** Whether deactivated accounts are among them. */
function scopeOf({ deactivated, deactivatedOnly }: AccountFilter): Content {
  if (deactivatedOnly === true) {
    return ['Only deactivated accounts.'];
  }
  return deactivated === true
    ? ['Deactivated accounts are included.']
    : ['Deactivated accounts are not included. To include them: ', code('--deactivated'), '.'];
}

function appliedHere(filter: AccountFilter): Content {
  // A server that asks for approval can filter by this one itself.
  const names = filtersAppliedHere(filter)
    .filter((key) => key !== 'waitingForApproval' || filter[key] === false)
    .map((key) => `--${flagName(key)}`);
  return names.length === 0
    ? []
    : [` Synapse can’t filter by ${names.join(' and ')}, so I read its whole list.`];
}
