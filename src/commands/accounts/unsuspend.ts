import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { deactivatedAnyway } from './parts/restriction.ts';

export default defineCommand({
  name: 'unsuspend',
  synonyms: ['unfreeze', 'unrestrict', 'unsilence'],
  summary: 'Lifts suspensions',
  does: ['let them send, join, invite and change their profile again'],
  doesNot: ['unlock or reactivate the account'],
  args: {
    accounts: usersArgument,
  },
  danger: 'change',
  protects: { nobody: 'it only lifts a restriction' },
  example: 'unsuspend @mallory:example.com',
  endpoints: ['PUT /_synapse/admin/v1/suspend/{user_id}'],
  repeats: true,
  nothingToDo: ({ suspended }) => (suspended ? undefined : 'is not suspended'),
  run: async ({ args: { accounts: account }, services }) =>
    services.accounts.setSuspended(account.name, false),
  answer: ({ args: { accounts: account } }) => ({
    mark: '✅',
    title: didTo(account.suspended ? 'No longer suspended:' : 'Was not suspended:', account),
    body: [
      ...(account.locked || account.deactivated
        ? []
        : [line('They can send, join, invite and change their profile.')]),
      ...(account.locked ? [line('The account is still locked.')] : []),
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
  async reconcile({ args: { accounts: account }, services }) {
    return services.accounts.reconcileSuspended(account.name, false);
  },
});
