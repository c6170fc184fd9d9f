import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { deactivatedAnyway, notForServices, untilLockApplies } from './parts/restriction.ts';

export default defineCommand({
  name: 'lock',
  synonyms: ['block', 'block-user', 'disable', 'freeze'],
  summary: 'Locks people out of their accounts until unlocked',
  does: [
    'pause all sessions until the account is unlocked',
    'prevent logins',
    'remove the account from the user directory',
  ],
  doesNot: [
    'stop users of application services (see !suspend)',
    'log out sessions, or remove rooms, messages or files',
    'keep others from sending them messages',
    'stop the account permanently (see !deactivate)',
  ],
  args: {
    accounts: usersArgument,
  },
  danger: 'change',
  protects: true,
  resolvesReports: true,
  example: 'lock @mallory:example.com --for 7d --reason "account taken over"',
  endpoints: ['PUT /_synapse/admin/v2/users/{user_id}', 'GET /_synapse/admin/v2/users/{user_id}'],
  ignoredByServices: true,
  repeats: true,
  knownFromList: true,
  nothingToDo: ({ locked }) => (locked ? 'is already locked' : undefined),
  run: async ({ args: { accounts: account }, services }) =>
    services.accounts.setLocked(account.name, true),
  answer: ({ args: { accounts: account }, services, prefix }) => ({
    mark: account.appserviceId === null ? '✅' : '⚠️',
    title: didTo(account.locked ? 'Already locked:' : 'Locked', account),
    body: [
      ...(account.appserviceId === null
        ? [
            line(
              'Nobody can use this account or log in to it. Sessions are paused; rooms and messages are kept.',
              ...untilLockApplies(services.accounts.traits),
            ),
          ]
        : notForServices(account, prefix)),
      ...deactivatedAnyway(account),
    ],
    next: [`unlock ${idWord(account.name)}`],
    data: { userId: account.name, locked: true },
  }),
  undo: ({ args: { accounts: account } }) =>
    account.locked ? undefined : `unlock ${idWord(account.name)}`,
  async reconcile({ args: { accounts: account }, services }) {
    return services.accounts.reconcileLocked(account.name, true);
  },
});
