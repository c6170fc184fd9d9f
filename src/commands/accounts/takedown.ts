import { accountFacts, nameAndId, standing } from '../../chat/answers/account.ts';
import { line } from '../../chat/answers/answer.ts';
import { amount, count, dateTime } from '../../chat/answers/phrases.ts';
import { flag, usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context, Plan, Step } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { sentOf, sumOf } from './parts/redacted.ts';
import { notForServices } from './parts/restriction.ts';

const args = {
  accounts: usersArgument,
  erase: flag('boolean', 'Also erase: hide messages from people who join later', {
    default: false,
  }),
  keepAccount: flag('boolean', 'Leave the account suspended, do not deactivate it', {
    default: false,
  }),
  since: flag('date', 'Redact only messages sent since then (default: all)'),
  deleteMedia: flag('boolean', 'Also delete the files; this can’t be undone', { default: false }),
} as const;

type TakedownContext = Context<typeof args>;

/** Infers the type of a step's result. Every step can be repeated: it only changes what is not done yet. */
function step<Result>(one: Omit<Step<typeof args, Result>, 'repeats'>): Step<typeof args> {
  return { ...one, repeats: true };
}

const suspend = step({
  name: 'suspend',
  run: async ({ args: { accounts: account }, services }) => {
    await services.accounts.setSuspended(account.name, true);
    return { wasSo: account.suspended };
  },
  did: ({ wasSo }) => (wasSo ? 'already suspended' : 'suspended'),
  wasSo: ({ wasSo }) => wasSo,
  undo: ({ args: { accounts: account } }, { wasSo }) =>
    wasSo ? undefined : `unsuspend ${idWord(account.name)}`,
  resultIfDone: ({ args: { accounts: account } }) => ({ wasSo: account.suspended }),
  reconcile: async ({ args: { accounts: account }, services }) =>
    services.accounts.reconcileSuspended(account.name, true),
});

const quarantine = step({
  name: 'quarantine',
  run: async ({ args: { accounts: account }, services, protectedHashes }) =>
    services.media.quarantineUploads(account.name, protectedHashes),
  did: ({ changed, before, kept }) =>
    [
      changed.length === 0 ? 'no file quarantined' : `quarantined ${count(changed.length, 'file')}`,
      before > 0 ? `${amount(before, 'file')} quarantined before` : '',
      kept > 0 ? `${count(kept, 'protected file')} left` : '',
    ]
      .filter((part) => part !== '')
      .join(', '),
  wasSo: ({ changed, before }) => changed.length === 0 && before > 0,
  missed: ({ left, stoppedBy }) =>
    stoppedBy === undefined
      ? undefined
      : `${count(left, 'file')} may not be quarantined: ${stoppedBy.message}`,
  // Lifting it releases all files of this user that the bot has quarantined, as the preview says.
  undo: ({ args: { accounts: account } }, { changed, before }) =>
    changed.length === 0 || before > 0 ? undefined : `unquarantine --user ${idWord(account.name)}`,
  reconcile: async ({ args: { accounts: account }, services, protectedHashes }) =>
    (await services.media.areUploadsQuarantined(account.name, protectedHashes))
      ? 'done'
      : 'not_done',
});

const redact = step({
  name: 'redact',
  run: async (context) =>
    context.services.redaction.redactSuspended(requestOf(context), {
      reason: context.reason,
      keepId: context.keepServerJob,
      wasLocked: wasLocked(context),
    }),
  did: (started) =>
    started === undefined
      ? 'nothing to redact'
      : `redacted ${sentOf(started.shares)} in ${count(started.shares.length, 'room')}`,
  serverJob: (started) => started?.redactId,
  async reconcile(context) {
    return context.services.redaction.reconcileSuspended(requestOf(context), {
      redactId: context.serverJob,
      wasLocked: wasLocked(context),
    });
  },
});

/**
 * Whether the account was locked before. If an older version started the operation, this is not known after a
 * crash. Leaving a lock does less harm than lifting one by mistake. If the account is deactivated next,
 * neither does harm.
 */
function wasLocked({ args: { accounts: account, keepAccount } }: TakedownContext): boolean {
  const known: boolean | undefined = account.locked;
  return known ?? keepAccount;
}

