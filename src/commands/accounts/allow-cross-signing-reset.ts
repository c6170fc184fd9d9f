import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { when } from '../../chat/answers/phrases.ts';
import { usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';

export default defineCommand({
  name: 'allow-cross-signing-reset',
  synonyms: ['cross-signing', 'reset-encryption', 'reset-keys', 'recovery-key'],
  summary: 'Lets people replace their cross-signing keys for 10 minutes',
  does: [
    'help people who have lost their recovery key, where the Matrix Authentication Service keeps the accounts',
  ],
  doesNot: [
    'work without that service: there, people replace the keys with their password',
    'replace the keys: the person does that in their client',
    'give back access to old encrypted messages',
    'log out other sessions (see !end-sessions), which can use the permission, too',
  ],
  args: {
    account: usersArgument,
  },
  danger: 'change',
  // Whoever has a stolen session of the account can replace the keys as well.
  protects: true,
  reversible: false,
  example: 'allow-cross-signing-reset @vera:example.com --reason "lost her recovery key"',
  endpoints: [
    'POST /_synapse/admin/v1/users/{user_id}/_allow_cross_signing_replacement_without_uia',
  ],
  impossible: ({ canAllowCrossSigningReset }) =>
    canAllowCrossSigningReset
      ? undefined
      : {
          why: 'this homeserver keeps passwords itself, and people replace their cross-signing keys with theirs',
          advice: 'Nothing was changed. If somebody has forgotten their password, reset it.',
        },
  inBatch: () => 'Allow a reset of the cross-signing keys of',
  run: async ({ args: { account }, services }) =>
    services.accounts.allowCrossSigningReset(account.name),
  answer: ({ args: { account }, now }, until) => ({
    mark: '✅',
    title: didTo('Allowed a reset of the cross-signing keys of', account),
    body: [
      line(`It ends ${when(until, now)}.`),
      line('They can now reset their encryption in their client. Every session of theirs can.'),
    ],
    next: [`sessions ${idWord(account.name)}`],
    data: { userId: account.name, updatableWithoutUiaBeforeMs: until },
  }),
  // Synapse doesn't say whether it is allowed.
  reconcile: async () => 'unknowable',
});
