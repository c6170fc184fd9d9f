import { didTo, nameAndId } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { flag, userArgument } from '../../chat/command/arguments.ts';
import type { ParsedArguments } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import type { Json } from '../../chat/command/invocation.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { idWord } from '../../chat/reading/values.ts';
import { HomeserverError, TargetError, UsageError } from '../../core/errors.ts';
import { fieldsOf, missingFrom } from '../../services/accounts/account-edit.ts';
import type { AccountEdit, Edited } from '../../services/accounts/account-edit.ts';
import type { Account } from '../../services/services.ts';
import { changesList, fieldTitle, replacesLine } from './parts/account-changes.ts';
import {
  checkProfile,
  profileFlags,
  readEmail,
  readExternalId,
  readPhone,
} from './parts/profile-flags.ts';
import { passwordAfterReactivation } from './parts/restriction.ts';
import { adminsLeft, adminsWithout, adminWarning } from './parts/server-admin.ts';

const declared = {
  account: userArgument,
  ...profileFlags,
  clearType: flag('boolean', 'Make it an ordinary account', { default: false }),
  clearEmail: flag('boolean', 'Remove all e-mail addresses', { default: false }),
  clearPhone: flag('boolean', 'Remove all phone numbers', { default: false }),
  clearExternalId: flag('boolean', 'Remove all logins at identity providers', { default: false }),
  admin: flag('boolean', 'Grant or remove server admin rights'),
  reactivate: flag('boolean', 'Reactivate a deactivated account', { default: false }),
  logoutDevices: flag('boolean', 'Log out all devices', { default: false }),
} as const;

type Given = Omit<ParsedArguments<typeof declared>, 'account'>;
type EditContext = Context<typeof declared>;

