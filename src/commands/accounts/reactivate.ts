import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import {
  liftingCommands,
  passwordAfterReactivation,
  stillRestricted,
} from './parts/restriction.ts';

export default defineCommand({
  name: 'reactivate',
  synonyms: ['enable', 're-enable', 'restore', 'undeactivate', 'undelete'],
  summary: 'Reactivates deactivated accounts',
  does: ['make the accounts usable again, without a password'],
  doesNot: [
    'restore rooms, devices, addresses, name, avatar or account data',
    'show erased messages again',
  ],
  args: {
    account: usersArgument,
  },
  danger: 'change',
  // Anyone with a login of the account can get in again.
  protects: true,
  example: 'reactivate @mallory:example.com --reason "appeal accepted"',
  endpoints: ['PUT /_synapse/admin/v2/users/{user_id}'],
  repeats: true,
  knownFromList: true,
  nothingToDo: ({ deactivated }) => (deactivated ? undefined : 'is not deactivated'),
  async run({ args: { account }, services }) {
    // Somebody may have deactivated it in Synapse alone.
    if (!account.deactivated && account.sides?.synapse?.deactivated !== true) {
      throw new TargetError('state', `${account.name} is not deactivated`, 'Nothing was changed.');
    }
    return services.accounts.reactivate(account.name);
  },
  answer: ({ services }, account) => ({
    mark: '✅',
    title: didTo('Reactivated', account),
    next: [
      `reset-password ${idWord(account.name)}`,
      ...liftingCommands(account).map((command) => `${command} ${idWord(account.name)}`),
    ],
    body: [
      line(
        passwordAfterReactivation(services.accounts.traits),
        account.admin ? ' They are a server admin, as before.' : '',
      ),
      ...stillRestricted(account),
    ],
    data: account,
  }),
  async reconcile({ args: { account }, services }) {
    return services.accounts.reconcileReactivation(account.name);
  },
});
