import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { deactivatedAnyway } from './parts/restriction.ts';

export default defineCommand({
  name: 'suspend',
  synonyms: [
    'block',
    'block-user',
    'freeze',
    'gag',
    'read-only',
    'readonly',
    'restrict',
    'silence',
    'timeout',
  ],
  summary: 'Limits accounts to reading',
  does: [
    'keep them from sending, reacting, joining, knocking, inviting, creating rooms and changing their profile',
    'tell them that the account is suspended if they try',
  ],
  doesNot: [
    'keep them from logging in, reading, leaving rooms, redacting their own messages, reporting or uploading files',
    'remove earlier messages (see !redact)',
    'log them out (see !lock)',
  ],
  args: {
    accounts: usersArgument,
  },
  danger: 'change',
  protects: true,
  resolvesReports: true,
  example: 'suspend @mallory:example.com --for 24h --reason "cool down"',
  endpoints: ['PUT /_synapse/admin/v1/suspend/{user_id}'],
  repeats: true,
  nothingToDo: ({ suspended }) => (suspended ? 'is already suspended' : undefined),
  run: async ({ args: { accounts: account }, services }) =>
    services.accounts.setSuspended(account.name, true),
  answer: ({ args: { accounts: account } }) => ({
    mark: '✅',
    title: didTo(account.suspended ? 'Already suspended:' : 'Suspended', account),
    body: [
      line(
        'They can read and leave rooms, but not send, react, join, invite or change their profile.',
      ),
      ...deactivatedAnyway(account),
    ],
    next: [`unsuspend ${idWord(account.name)}`],
    data: { userId: account.name, suspended: true },
  }),
  undo: ({ args: { accounts: account } }) =>
    account.suspended ? undefined : `unsuspend ${idWord(account.name)}`,
  async reconcile({ args: { accounts: account }, services }) {
    return services.accounts.reconcileSuspended(account.name, true);
  },
});
