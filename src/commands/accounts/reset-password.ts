import { accountFacts, didTo, nameAndId, standing } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { flag, userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import {
  assertDirectIsReadable,
  onlyTo,
  passwordLine,
  withNewPassword,
} from './parts/direct-message.ts';

const declared = {
  account: userArgument,
  logout: flag('boolean', 'Log out all devices (the default)', { default: true }),
} as const;

export default defineCommand({
  name: 'reset-password',
  synonyms: ['change-password', 'new-password', 'passwd', 'password', 'pw', 'set-password'],
  summary: 'Sets a new password',
  does: [
    'replace the password with a generated one, and send it only to you',
    'log out all devices (unless --no-logout)',
  ],
  doesNot: [
    'notify the owner',
    'restore the old password',
    'stop logins through an identity provider',
  ],
  args: declared,
  danger: 'destructive',
  reversible: false,
  answersSecret: true,
  example: 'reset-password @mallory:example.com --reason "account was stolen"',
  endpoints: ['POST /_synapse/admin/v1/reset_password/{user_id}', 'GET /_matrix/client/v3/login'],

  async preview(context) {
    const { args, services, now } = context;
    assertActive(context);
    await assertPasswordLogin(context);
    await assertDirectIsReadable(context);
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
          `send the password ${onlyTo(context)}`,
        ),
        line(
          'Will not: notify the owner',
          logins > 0 ? `, stop ${count(logins, 'login')} through an identity provider` : '',
        ),
      ],
      warning: 'The old password can’t be restored.',
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
      line(logout ? 'All their devices are logged out.' : 'Their devices are still logged in.'),
      passwordLine(sent, account.name, prefix),
    ],
    data: { userId: account.name, logoutDevices: logout, passwordSent: sent },
  }),
});

/** Synapse accepts a password for a deactivated account, but nobody can log in with it. */
function assertActive({ args: { account }, prefix }: Context<typeof declared>): void {
  if (account.deactivated) {
    throw new TargetError(
      'state',
      `${account.name} is deactivated, so nobody can log in with a password`,
      `Nothing was changed. Reactivate the account first: \`${prefix}reactivate ${idWord(account.name)}\``,
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
      'password login is off on this server, so nobody could log in with a new password',
      `Nothing was changed. To log out their devices: \`${prefix}edit-user ${idWord(account.name)} --logout-devices\``,
    );
  }
}
