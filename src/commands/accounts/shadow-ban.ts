import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { notForServices } from './parts/restriction.ts';

export default defineCommand({
  name: 'shadow-ban',
  synonyms: ['block', 'ghost', 'hellban', 'shadow', 'silence'],
  summary: 'Silently hides everything these users send',
  does: ['accept what they send, but show it to nobody'],
  doesNot: [
    'stop users of application services (see !suspend)',
    'hide earlier messages',
    'log them out',
    'stop them from using another account',
  ],
  args: {
    accounts: usersArgument,
  },
  danger: 'change',
  protects: true,
  resolvesReports: true,
  example: 'shadow-ban @mallory:example.com --reason spam',
  endpoints: ['POST /_synapse/admin/v1/users/{user_id}/shadow_ban'],
  impossible: ({ canShadowBan }) =>
    canShadowBan
      ? undefined
      : {
          why: 'shadow-banning has no effect on a homeserver with the Matrix Authentication Service',
          advice: 'Nothing was changed. Suspend the account instead.',
        },
  ignoredByServices: true,
  repeats: true,
  knownFromList: true,
  nothingToDo: ({ shadowBanned }) => (shadowBanned ? 'is already shadow-banned' : undefined),
  run: async ({ args: { accounts: account }, services }) =>
    services.accounts.setShadowBanned(account.name, true),
  answer: ({ args: { accounts: account }, prefix }) => ({
    mark: account.appserviceId === null ? '✅' : '⚠️',
    title: didTo(account.shadowBanned ? 'Already shadow-banned:' : 'Shadow-banned', account),
    body:
      account.appserviceId === null
        ? [line('Nobody sees their messages any more. They are not notified.')]
        : notForServices(account, prefix),
    next: [`unshadow-ban ${idWord(account.name)}`, `redact-user ${idWord(account.name)}`],
    data: { userId: account.name, shadowBanned: true },
  }),
  undo: ({ args: { accounts: account } }) =>
    account.shadowBanned ? undefined : `unshadow-ban ${idWord(account.name)}`,
  async reconcile({ args: { accounts: account }, services }) {
    return services.accounts.reconcileShadowBanned(account.name, true);
  },
});
