import { didTo, nameAndId, standing } from '../../chat/answers/account.ts';
import { bold } from '../../chat/answers/answer.ts';
import { flag, usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { adminsLeft, adminsWithout, adminWarning } from './parts/server-admin.ts';

const declared = {
  account: usersArgument,
  grant: flag('boolean', 'Grant server admin rights', { default: false }),
  revoke: flag('boolean', 'Remove server admin rights', { default: false }),
} as const;

export default defineCommand({
  name: 'admin',
  synonyms: ['admins', 'demote', 'make-admin', 'op', 'promote'],
  summary: 'Shows or changes whether accounts are server admins',
  does: ['with --grant or --revoke: grant or remove all power over the server'],
  doesNot: [
    'change a role in this room',
    'remove the rights of this bot, of people with a role in this room, or of the last server admin',
  ],
  args: declared,
  danger: ({ grant, revoke }) => (grant || revoke ? 'critical' : 'read'),
  maxDanger: 'critical',
  protects: ({ revoke }) => (revoke ? 'all_but_admins' : false),
  example: 'admin @mallory:example.com',
  endpoints: [
    'GET /_synapse/admin/v1/users/{user_id}/admin',
    'PUT /_synapse/admin/v1/users/{user_id}/admin',
  ],

  repeats: true,
  inBatch: ({ grant, revoke }) =>
    grant ? 'Grant server admin rights to' : revoke ? 'Remove server admin rights of' : 'Show',
  nothingToDo: ({ admin }, { grant, revoke }) =>
    (grant || revoke) && admin === grant
      ? `is ${grant ? 'already' : 'not'} a server admin`
      : undefined,

  check({ grant, revoke }) {
    if (grant && revoke) {
      throw new UsageError('`--revoke` contradicts `--grant`.', { word: '--revoke' });
    }
  },

  async preview(context) {
    const { account, grant, revoke } = context.args;
    if (!grant && !revoke) {
      return { title: ['Show whether ', ...nameAndId(account), ' is a server admin?'], body: [] };
    }
    const left = await assertPossible(context);
    return {
      title: [
        grant ? 'Make ' : 'Remove server admin rights of ',
        ...nameAndId(account),
        grant ? ' a server admin?' : '?',
      ],
      body: standing(account),
      warning: left === undefined ? adminWarning : adminsLeft(left),
    };
  },

  async run(context) {
    const { args, services } = context;
    const { account, grant, revoke } = args;
    if (!grant && !revoke) {
      return services.accounts.isServerAdmin(account.name);
    }
    await assertPossible(context);
    await services.accounts.setServerAdmin(account.name, grant);
    return grant;
  },

  answer({ args: { account, grant, revoke }, botUser, role }, isAdmin) {
    const data = { userId: account.name, admin: isAdmin };
    if (grant || revoke) {
      return {
        mark: '✅',
        title: didTo(grant ? 'Now a server admin:' : 'No longer a server admin:', account),
        next: [`admin ${idWord(account.name)} --${grant ? 'revoke' : 'grant'}`],
        data,
      };
    }
    return {
      mark: 'ℹ️',
      title: [
        ...nameAndId(account),
        ' is ',
        bold(isAdmin ? 'a server admin' : 'not a server admin'),
        account.name === botUser ? ' (this bot)' : account.deactivated ? ', and deactivated' : '',
      ],
      ...(role !== 'admin' || account.name === botUser || (account.deactivated && !isAdmin)
        ? {}
        : { next: [`admin ${idWord(account.name)} --${isAdmin ? 'revoke' : 'grant'}`] }),
      data,
    };
  },

  undo: ({ args: { account, grant } }) =>
    `admin ${idWord(account.name)} --${grant ? 'revoke' : 'grant'}`,

  async reconcile({ args: { account, grant }, services }) {
    return services.accounts.reconcileServerAdmin(account.name, grant);
  },
});

/**
 * How many server admins would be left after `--revoke`.
 *
 * @throws TargetError there is nothing to change, or nobody would be left
 */
async function assertPossible(context: Context<typeof declared>): Promise<number | undefined> {
  const { account, grant } = context.args;
  if (account.admin === grant) {
    throw new TargetError(
      'state',
      `${account.name} is ${grant ? 'already a server admin' : 'not a server admin'}`,
      'Nothing was changed.',
    );
  }
  if (grant && account.deactivated) {
    throw new TargetError('state', `${account.name} is deactivated`, 'Nothing was changed.');
  }
  // All accounts that were named, not only this one.
  const named = [context.invocation.arguments['account'] ?? []].flat() as string[];
  return grant ? undefined : adminsWithout(context, account, named);
}
