import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { deactivatedAnyway, untilLockApplies } from './parts/restriction.ts';

export default defineCommand({
  name: 'unlock',
  synonyms: ['enable', 'unfreeze'],
  summary: 'Unlocks accounts',
  does: ['let sessions continue and allow logins again'],
  doesNot: ['restore sessions that were logged out meanwhile', 'lift a suspension'],
  args: {
    accounts: usersArgument,
  },
  danger: 'change',
  // Anyone who has access to the account can get in again.
  protects: true,
  example: 'unlock @mallory:example.com',
  endpoints: ['PUT /_synapse/admin/v2/users/{user_id}', 'GET /_synapse/admin/v2/users/{user_id}'],
  repeats: true,
  knownFromList: true,
  nothingToDo: ({ locked }) => (locked ? undefined : 'is not locked'),
  run: async ({ args: { accounts: account }, services }) =>
    services.accounts.setLocked(account.name, false),
  answer: ({ args: { accounts: account }, services }) => ({
    mark: '✅',
    title: didTo(account.locked ? 'Unlocked' : 'Was not locked:', account),
    body: [
      ...(account.locked ? [] : [line('Nothing was changed.')]),
      ...(account.locked && !account.deactivated
        ? [
            line(
              'Their sessions continue, and they can log in.',
              ...untilLockApplies(services.accounts.traits),
            ),
          ]
        : []),
      ...(account.suspended ? [line('They are still suspended.')] : []),
      ...deactivatedAnyway(account),
    ],
    next: [
      account.suspended && !account.deactivated
        ? `unsuspend ${idWord(account.name)}`
        : `user ${idWord(account.name)}`,
    ],
    data: { userId: account.name, locked: false },
  }),
  undo: ({ args: { accounts: account } }) =>
    account.locked ? `lock ${idWord(account.name)}` : undefined,
  async reconcile({ args: { accounts: account }, services }) {
    return services.accounts.reconcileLocked(account.name, false);
  },
});
