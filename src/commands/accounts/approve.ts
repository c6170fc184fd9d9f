import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { flag, usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';

export default defineCommand({
  name: 'approve',
  synonyms: ['accept-user', 'admit', 'registrations'],
  summary: 'Approves new accounts, so that people can log in to them',
  does: ['work where Synapse asks for approval of new accounts (experimental_features.msc3866)'],
  doesNot: [
    'list who is waiting (see !users --waiting-for-approval)',
    'tell people that they were approved',
    'with --revoke: end sessions that exist (see !lock)',
  ],
  args: {
    account: usersArgument,
    revoke: flag('boolean', 'Take the approval back: nobody can log in any more', {
      default: false,
    }),
  },
  danger: 'change',
  protects: true,
  example: 'approve @newcomer:example.com --reason "vouched for by Vera"',
  endpoints: ['PUT /_synapse/admin/v2/users/{user_id}', 'GET /_synapse/admin/v2/users/{user_id}'],
  repeats: true,
  knownFromList: true,
  inBatch: ({ revoke }) => (revoke ? 'Take back the approval of' : 'Approve'),
  nothingToDo: ({ approved }, { revoke }) =>
    typeof approved === 'boolean' && approved !== revoke
      ? `is ${revoke ? 'not approved' : 'already approved'}`
      : undefined,
  run: async ({ args: { account, revoke }, services }) =>
    services.accounts.setApproved(account.name, !revoke),
  answer: ({ args: { account, revoke } }) => ({
    mark: '✅',
    title: didTo(titleOf(account.approved === !revoke, revoke), account),
    body: [
      line(
        revoke
          ? 'Nobody can log in to this account until it is approved. Sessions that exist go on.'
          : 'They can log in now.',
      ),
    ],
    next: [revoke ? `approve ${idWord(account.name)}` : `user ${idWord(account.name)}`],
    data: { userId: account.name, approved: !revoke },
  }),
  undo: ({ args: { account, revoke } }) =>
    account.approved === !revoke
      ? undefined
      : `approve ${idWord(account.name)}${revoke ? '' : ' --revoke'}`,
  reconcile: async ({ args: { account, revoke }, services }) =>
    services.accounts.reconcileApproved(account.name, !revoke),
});

function titleOf(wasSo: boolean, revoke: boolean): string {
  if (wasSo) {
    return revoke ? 'Was not approved:' : 'Already approved:';
  }
  return revoke ? 'No longer approved:' : 'Approved';
}
