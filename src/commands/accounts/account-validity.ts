import { didTo } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { when } from '../../chat/answers/phrases.ts';
import { flag, usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';

export default defineCommand({
  name: 'account-validity',
  synonyms: ['expire', 'expiry', 'renew', 'validity'],
  summary: 'Sets when accounts expire, or renews them',
  does: [
    'renew the accounts for the period in Synapse’s configuration, without --expires',
    'work where Synapse expires accounts (account_validity in its configuration)',
  ],
  doesNot: [
    'show when an account expires, or bring an earlier time back: Synapse doesn’t tell',
    'deactivate an account that has expired: it works again once it is renewed',
  ],
  args: {
    account: usersArgument,
    expires: flag('date', 'When they expire: a date, or a time from now', {
      ahead: true,
      placeholder: '30d',
    }),
    emails: flag('boolean', 'Ask for a renewal by email (the default); --no-emails: don’t', {
      default: true,
    }),
  },
  danger: 'change',
  protects: true,
  example: 'account-validity @guest:example.com --expires 30d --reason "summer internship"',
  endpoints: ['POST /_synapse/admin/v1/account_validity/validity'],
  repeats: true,
  inBatch: () => 'Set the expiry of',
  run: async ({ args: { account, expires, emails }, services }) =>
    services.accounts.setValidity(account.name, { expirationTs: expires, renewalEmails: emails }),
  answer({ args: { account, expires }, now }, { expirationTs, notSet }) {
    const hasExpired = expirationTs <= now;
    const what =
      notSet !== undefined
        ? 'Only renewed'
        : hasExpired
          ? 'Expired now:'
          : expires === undefined
            ? 'Renewed'
            : 'Set the expiry of';
    return {
      mark: notSet === undefined ? '✅' : '⚠️',
      title: didTo(what, account),
      body: [
        line(
          hasExpired
            ? 'Synapse refuses what they do until the account is renewed.'
            : `The account expires ${when(expirationTs, now)}.`,
        ),
        ...(notSet === undefined
          ? []
          : [line(`The time that you asked for is not set: ${notSet.message}.`)]),
        line(
          'Synapse doesn’t tell when it would have expired before, so that time can’t be brought back.',
        ),
      ],
      ...(notSet === undefined ? {} : { status: 'partial' as const }),
      next: [`account-validity ${idWord(account.name)} --expires 30d`],
      data: { userId: account.name, expirationTs },
    };
  },
  // Synapse doesn't say when an account expires.
  reconcile: async () => 'unknowable',
});