const deleteMedia = step({
  name: 'delete-media',
  run: async ({ args: { accounts: account }, services }) => services.media.deleteAll(account.name),
  did: ({ deletedMedia }) =>
    deletedMedia.length === 0
      ? 'no file to delete'
      : `deleted ${count(deletedMedia.length, 'file')}`,
  missed: ({ remaining, stoppedBy }) =>
    // What failed last had nothing left to delete.
    remaining === 0
      ? undefined
      : `${remaining === undefined ? 'an unknown number of files' : count(remaining, 'file')} ${remaining === 1 ? 'is' : 'are'} left${stoppedBy === undefined ? '' : `: ${stoppedBy.message}`}`,
  reconcile: async ({ args: { accounts: account }, services }) =>
    (await services.media.reconcileDeletion(account.name)) === 'done' ? 'done' : 'not_done',
});

const deactivate = step({
  name: 'deactivate',
  run: async ({ args: { accounts: account, erase }, services }) => {
    await services.accounts.deactivate(account.name, { erase });
    const rooms = await services.accounts.waitUntilGone(account.name);
    return { wasSo: account.deactivated, erase, rooms };
  },
  did({ wasSo, erase, rooms }) {
    const state = wasSo ? 'already deactivated' : 'deactivated';
    const erased = erase ? (wasSo ? ', and erased' : ' and erased') : '';
    return `${state}${erased}${rooms === 0 ? '' : `, still leaving ${count(rooms, 'room')}`}`;
  },
  wasSo: ({ wasSo }) => wasSo,
  undo: ({ args: { accounts: account } }, { wasSo }) =>
    wasSo ? undefined : `reactivate ${idWord(account.name)}`,
  resultIfDone: ({ args: { accounts: account, erase } }) => ({
    wasSo: account.deactivated,
    erase,
    rooms: 0,
  }),
  reconcile: async ({ args: { accounts: account, erase }, services }) =>
    services.accounts.reconcileDeactivation(account.name, { erase }),
});

const warning = ({ erase, deleteMedia: deletes, keepAccount }: Given) =>
  [
    `Redacted messages${deletes ? ' and deleted files' : ''} can’t be restored${erase ? ', and erasing can’t be undone' : ''}.`,
    ...(keepAccount
      ? []
      : ['Reactivating the account does not restore rooms, devices and addresses.']),
  ].join(' ');

interface Given {
  readonly erase: boolean;
  readonly keepAccount: boolean;
  readonly deleteMedia: boolean;
  readonly since?: number | undefined;
}

/**
 * What is done, step by step, and what is not.
 *
 * @param found what one account has, or several have together; undefined if nobody has looked
 * @param where for a single account: how many rooms have its messages, and how many it is in
 */
function plan(
  { erase, keepAccount, deleteMedia: deletes, since }: Given,
  found: Readonly<Record<string, number>> | undefined,
  // Several accounts may share rooms: their numbers of rooms can't be added up.
  where?: { readonly sent: number; readonly joined: number },
): Plan {
  const { messages = 0, joins = 0, roomsWithMore = 0, files = 0, devices = 0 } = found ?? {};
  const isKnown = found !== undefined;
  const sent = sentOf([{ messages, joins, isMore: roomsWithMore > 0 }]);
  const isEmpty = isKnown && messages + joins + roomsWithMore === 0;
  const allFiles = isKnown ? count(files, 'file') : 'all files';
  const whatIsSent = isKnown ? sent : 'all messages';
  const rooms = (number: number | undefined) =>
    number === undefined ? 'all rooms' : count(number, 'room');
  return {
    does: [
      'suspend: nothing more is sent',
      `quarantine: ${allFiles}`,
      `redact: ${isEmpty ? 'nothing' : `${whatIsSent} in ${rooms(where?.sent)}`}${since === undefined ? '' : `, sent since ${dateTime(since)}`}`,
      ...(deletes ? [`delete-media: ${allFiles}`] : []),
      ...(keepAccount
        ? []
        : [
            `deactivate: log out ${isKnown ? count(devices, 'device') : 'all devices'}, remove from ${rooms(where?.joined)}, delete e-mail and account data${erase ? ', hide messages from people who join later' : ''}`,
          ]),
    ],
    doesNot: [
      'redact reactions or polls',
      ...(deletes ? [] : ['delete the files']),
      'act in this room, or where I send secrets',
    ],
  };
}

