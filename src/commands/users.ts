import { accountState } from '../command/account.ts';
import { bold, code, cut, line } from '../command/answer.ts';
import { flag } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { ago, count } from '../command/wording.ts';
import { userOrders } from '../services/services.ts';

const pageSize = 20;

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
    limit: flag('integer', 'How many', { min: 1, max: 100, default: pageSize }),
    from: flag('word', 'Where the page before ended', { placeholder: 'TOKEN' }),
  },
  danger: 'read',
  example: 'users --name mallory --deactivated',
  endpoints: ['GET /_synapse/admin/v2/users'],
  run: async ({ args, services }) => services.api.users.list(args),
  answer({ now, args }, page) {
    const shown = page.users.length;
    return {
      mark: 'ℹ️',
      title: [
        bold(count(page.total, 'account')),
        ...(shown < page.total ? [`, ${shown} shown`] : []),
      ],
      body:
        shown === 0
          ? [line('None fits. Deactivated accounts are shown with ', code('--deactivated'), '.')]
          : [
              {
                kind: 'table',
                columns: [
                  { title: 'User' },
                  { title: 'Name' },
                  { title: 'State' },
                  { title: 'Registered' },
                  { title: 'Last seen' },
                ],
                rows: page.users.map((user) => [
                  [code(user.name)],
                  [user.displayname === null ? '' : cut(user.displayname, 30)],
                  [accountState(user)],
                  [user.creationTs === null ? '' : ago(user.creationTs, now)],
                  [user.lastSeenTs === null ? 'never' : ago(user.lastSeenTs, now)],
                ]),
              },
            ],
      ...(page.nextToken === null ? {} : { next: [nextPage(args, page.nextToken)] }),
      data: page,
    };
  },
});

function nextPage(args: { name?: string | undefined }, token: string): string {
  const name = args.name === undefined ? '' : ` --name "${args.name.replaceAll(/["\\]/g, '')}"`;
  return `users${name} --from ${token}`;
}
