import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';

export default defineCommand({
  name: 'unshadow-ban',
  synonyms: ['unshadow'],
  summary: 'Lifts shadow-bans',
  does: ['make what they send visible to others again'],
  doesNot: ['deliver messages sent during the shadow-ban'],
  args: {
    accounts: usersArgument,
  },
  danger: 'change',
  protects: { nobody: 'it only lifts a restriction' },
  example: 'unshadow-ban @mallory:example.com',
  endpoints: ['DELETE /_synapse/admin/v1/users/{user_id}/shadow_ban'],
  repeats: true,
  knownFromList: true,
  nothingToDo: ({ shadowBanned }) => (shadowBanned ? undefined : 'is not shadow-banned'),
  run: async ({ args: { accounts: account }, services }) =>
    services.accounts.setShadowBanned(account.name, false),
  answer: ({ args: { accounts: account } }) => ({
    mark: '✅',
    title: didTo(
      account.shadowBanned ? 'No longer shadow-banned:' : 'Was not shadow-banned:',
      account,
    ),
    body: [line('Their messages are visible again.')],
    next: [`user ${idWord(account.name)}`],
    data: { userId: account.name, shadowBanned: false },
  }),
  undo: ({ args: { accounts: account } }) =>
    account.shadowBanned ? `shadow-ban ${idWord(account.name)}` : undefined,
  async reconcile({ args: { accounts: account }, services }) {
    return services.accounts.reconcileShadowBanned(account.name, false);
  },
});