/**
 * The order matters on Synapse:
 *
 * - Suspension comes first, so that nothing new is sent while the other steps run.
 * - Quarantine comes before redaction: the files are out of reach at once, and stay so if their deletion
 *   fails.
 * - Redaction comes before deactivation: deactivated accounts have left their rooms, and Synapse then reaches
 *   only rooms that are named. `redactSuspended` names them all. Its comment says how suspension gets in the
 *   way.
 * - Deactivation comes last: it takes away devices and rooms, which tell a moderator who this was if a step
 *   fails.
 */
function stepsFor({ keepAccount, deleteMedia: deletes }: Given): Step<typeof args>[] {
  return [
    suspend,
    quarantine,
    redact,
    ...(deletes ? [deleteMedia] : []),
    ...(keepAccount ? [] : [deactivate]),
  ];
}

export default defineCommand({
  name: 'takedown',
  synonyms: ['annihilate', 'clean-up', 'cleanup', 'nuke', 'purge-user', 'take-down', 'wipe'],
  summary: 'Stops an account and removes what it has sent, in one go',
  does: [
    'suspend the account, so that it sends nothing more',
    'quarantine the files that it has uploaded',
    'redact its messages and join events in all rooms, also those that it left or was banned from',
    'with --delete-media: delete all its files',
    'deactivate the account (unless --keep-account), with all that !deactivate does',
    'go on with the other steps if one fails, and after a restart',
  ],
  doesNot: [
    'redact reactions, polls and other events that are not messages',
    'act on the management room, on rooms in which this bot sends secrets, on saved copies, or on servers that ignore redactions',
    'quarantine files that are protected, or identical to a file of a protected account',
    'restore messages, deleted files, rooms and devices when it is undone',
  ],
  args,
  danger: 'destructive',
  resolvesReports: true,
  check({ erase, keepAccount }) {
    if (erase && keepAccount) {
      throw new UsageError('Give `--erase` or `--keep-account`, not both.', {
        word: '--erase',
        advice: 'Synapse only erases accounts that are deactivated.',
      });
    }
  },
  example: 'takedown @mallory:example.com --delete-media --reason spam',
  endpoints: [
    'PUT /_synapse/admin/v1/suspend/{user_id}',
    'GET /_synapse/admin/v1/users/{user_id}/media',
    'POST /_synapse/admin/v1/user/{user_id}/media/quarantine',
    'GET /_synapse/admin/v1/users/{user_id}/memberships',
    'GET /_synapse/admin/v1/rooms/{room_id}/messages',
    'POST /_synapse/admin/v1/user/{user_id}/redact',
    'GET /_synapse/admin/v1/user/redact_status/{redact_id}',
    'DELETE /_synapse/admin/v1/users/{user_id}/media',
    'POST /_synapse/admin/v1/deactivate/{user_id}',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],

  inBatch: ({ erase }) => (erase ? 'Take down and erase' : 'Take down'),
  plan: (given, sums) => plan(given, sums),
  warning,

  async preview(context) {
    const { args: given, services, now } = context;
    const { accounts: account } = given;
    const [footprint, shares] = await Promise.all([
      services.accounts.footprint(account),
      services.redaction.findShares(requestOf(context)),
    ]);
    const rooms = count(shares.length, 'room');
    const numbers = {
      messages: sumOf(shares, 'messages'),
      joins: sumOf(shares, 'joins'),
      roomsWithMore: shares.filter(({ isMore }) => isMore).length,
      files: footprint.files,
      devices: footprint.devices,
    };
    const { does, doesNot } = plan(given, numbers, {
      sent: shares.length,
      joined: footprint.rooms,
    });
    return {
      title: ['Take down ', ...nameAndId(account), given.erase ? ' and erase?' : '?'],
      body: [
        accountFacts(account, footprint, now),
        ...standing(account),
        ...(given.keepAccount ? [] : notForServices(account, context.prefix)),
        { kind: 'list', items: does.map((phrase) => [phrase]) },
        line('Will not:'),
        { kind: 'list', items: doesNot.map((phrase) => [phrase]) },
      ],
      numbers,
      facts: [
        `${sentOf(shares)} in ${rooms}`,
        amount(footprint.files, 'file'),
        amount(footprint.devices, 'device'),
        ...(sumOf(shares, 'messages') === 0 ? ['has sent no messages'] : []),
      ],
      warning: warning(given),
    };
  },

  steps: stepsFor,
});

function requestOf({ args: { accounts: account, since } }: TakedownContext) {
  return { user: account.name, since: since ?? 0, room: undefined };
}