export default defineCommand({
  name: 'edit-user',
  synonyms: [
    'display-name',
    'displayname',
    'modify-user',
    'rename',
    'rename-user',
    'set-avatar',
    'set-email',
    'update-user',
  ],
  summary: 'Changes an account',
  does: [
    'set name, avatar, type, addresses, logins and admin rights',
    'replace all e-mail addresses (--email), phone numbers (--phone) or logins at identity providers (--external-id) with the new ones',
    'remove values with "" (name, avatar) or --clear-…',
  ],
  doesNot: [
    'create an account (see !create-user)',
    'set a password (see !reset-password)',
    'take over another account’s address',
    'change the name or avatar of a suspended account that is in rooms: they would keep showing the old one',
    'log out devices (unless --logout-devices)',
  ],
  args: declared,
  danger: (given) =>
    given.admin !== undefined
      ? 'critical'
      : given.logoutDevices || opensAccount(given)
        ? 'destructive'
        : 'change',
  maxDanger: 'critical',
  // Nobody may open a way into a protected account. Making somebody an admin doesn't open one.
  protects(given) {
    const isOther =
      given.logoutDevices || fieldsOf(editOf({ ...given, admin: undefined })).length > 0;
    return isOther ? true : given.admin === false ? 'all_but_admins' : false;
  },
  example: 'edit-user @mallory:example.com --displayname "Mallory M." --email m@example.com',
  endpoints: [
    'PUT /_synapse/admin/v2/users/{user_id}',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],

  check,

  async preview(context) {
    const { args } = context;
    const fields = await assertPossible(context);
    const warnings = [
      args.admin === true && adminWarning,
      args.admin === false && adminsLeft(await adminsWithout(context, args.account)),
      opensAccount(args) &&
        'Anyone with access to the new address or login can get into the account.',
      args.logoutDevices && 'Devices that are logged out lose their encryption keys.',
    ].filter((text) => text !== false);
    return {
      title: ['Change ', ...nameAndId(args.account), '?'],
      body: [
        ...(fields.length === 0 ? [] : [changesList(args.account, editOf(args), fields)]),
        ...replacesLine(args.account, fields),
        ...(args.logoutDevices
          ? [line(`Will: log out ${await devicesOf(context)}`)]
          : [line('Will not: log out devices')]),
      ],
      ...(warnings.length === 0 ? {} : { warning: warnings.join(' ') }),
    };
  },

  async run(context) {
    const { args, services } = context;
    const fields = await assertPossible(context);
    const edited: Edited =
      fields.length === 0
        ? { account: args.account, missing: [] }
        : await services.accounts.edit(args.account, editOf(args));
    if (!args.logoutDevices || edited.missing.length > 0) {
      return { fields, edited, devices: undefined };
    }
    try {
      const devices = await services.devices.logOutAll(args.account.name);
      return { fields, edited, devices };
    } catch (error) {
      if (fields.length > 0 && error instanceof HomeserverError && !error.mayHaveHappened) {
        return { fields, edited: { ...edited, error }, devices: undefined };
      }
      throw error;
    }
  },

  answer({ args, services }, { fields, edited, devices }) {
    const { account, missing, error } = edited;
    const changed = fields.filter((field) => !missing.includes(field));
    const body: Block[] = [];
    if (changed.length > 0) {
      body.push(
        changesList(args.account, editOf(args), changed),
        ...replacesLine(args.account, changed),
      );
    }
    if (error !== undefined) {
      const lost = [
        ...missing.map(fieldTitle),
        ...(args.logoutDevices && devices === undefined ? ['logging out devices'] : []),
      ];
      body.push(line(`Not changed: ${lost.join(', ')}; ${error.message}.`));
    }
    if (devices !== undefined) {
      body.push(
        line(
          devices === 0
            ? 'They were not logged in anywhere.'
            : `${count(devices, 'device')} logged out.`,
        ),
      );
    }
    if (changed.includes('reactivate')) {
      body.push(
        line(
          passwordAfterReactivation(services.accounts.traits),
          account.admin ? ' They are a server admin.' : '',
        ),
      );
    }
    return {
      mark: error === undefined ? '✅' : '⚠️',
      title: didTo(error === undefined ? 'Changed' : 'Partly changed:', account),
      body,
      ...(error === undefined ? {} : { status: 'partial' as const }),
      next: [`user ${idWord(account.name)}`],
      data: account,
    };
  },

  undo({ args, registry }, { fields, edited, devices }) {
    const self = registry.find('edit-user');
    const isExact =
      edited.error === undefined && devices === undefined && !fields.includes('reactivate');
    const before = isExact ? argumentsBefore(args.account, fields) : undefined;
    return self === undefined || before === undefined
      ? undefined
      : writeInvocation(self, {
          arguments: { account: args.account.name, ...before },
          dryRun: false,
        });
  },

  async reconcile({ args, services }) {
    const edit = editOf(args);
    const edited = await services.accounts.reconcileEdit(args.account.name, edit);
    if (!args.logoutDevices) {
      return edited;
    }
    const isLoggedIn = (await services.devices.list(args.account.name)).length > 0;
    if (fieldsOf(edit).length === 0) {
      return isLoggedIn ? 'not_done' : 'done';
    }
    // If only a part was done, nothing will do the rest.
    return (edited === 'done') === isLoggedIn ? 'unknowable' : edited;
  },
});

/** @throws UsageError nothing is to be changed, or two flags contradict each other */
function check(given: Given): void {
  checkProfile(given);
  for (const [flagName, clearName, isGiven, isCleared] of [
    ['--user-type', '--clear-type', given.userType !== undefined, given.clearType],
    ['--email', '--clear-email', given.email.length > 0, given.clearEmail],
    ['--phone', '--clear-phone', given.phone.length > 0, given.clearPhone],
    ['--external-id', '--clear-external-id', given.externalId.length > 0, given.clearExternalId],
  ] as const) {
    if (isGiven && isCleared) {
      throw new UsageError(`\`${clearName}\` contradicts \`${flagName}\`.`, { word: clearName });
    }
  }
  if (fieldsOf(editOf(given)).length === 0 && !given.logoutDevices) {
    throw new UsageError('Nothing to change.', {
      advice: 'Say what to change: `--displayname NAME`, `--email ADDRESS`, …',
    });
  }
}

