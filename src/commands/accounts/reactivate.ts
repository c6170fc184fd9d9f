import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { TargetError } from '../../core/errors.ts';

export default defineCommand({
  name: 'reactivate',
  synonyms: ['enable', 're-enable', 'restore', 'undeactivate', 'undelete'],
  summary: 'Makes a deactivated account active again',
  does: ['make the account usable again, without a password'],
  doesNot: [
    'bring back rooms, devices, addresses, name, avatar or account data',
    'show erased messages again',
  ],
  args: { account: positional('account', 'Whose account', { placeholder: 'USER' }) },
  danger: 'change',
  // It lets whoever has a login of the account in again.
  protects: true,
  example: 'reactivate @mallory:example.com --reason "appeal accepted"',
  endpoints: ['PUT /_synapse/admin/v2/users/{user_id}'],
  async run({ args: { account }, services }) {
    if (!account.deactivated) {
      throw new TargetError('state', `${account.name} is not deactivated`, 'Nothing was changed.');
    }
    return services.accounts.reactivate(account.name);
  },
  answer: (_, account) => ({
    mark: '✅',
    title: didTo('Reactivated', account),
    next: [`reset-password ${idWord(account.name)}`],
    body: [
      line(
        'It has no password now, so nobody can log in with one.',
        account.admin ? ' It is a server admin, as it was before.' : '',
      ),
    ],
    data: account,
  }),
  async reconcile({ args: { account }, services }) {
    return services.accounts.reconcileReactivation(account.name);
  },
});
