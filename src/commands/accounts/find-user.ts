import { accountState, person, registeredAndSeen } from '../../chat/answers/account.ts';
import { facts } from '../../chat/answers/answer.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { externalIdText, readEmail, readPhone, threepidText } from './parts/profile-flags.ts';

interface Given {
  readonly email: string | undefined;
  readonly phone: string | undefined;
  readonly provider: string | undefined;
  readonly externalId: string | undefined;
}

export default defineCommand({
  name: 'find-user',
  synonyms: ['find', 'find-email', 'lookup', 'search'],
  summary: 'Finds an account by e-mail address, phone number or login at a provider',
  doesNot: ['search by name (see !users)', 'find similar addresses'],
  args: {
    email: flag('word', 'The full e-mail address', { placeholder: 'ADDRESS' }),
    phone: flag('text', 'The full number with country code', { placeholder: 'NUMBER' }),
    provider: flag('word', 'The identity provider’s name in the server’s configuration', {
      placeholder: 'P',
    }),
    externalId: flag('word', 'The ID at that provider; needs --provider', { placeholder: 'ID' }),
  },
  danger: 'read',
  role: 'moderator',
  example: 'find-user --email m@example.com',
  endpoints: [
    'GET /_synapse/admin/v1/threepid/{medium}/users/{address}',
    'GET /_synapse/admin/v1/auth_providers/{provider}/users/{external_id}',
    'GET /_synapse/admin/v2/users/{user_id}',
  ],

  check(args) {
    readKey(args);
  },

  async run({ args, services }) {
    const by = readKey(args);
    const account = await services.accounts.findByIdentity(by);
    if (account === undefined) {
      throw new TargetError(
        'unknown_user',
        'medium' in by
          ? `no account has the ${threepidText(by)}`
          : `no account logs in as ${externalIdText(by)}`,
        'Deactivated accounts have no addresses any more.',
      );
    }
    return account;
  },

  answer: ({ now }, account) => ({
    mark: 'ℹ️',
    title: [...person(account), `: ${accountState(account)}`],
    body: [
      facts(
        ...account.threepids.map(threepidText),
        ...account.externalIds.map((one) => `logs in as ${externalIdText(one)}`),
      ),
      facts(...registeredAndSeen(account, now)),
    ],
    next: [`user ${idWord(account.name)}`],
    data: account,
  }),
});

/** @throws UsageError not exactly one way to find somebody is given */
function readKey({ email, phone, provider, externalId }: Given) {
  const given = [email, phone, provider ?? externalId].filter((one) => one !== undefined);
  if (given.length !== 1) {
    throw new UsageError(
      given.length === 0 ? 'What should I search for?' : 'You can only search for one thing.',
      { advice: 'Give `--email`, `--phone`, or `--provider` with `--external-id`.' },
    );
  }
  if (email !== undefined) {
    return readEmail(email);
  }
  if (phone !== undefined) {
    return readPhone(phone);
  }
  if (provider === undefined || externalId === undefined) {
    throw new UsageError(
      `\`--${provider === undefined ? 'provider' : 'external-id'}\` is missing.`,
      { advice: '`--provider` and `--external-id` belong together.' },
    );
  }
  return { authProvider: provider, externalId };
}
