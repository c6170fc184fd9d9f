import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { deactivatedAnyway, notForServices } from './restriction.ts';

export default defineCommand({
  name: 'lock',
  synonyms: ['ban', 'block', 'block-user', 'disable', 'freeze'],
  summary: 'Shuts people out of their accounts until they are unlocked',
  does: [
    'stop all sessions, which go on when it is unlocked',
    'refuse to log in',
    'take the account out of the user directory',
  ],
  doesNot: [
    'hold for users of application services (see suspend)',
    'log sessions out, take rooms, messages or files away',
    'keep others from writing to it',
    'stop it for good (see deactivate)',
  ],
  args: { accounts: positional('account', 'Whose accounts', { many: true, placeholder: 'USER' }) },
  danger: 'change',
  protects: true,
  timed: true,
  resolvesReports: true,
  example: 'lock @mallory:example.com --for 7d --reason "account taken over"',
  endpoints: ['PUT /_synapse/admin/v2/users/{user_id}', 'GET /_synapse/admin/v2/users/{user_id}'],
  ignoredByServices: true,
  nothingToDo: ({ locked }) => (locked ? 'is already locked' : undefined),
  run: async ({ args: { accounts: account }, services }) =>
    services.accounts.setLocked(account.name, true),
  answer: ({ args: { accounts: account } }) => ({
    mark: account.appserviceId === null ? '✅' : '⚠️',
    title: didTo(account.locked ? 'Already locked:' : 'Locked', account),
    body: [
      ...(account.appserviceId === null
        ? [
            line(
              'Nobody can use it or log in to it. Its sessions wait, its rooms and messages stay.',
            ),
          ]
        : notForServices(account)),
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
