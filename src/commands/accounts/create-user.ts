import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { TargetError } from '../../core/errors.ts';
import { localpartOf } from '../../core/ids.ts';
import { assertWhisperIsReadable, passwordLine, withNewPassword } from './direct-message.ts';
import {
  checkProfile,
  externalIdText,
  profileFlags,
  readEmail,
  readExternalId,
  readPhone,
  threepidText,
} from './profile-flags.ts';
import { checkNewUsername, usernameRules } from './username.ts';

const declared = {
  user: positional('identity', 'The new account’s ID or name', { placeholder: 'USER' }),
  ...profileFlags,
  admin: flag('boolean', 'Make it a server admin', { default: false }),
} as const;

type CreateContext = Context<typeof declared>;

export default defineCommand({
  name: 'create-user',
  synonyms: ['add-user', 'adduser', 'new-user', 'register'],
  summary: 'Makes a new account',
  does: [
    'make an account with a generated password, and send that to you alone',
    'set name, avatar, addresses, logins and type',
  ],
  doesNot: [
    'change an account that exists (see edit-user)',
    'tell the owner anything',
    'join it to a room',
  ],
  args: declared,
  danger: ({ admin }) => (admin ? 'critical' : 'change'),
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
    await assertWhisperIsReadable(context);
    const { args, actor, services } = context;
    const whom = actor.kind === 'person' ? actor.user : 'nobody';
    return {
      title: ['Create ', code(args.user), args.admin ? ' as a server admin?' : '?'],
      body: [
        ...settingsLine(args),
        line(`Will: send the password to ${whom} alone, in a direct room`),
        ...passwordLoginLine(await services.server.hasPasswordLogin()),
        line('Will not: tell the owner anything, join it to a room'),
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
        bold(isWhole ? 'Created' : 'Created, but not with all that you asked for:'),
        ' ',
        ...nameAndId(account),
        account.admin ? ', a server admin' : '',
      ],
      body: [
        ...(isWhole ? [] : [line(`While it was made, ${refusal}. Look at what it has now.`)]),
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

/** @throws TargetError it exists, is not ours, or something of it belongs to somebody else */
async function assertPossible({ args, services, prefix }: CreateContext): Promise<void> {
  const { accounts } = services;
  const located = await accounts.locate(args.user);
  if (located.where === 'elsewhere') {
    throw new TargetError(
      'remote_user',
      `${args.user} would be an account of another server`,
      'Write the name alone, without a server.',
    );
  }
  if (located.where === 'here') {
    throw new TargetError(
      'state',
      `the account ${args.user} exists already${located.account.deactivated ? ', deactivated' : ''}`,
      located.account.deactivated
        ? `Names are never given twice. \`${prefix}reactivate ${idWord(args.user)}\` brings it back.`
        : `\`${prefix}edit-user ${idWord(args.user)}\` changes it.`,
    );
  }
  const free = await accounts.usernameAvailability(localpartOf(args.user));
  if (!free.available) {
    throw new TargetError(
      'state',
      {
        taken: `the name ${localpartOf(args.user)} is taken`,
        reserved: `the name ${localpartOf(args.user)} is reserved for an application service`,
        invalid: `the homeserver takes no account called ${localpartOf(args.user)}`,
      }[free.reason],
      usernameRules,
    );
  }
  await accounts.assertFree(identities(args), args.user);
}

/** Says that the password is of no use, where that is so. */
function passwordLoginLine(hasPasswordLogin: boolean | undefined): Block[] {
  return hasPasswordLogin === false
    ? [
        line(
          'Password login is off on this server, so the password lets nobody in. Give the account a login of your identity provider: ',
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

/** What was asked for, for people. */
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
