import { didTo, nameAndId } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import type { Account } from '../../services/services.ts';
import { noticeText } from './parts/notice-text.ts';

/** How much of the text a confirmation shows. */
const shownLength = 300;

export default defineCommand({
  name: 'server-notice',
  synonyms: ['announce', 'announcement', 'broadcast', 'message', 'notice', 'send'],
  summary: 'Sends users a message from the server',
  does: [
    'send it to each user in a room of their own, as the server’s notices account',
    'take Markdown: **bold**, *italics*, `code` and [links](https://example.com)',
  ],
  doesNot: [
    'work unless server_notices is set in Synapse’s configuration',
    'send to deactivated accounts, or to users of other servers',
    'keep line breaks',
  ],
  args: {
    accounts: positional('account', 'One or more users, by their full IDs', {
      many: true,
      placeholder: 'USER',
    }),
    text: positional('text', 'The message', { rest: true }),
    allUsers: flag('boolean', 'To all users of this server who are not guests', {
      default: false,
      matching: '--no-guests',
    }),
  },
  danger: ({ allUsers }) => (allUsers ? 'destructive' : 'change'),
  maxDanger: 'destructive',
  protects: { nobody: 'it only sends them a message' },
  reversible: false,
  example: 'server-notice @mallory:example.com Please read our **rules**.',
  endpoints: ['PUT /_synapse/admin/v1/send_server_notice/{txn_id}'],
  knownFromList: true,
  inBatch: () => 'Send a message from the server to',
  plan: ({ text }) => ({
    does: [`send “${inert(text, shownLength)}”`],
    doesNot: ['take it back: a message that was sent stays in the room'],
  }),
  nothingToDo: ({ deactivated }) => (deactivated ? 'is deactivated' : undefined),
  async preview({ args: { accounts: account, text } }) {
    assertActive(account);
    return {
      title: ['Send a message from the server to ', ...nameAndId(account), '?'],
      body: [line('“', inert(text, shownLength), '”')],
      warning: 'A message that was sent stays in the room.',
    };
  },
  async run({ args: { accounts: account, text }, services, transactionId }) {
    assertActive(account);
    return services.server.sendNotice(account.name, noticeText(text), transactionId);
  },
  answer: ({ args: { accounts: account, text } }, eventId) => ({
    mark: '✅',
    title: didTo('Sent a message from the server to', account),
    body: [line('“', inert(text, shownLength), '”')],
    next: [`user ${idWord(account.name)}`],
    data: { userId: account.name, eventId },
  }),
  // Only the user's own room would tell.
  reconcile: async () => 'unknowable',
});

/** @throws TargetError the account is deactivated */
function assertActive({ deactivated, name }: Pick<Account, 'deactivated' | 'name'>): void {
  if (deactivated) {
    throw new TargetError('state', `${name} is deactivated`, 'Nothing was sent.');
  }
}
