import { didTo, nameAndId, standing } from '../../chat/answers/account.ts';
import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Block, Inline } from '../../chat/answers/answer.ts';
import { ago, continuesByItself, count, dateTime } from '../../chat/answers/phrases.ts';
import { roomName } from '../../chat/answers/room.ts';
import { flag, usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { adviceOn } from '../../services/redaction/user-redaction.ts';
import type { RoomShare } from '../../services/redaction/user-redaction.ts';
import type { Services } from '../../services/services.ts';
import { sentOf, sumOf } from './parts/redacted.ts';

/** The number of rooms that are shown by name. */
const shownRooms = 5;
/** The number of failed events in the data. */
const shownFailures = 100;

const args = {
  accounts: usersArgument,
  since: flag('date', 'Only messages sent since then (default: the last day)', { default: '1d' }),
  room: flag('room', 'Only in this room'),
} as const;

export default defineCommand({
  name: 'redact-user',
  synonyms: [
    'clean-up',
    'cleanup',
    'delete-messages',
    'erase',
    'nuke',
    'purge',
    'purge-user',
    'wipe',
  ],
  summary: 'Removes a user’s messages from all rooms',
  does: [
    'redact the messages since --since; the redactions appear as made by the user',
    'redact the names and avatars in their join events',
    'work in rooms that this bot is not in, or that the user left or was banned from',
    'show the reason in the rooms',
  ],
  doesNot: [
    'keep them from sending more (see !shadow-ban, !suspend, !deactivate)',
    'delete files (see !delete-media)',
    'redact reactions, polls and other events that are not messages',
    'act on the management room, on rooms in which this bot sends secrets, on saved copies, or on servers that ignore redactions',
  ],
  args,
  danger: 'destructive',
  reversible: false,
  example: 'redact-user @mallory:example.com --since 2h --reason spam',
  endpoints: [
    'GET /_synapse/admin/v1/users/{user_id}/memberships',
    'GET /_synapse/admin/v1/rooms/{room_id}/messages',
    'POST /_synapse/admin/v1/user/{user_id}/redact',
    'GET /_synapse/admin/v1/user/redact_status/{redact_id}',
    'GET /_synapse/admin/v1/scheduled_tasks',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
  ],

  inBatch: () => 'Redact messages of',

  async preview(context) {
    const { args: given, services, now } = context;
    const account = given.accounts;
    const request = requestOf(context);
    const shares = await services.redaction.findSentBy(request);
    return {
      title: [
        `Redact ${sentOf(shares)} by `,
        ...nameAndId(account),
        ` in ${count(shares.length, 'room')}?`,
      ],
      body: [
        line(`Sent since ${dateTime(request.since)}, ${ago(request.since, now)}`),
        ...(await roomLines(services, shares)),
        ...standing(account),
        line('Will: remove their content for everyone; the redactions appear as made by the user'),
        line('Will not: keep them from sending more, delete their files, redact reactions'),
        ...(given.room === undefined
          ? [line('This room and rooms in which I send secrets are left out.')]
          : []),
      ],
      facts: [`${sentOf(shares)} in ${count(shares.length, 'room')}`],
      warning: 'This can’t be undone.',
    };
  },

  run: async (context) =>
    context.services.redaction.redactUser(requestOf(context), {
      reason: context.reason,
      keepId: context.keepServerJob,
    }),

  serverJob: ({ redactId }) => redactId,

  answer(context, { shares, state, failed }) {
    const { accounts: account } = context.args;
    const failures = failed.length;
    const [first] = failed;
    const isRunning = state === 'running';
    return {
      mark: isRunning ? '⏳' : failures > 0 ? '⚠️' : '✅',
      title: [
        ...didTo(`${isRunning ? 'Redacting' : 'Redacted'} ${sentOf(shares)} by`, account),
        ` in ${count(shares.length, 'room')}`,
        ...(failures > 0 ? [bold(`, but not ${count(failures, 'of them', 'of them')}`)] : []),
      ],
      body: [
        ...(isRunning ? [line(continuesByItself)] : []),
        ...(first === undefined ? [] : [line(adviceOn(first.why))]),
      ],
      next: [
        `${context.services.accounts.traits.canShadowBan ? 'shadow-ban' : 'suspend'} ${idWord(account.name)}`,
        `media ${idWord(account.name)}`,
      ],
      ...(isRunning ? { status: 'running' as const } : {}),
      ...(failures > 0 ? { status: 'partial' as const } : {}),
      data: {
        userId: account.name,
        since: requestOf(context).since,
        rooms: shares.map(({ room }) => room),
        messages: sumOf(shares, 'messages'),
        joins: sumOf(shares, 'joins'),
        failed: failed.slice(0, shownFailures).map(({ event }) => event),
      },
    };
  },

  reconcile: async (context) =>
    context.services.redaction.reconcileUser(requestOf(context), context.serverJob),
});

function requestOf({ args: { accounts: account, since, room } }: Context<typeof args>) {
  return { user: account.name, since, room };
}

async function roomLines(
  { rooms: { names } }: Services,
  shares: readonly RoomShare[],
): Promise<Block[]> {
  const shown = shares.slice(0, shownRooms);
  const rooms = await names(shown.map(({ room }) => room));
  const items = shown.map((share, at): Inline[] => [
    roomName(rooms[at] ?? { name: null, canonicalAlias: null }) ?? code(share.room),
    `: ${sentOf([share])}`,
  ]);
  const rest = shares.length - shown.length;
  return [
    {
      kind: 'list',
      items: rest === 0 ? items : [...items, [`and ${count(rest, 'other room')}`]],
    },
  ];
}
