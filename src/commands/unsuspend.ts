import { didTo } from '../command/account.ts';
import { line } from '../command/answer.ts';
import { positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { idWord } from '../command/references.ts';
import { deactivatedAnyway } from '../command/restriction.ts';

export default defineCommand({
  name: 'unsuspend',
  synonyms: ['unban', 'unfreeze', 'unmute', 'unrestrict', 'unsilence'],
  group: 'accounts',
  summary: 'Takes suspensions back',
  does: ['let the account send, join, invite and change its profile again'],
  doesNot: ['unlock or reactivate it'],
  args: { accounts: positional('account', 'Whose accounts', { many: true, placeholder: 'USER' }) },
  danger: 'change',
  protects: false,
  example: 'unsuspend @mallory:example.com',
  endpoints: ['PUT /_synapse/admin/v1/suspend/{user_id}'],
  nothingToDo: ({ suspended }) => (suspended ? undefined : 'is not suspended'),
  run: async ({ args: { accounts: account }, services }) =>
    services.api.users.setSuspended(account.name, false),
  answer: ({ args: { accounts: account } }) => ({
    mark: '✅',
    title: didTo(account.suspended ? 'No longer suspended:' : 'Was not suspended:', account),
    body: [
      ...(account.locked || account.deactivated
        ? []
        : [line('It can send, join, invite and change its profile.')]),
      ...(account.locked ? [line('It is still locked.')] : []),
      ...deactivatedAnyway(account),
    ],
    next: [
      account.locked && !account.deactivated
        ? `unlock ${idWord(account.name)}`
        : `user ${idWord(account.name)}`,
    ],
    data: { userId: account.name, suspended: false },
  }),
  undo: ({ args: { accounts: account } }) =>
    account.suspended ? `suspend ${idWord(account.name)}` : undefined,
  async settle({ args: { accounts: account }, services }) {
    return (await services.api.users.get(account.name)).suspended ? 'not_done' : 'done';
  },
});