/** Whether the new values let somebody into the account: a new password is sent to an address. */
function opensAccount({ email, phone, externalId }: Given): boolean {
  return [email, phone, externalId].some((values) => values.length > 0);
}

function editOf(given: Given): AccountEdit {
  const list = <Value>(values: readonly string[], clear: boolean, read: (text: string) => Value) =>
    clear ? [] : values.length === 0 ? undefined : values.map(read);
  return {
    reactivate: given.reactivate ? true : undefined,
    admin: given.admin,
    userType: given.clearType ? null : given.userType,
    displayname: given.displayname,
    avatarUrl: given.avatarUrl,
    emails: list(given.email, given.clearEmail, readEmail),
    phones: list(given.phone, given.clearPhone, readPhone),
    externalIds: list(given.externalId, given.clearExternalId, readExternalId),
  };
}

/**
 * The fields that really change.
 *
 * @throws TargetError none do, an address belongs to another account, or no server admin would be left
 */
async function assertPossible(context: EditContext) {
  const { args, services } = context;
  const edit = editOf(args);
  const fields = missingFrom(args.account, edit);
  if (fields.length === 0 && !args.logoutDevices) {
    throw new TargetError('state', `${args.account.name} already has these values`);
  }
  await services.accounts.assertFree(
    { threepids: [...(edit.emails ?? []), ...(edit.phones ?? [])], externalIds: edit.externalIds },
    args.account.name,
  );
  if (fields.includes('admin') && edit.admin === false) {
    await adminsWithout(context, args.account);
  }
  await assertShown(context, fields);
  return fields;
}

/**
 * Rooms show the name and avatar that a user had when Synapse last sent them, as that user. A suspended one can't send,
 * and Synapse answers as if all was done.
 *
 * @throws TargetError the new name or avatar would not reach the rooms
 */
async function assertShown(
  { args: { account }, services, prefix }: EditContext,
  fields: readonly (keyof AccountEdit)[],
): Promise<void> {
  const shown = fields.filter((field) => field === 'displayname' || field === 'avatarUrl');
  if (shown.length === 0 || !account.suspended) {
    return;
  }
  const rooms = (await services.accounts.joinedRooms(account.name)).length;
  if (rooms > 0) {
    const id = idWord(account.name);
    throw new TargetError(
      'state',
      `${account.name} is suspended: ${count(rooms, 'room')} would keep showing the old ${shown.map(fieldTitle).join(' and ').toLowerCase()}`,
      `Lock the account instead, then change it: \`${prefix}lock ${id}\`, \`${prefix}unsuspend ${id}\``,
    );
  }
}

async function devicesOf({ args, services }: EditContext): Promise<string> {
  return count((await services.devices.list(args.account.name)).length, 'device');
}

/** The flags that bring fields back to what they were; undefined if no flags can. */
function argumentsBefore(account: Account, fields: readonly (keyof AccountEdit)[]) {
  const addresses = (medium: string) =>
    account.threepids.filter((one) => one.medium === medium).map(({ address }) => address);
  const emails = addresses('email');
  const phones = addresses('msisdn');
  const logins = account.externalIds.map(
    ({ authProvider, externalId }) => `${authProvider}:${externalId}`,
  );
  const flags = {
    reactivate: {},
    admin: { admin: account.admin },
    userType: account.userType === null ? { clearType: true } : { userType: account.userType },
    displayname: { displayname: account.displayname ?? '' },
    avatarUrl: { avatarUrl: account.avatarUrl ?? '' },
    emails: emails.length === 0 ? { clearEmail: true } : { email: emails },
    phones: phones.length === 0 ? { clearPhone: true } : { phone: phones },
    externalIds: logins.length === 0 ? { clearExternalId: true } : { externalId: logins },
  };
  const before = Object.assign({}, ...fields.map((field) => flags[field])) as Record<string, Json>;
  try {
    // An account may have had a value that the command refuses, such as an invalid avatar address.
    checkProfile({ email: [], phone: [], externalId: [], ...before });
    return before;
  } catch {
    return undefined;
  }
}
