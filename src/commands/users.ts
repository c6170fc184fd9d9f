import { accountState, accountStateShort } from '../command/account.ts';
import { code, cut } from '../command/answer.ts';
import { flag } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { listAnswer, listFlags, readList } from '../command/list.ts';
import { ago } from '../command/wording.ts';
import { userOrders } from '../services/services.ts';

export default defineCommand({
  name: 'users',
  group: 'accounts',
  summary: 'Lists and searches accounts',
  args: {
    name: flag('text', 'Part of the name before the colon, or of the display name'),
    userId: flag('word', 'Part of the user ID'),
    guests: flag('boolean', 'Show guests too, or leave them out'),
    deactivated: flag('boolean', 'Show deactivated accounts too'),
    admins: flag('boolean', 'Only server admins, or none of them'),
    orderBy: flag('choice', 'What to sort by', { choices: userOrders }),
    dir: flag('choice', 'f for ascending, b for descending', { choices: ['f', 'b'] }),
    ...listFlags,
  },
  danger: 'read',
  example: 'users --name mallory --deactivated',
  endpoints: ['GET /_synapse/admin/v2/users'],
  run: async ({ args, services: { api } }) =>
    readList(args, {
      async page() {
        const { users, total, nextToken } = await api.users.list(args);
        return { rows: users, total, nextFrom: nextToken ?? undefined };
      },
      all: () => api.users.all({ ...args, limit: 100 }),
    }),
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'account',
      none: ['None fits. Deactivated accounts are shown with ', code('--deactivated'), '.'],
      columns: [
        {
          title: 'User',
          name: 'user_id',
          // One cell for both: a phone has room for three or four.
          show: ({ name, displayname }) => [
            code(name),
            ...(displayname === null ? [] : [` ${cut(displayname, 30)}`]),
          ],
          value: ({ name }) => name,
        },
        {
          title: 'State',
          name: 'state',
          show: (user) => [accountStateShort(user)],
          value: accountState,
        },
        {
          title: 'Registered',
          name: 'creation_ts',
          show: ({ creationTs }) => [creationTs === null ? '' : ago(creationTs, context.now)],
          value: ({ creationTs }) => creationTs,
        },
        {
          title: 'Last seen',
          name: 'last_seen_ts',
          show: ({ lastSeenTs }) => [
            lastSeenTs === null ? 'unknown' : ago(lastSeenTs, context.now),
          ],
          value: ({ lastSeenTs }) => lastSeenTs,
        },
      ],
    }),
});
