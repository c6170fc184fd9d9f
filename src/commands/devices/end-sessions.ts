import { didTo, nameAndId, standing } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { amount, count } from '../../chat/answers/phrases.ts';
import { usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';

const warning = () => 'Devices that are logged out lose their encryption keys.';

export default defineCommand({
  name: 'end-sessions',
  synonyms: ['log-out-all', 'logout-all', 'sign-out'],
  summary: 'Logs accounts out everywhere',
  does: [
    'end all sessions: revoke access tokens, and delete devices, encryption keys and pushers',
    'with the Matrix Authentication Service: end logins in browsers and personal access tokens, too',
  ],
  doesNot: [
    'change the password: anyone who knows it can log in again (see !reset-password)',
    'prevent new logins (see !lock)',
    'stop users of application services (see !suspend)',
  ],
  args: {
    accounts: usersArgument,
  },
  danger: 'destructive',
  reversible: false,
  example: 'end-sessions @mallory:example.com --reason "phone was stolen"',
  endpoints: [
    'GET /_synapse/admin/v2/users/{user_id}/devices',
    'POST /_synapse/admin/v2/users/{user_id}/delete_devices',
  ],
  ignoredByServices: true,
  repeats: true,
  inBatch: () => 'End all sessions of',
  nothingToDo: () => undefined,
  warning,

  async preview({ args: { accounts: account }, services }) {
    const devices = await services.devices.list(account.name);
    return {
      title: ['End all sessions of ', ...nameAndId(account), '?'],
      body: [
        ...standing(account),
        line(
          devices.length === 0
            ? 'They have no devices.'
            : `Will: log out ${count(devices.length, 'device')}`,
        ),
        line('Will not: change the password, so they can log in again'),
      ],
      facts: [amount(devices.length, 'device')],
      warning: warning(),
    };
  },

  run: async ({ args: { accounts: account }, services }) =>
    services.devices.logOutAll(account.name),

  answer: ({ args: { accounts: account } }, ended) => ({
    mark: ended === 0 ? 'ℹ️' : '✅',
    title: didTo(ended === 0 ? 'Nobody was logged in as' : 'Ended all sessions of', account),
    body:
      ended === 0
        ? []
        : [
            line(
              `${count(ended, 'session')} ended. Anyone who knows the password can log in again.`,
            ),
          ],
    next: [`reset-password ${idWord(account.name)}`, `lock ${idWord(account.name)}`],
    data: { userId: account.name, sessions: ended },
  }),

  wasSo: (ended) => ended === 0,

  reconcile: async ({ args: { accounts: account }, services }) =>
    (await services.devices.list(account.name)).length === 0 ? 'done' : 'not_done',
});
