import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import { localpartOf } from '../../core/ids.ts';
import {
  assertDirectIsReadable,
  onlyTo,
  passwordLine,
  withNewPassword,
} from './parts/direct-message.ts';
import {
  checkProfile,
  externalIdText,
  profileFlags,
  readEmail,
  readExternalId,
  readPhone,
  threepidText,
} from './parts/profile-flags.ts';
import { checkNewUsername, usernameRules } from './parts/username.ts';

const declared = {
  user: positional('identity', 'The new account’s ID or name', { placeholder: 'USER' }),
  ...profileFlags,
  admin: flag('boolean', 'Make the account a server admin', { default: false }),
} as const;

type CreateContext = Context<typeof declared>;

export default defineCommand({
  name: 'create-user',
  synonyms: ['add-user', 'adduser', 'new-user', 'register'],
  summary: 'Creates an account',
  does: [
    'create an account with a generated password, and send the password only to you',
    'set name, avatar, addresses, logins and type',
  ],
  doesNot: ['change an existing account (see !edit-user)', 'notify the owner', 'join any rooms'],
  args: declared,
  danger: ({ admin }) => (admin ? 'critical' : 'change'),
  maxDanger: 'critical',
  answersSecret: true,
  example: 'create-user alice --displayname "Alice Marigold" --email alice@example.com',
  endpoints: [
    'GET /_synapse/admin/v2/users/{user_id}',
    'GET /_synapse/admin/v1/username_available',
    'PUT /_synapse/admin/v2/users/{user_id}',
    'GET /_matrix/client/v3/login',
  ],

  check(given) {
    checkNewUsername(localpartOf(given.user));
    checkProfile(given);
  },

  async preview(context) {
    await assertPossible(context);
    await assertDirectIsReadable(context);
    const { args, services } = context;
    return {
      title: ['Create ', code(args.user), args.admin ? ' as a server admin?' : '?'],
      body: [
        ...settingsLine(args),
        line(`Will: send the password ${onlyTo(context)}, in a direct message`),
        ...passwordLoginLine(await services.server.hasPasswordLogin()),
        line('Will not: notify the owner, join any rooms'),
      ],
      ...(args.admin ? { warning: 'A server admin can do everything on this server.' } : {}),
    };
  },

  async run(context) {
    const { args, services } = context;
    await assertPossible(context);
    const { result, sent } = await withNewPassword(context, args.user, async (password) =>
      services.accounts.create(args.user, fieldsOf(args, password)),
    );
    const hasPasswordLogin = await services.server.hasPasswordLogin().catch(() => undefined);
    return { ...result, sent, hasPasswordLogin };
  },

  answer({ args, prefix }, { account, refusal, sent, hasPasswordLogin }) {
    const isWhole = refusal === undefined;
    return {
      mark: isWhole && sent && hasPasswordLogin !== false ? '✅' : '⚠️',
      title: [
        bold(isWhole ? 'Created' : 'Created, but not everything could be set:'),
        ' ',
        ...nameAndId(account),
        account.admin ? ', a server admin' : '',
      ],
      body: [
        ...(isWhole
          ? []
          : [line(`After the account was created, ${refusal}. Check what it has now.`)]),
        ...settingsLine(args),
        passwordLine(sent, args.user, prefix),
        ...passwordLoginLine(hasPasswordLogin),
      ],
      next: [`user ${idWord(args.user)}`],
      ...(isWhole ? {} : { status: 'partial' as const }),
      data: { ...account, created: true, passwordSent: sent },
    };
  },

  async reconcile({ args, services }) {
    return services.accounts.reconcileCreation(args.user);
  },
});

/** @throws TargetError the account exists, is on another server, or somebody else has one of its identities */
async function assertPossible({ args, services, prefix }: CreateContext): Promise<void> {
  const { accounts } = services;
  const located = await accounts.locate(args.user);
  if (located.where === 'elsewhere') {
    throw new TargetError(
      'remote_user',
      `${args.user} would be an account on another server`,
      'Give the name without a server.',
    );
  }
  if (located.where === 'here') {
    throw new TargetError(
      'state',
      `the account ${args.user} already exists${located.account.deactivated ? ' and is deactivated' : ''}`,
      located.account.deactivated
        ? `A username can’t be used twice. \`${prefix}reactivate ${idWord(args.user)}\` brings it back.`
        : `\`${prefix}edit-user ${idWord(args.user)}\` changes it.`,
    );
  }
  const free = await accounts.usernameAvailability(localpartOf(args.user));
  if (!free.available) {
    throw new TargetError(
      'state',
      {
        taken: `the username ${localpartOf(args.user)} is taken`,
        reserved: `the username ${localpartOf(args.user)} is reserved for an application service`,
        invalid: `the homeserver doesn’t accept the username ${localpartOf(args.user)}`,
      }[free.reason],
      usernameRules,
    );
  }
  await accounts.assertFree(identities(args), args.user);
}

/** Says so if nobody can log in with the password. */
function passwordLoginLine(hasPasswordLogin: boolean | undefined): Block[] {
  return hasPasswordLogin === false
    ? [
        line(
          'Password login is off on this server, so nobody can log in with this password. Add a login at your identity provider: ',
          code('--external-id'),
        ),
      ]
    : [];
}

type Given = CreateContext['args'];

function identities({ email, phone, externalId }: Pick<Given, 'email' | 'phone' | 'externalId'>) {
  return {
    threepids: [...email.map(readEmail), ...phone.map(readPhone)],
    externalIds: externalId.map(readExternalId),
  };
}

/** The settings that were asked for, as people read them. */
function settingsLine(args: Given): Block[] {
  const { threepids, externalIds } = identities(args);
  const parts = [
    args.displayname !== undefined && args.displayname !== '' && `name ${inert(args.displayname)}`,
    args.avatarUrl !== undefined && args.avatarUrl !== '' && `avatar ${args.avatarUrl}`,
    ...threepids.map(threepidText),
    ...externalIds.map((one) => `login ${externalIdText(one)}`),
    args.userType !== undefined && `type ${args.userType}`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? [] : [line(`With ${parts.join(' · ')}`)];
}

function fieldsOf(args: Given, password: string) {
  const { threepids, externalIds } = identities(args);
  return {
    password,
    displayname: args.displayname === '' ? undefined : args.displayname,
    avatarUrl: args.avatarUrl === '' ? undefined : args.avatarUrl,
    admin: args.admin,
    threepids: threepids.length === 0 ? undefined : threepids,
    externalIds: externalIds.length === 0 ? undefined : externalIds,
    userType: args.userType,
  };
}
