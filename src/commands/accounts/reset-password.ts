import { accountFacts, didTo, nameAndId, standing } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { TargetError } from '../../core/errors.ts';
import { assertWhisperIsReadable, passwordLine, withNewPassword } from './direct-message.ts';

const declared = {
  account: positional('account', 'Whose password', { placeholder: 'USER' }),
  logout: flag('boolean', 'Log all devices out', { default: true }),
} as const;

export default defineCommand({
  name: 'reset-password',
  synonyms: ['change-password', 'new-password', 'passwd', 'password', 'pw', 'set-password'],
  summary: 'Gives an account a new password',
  does: [
    'replace the password by a generated one, and send that to you alone',
    'log out all devices, but for --no-logout',
  ],
  doesNot: [
    'tell the owner anything',
    'bring the old password back',
    'stop logins by way of an identity provider',
  ],
  args: declared,
  danger: 'destructive',
  example: 'reset-password @mallory:example.com --reason "account was stolen"',
  endpoints: ['POST /_synapse/admin/v1/reset_password/{user_id}', 'GET /_matrix/client/v3/login'],

  async preview(context) {
    const { args, actor, services, now } = context;
    assertActive(context);
    await assertPasswordLogin(context);
    await assertWhisperIsReadable(context);
    const footprint = await services.accounts.footprint(args.account);
    const logins = args.account.externalIds.length;
    return {
      title: ['Reset the password of ', ...nameAndId(args.account), '?'],
      body: [
        accountFacts(args.account, footprint, now),
        ...standing(args.account),
        line(
          footprint.devices === 0
            ? 'Will: '
            : args.logout
              ? `Will: log out ${count(footprint.devices, 'device')}, `
              : `Will: leave ${count(footprint.devices, 'device')} logged in, `,
          `send the password to ${actor.kind === 'person' ? actor.user : 'nobody'} alone`,
        ),
        line(
          'Will not: tell the owner anything',
          logins > 0 ? `, stop ${count(logins, 'login')} by way of an identity provider` : '',
        ),
      ],
      warning: 'The old password can’t be brought back.',
    };
  },

  async run(context) {
    const { args, services } = context;
    assertActive(context);
    await assertPasswordLogin(context);
    const { sent } = await withNewPassword(context, args.account.name, async (newPassword) =>
      services.accounts.setPassword(args.account.name, newPassword, { logoutDevices: args.logout }),
    );
    return { sent };
  },

  answer: ({ args: { account, logout }, prefix }, { sent }) => ({
    mark: sent ? '✅' : '⚠️',
    title: didTo('Reset the password of', account),
    body: [
      line(logout ? 'All its devices are logged out.' : 'Its devices are still logged in.'),
      passwordLine(sent, account.name, prefix),
    ],
    data: { userId: account.name, logoutDevices: logout, passwordSent: sent },
  }),
});

/** Synapse takes a password for it all the same, which lets nobody in. */
function assertActive({ args: { account }, prefix }: Context<typeof declared>): void {
  if (account.deactivated) {
    throw new TargetError(
      'state',
      `${account.name} is deactivated: no password lets anybody in`,
      `Nothing was changed. \`${prefix}reactivate ${idWord(account.name)}\` comes first.`,
    );
  }
}

/** @throws TargetError nobody can log in with a password on this server */
async function assertPasswordLogin({
  args: { account },
  services,
  prefix,
}: Context<typeof declared>): Promise<void> {
  if ((await services.server.hasPasswordLogin()) === false) {
    throw new TargetError(
      'state',
      'password login is off on this server: a new password lets nobody in',
      `Nothing was changed. To log out its devices: \`${prefix}edit-user ${account.name} --logout-devices\``,
    );
  }
}
