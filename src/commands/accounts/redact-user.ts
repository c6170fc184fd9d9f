import { didTo, nameAndId, standing } from '../../chat/answers/account.ts';
import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Block, Inline } from '../../chat/answers/answer.ts';
import { ago, amount, count, dateTime } from '../../chat/answers/phrases.ts';
import { roomName } from '../../chat/answers/room.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { isAboutSuspension } from '../../services/redaction/redaction-task.ts';
import type { RoomShare } from '../../services/redaction/user-redaction.ts';
import { serverMessage } from '../../services/server-message.ts';
import type { Services } from '../../services/services.ts';

/** So many rooms are shown by name. */
const shownRooms = 5;
/** So many of what could not be redacted are in the data. */
const shownFailures = 100;

const args = {
  accounts: positional('account', 'Whose messages', { many: true, placeholder: 'USER' }),
  since: flag('date', 'Sent since then; the last day, if left out', { default: '1d' }),
  room: flag('room', 'In this room alone'),
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
  summary: 'Takes what accounts have sent out of all rooms',
  does: [
    'redact the messages of the last day, or since the time that is given, in the account’s own name',
    'redact what its joins showed as its name and avatar',
    'work in rooms that this bot is not in, and that the account has left or was banned from',
    'show the reason to the rooms',
  ],
  doesNot: [
    'keep the account from sending more (see shadow-ban, suspend, deactivate)',
    'delete files (see delete-media)',
    'redact reactions, polls and other events that are no messages',
    'reach the management room, rooms in which this bot tells secrets, what people have saved, or servers that ignore it',
  ],
  args,
  danger: 'destructive',
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

  inBatch: () => 'Redact what was sent by',

  async preview(context) {
    const { args: given, services, now } = context;
    const account = given.accounts;
    const request = requestOf(context);
    const shares = await services.redaction.findSentBy(request);
    return {
      title: [
        `Redact ${sentOf(shares)} of `,
        ...nameAndId(account),
        ` in ${count(shares.length, 'room')}?`,
      ],
      body: [
        line(`Sent since ${dateTime(request.since)}, ${ago(request.since, now)}`),
        ...(await roomLines(services, shares)),
        ...standing(account),
        line('Will: empty them for everybody, in the account’s own name'),
        line('Will not: keep it from sending more, delete its files, redact reactions'),
        ...(given.room === undefined
          ? [line('Not in this room and not in rooms in which I tell secrets.')]
          : []),
      ],
      facts: [`${sentOf(shares)} in ${count(shares.length, 'room')}`],
      warning: 'What is redacted doesn’t come back.',
    };
  },

  run: async (context) => context.services.redaction.redactUser(requestOf(context), context.reason),

  answer(context, { shares, state, failed }) {
    const { accounts: account } = context.args;
    const failures = failed.length;
    const [first] = failed;
    const isRunning = state === 'running';
    return {
      mark: isRunning ? '⏳' : failures > 0 ? '⚠️' : '✅',
      title: [
        ...didTo(`${isRunning ? 'Redacting' : 'Redacted'} ${sentOf(shares)} of`, account),
        ` in ${count(shares.length, 'room')}`,
        ...(failures > 0 ? [bold(`, but not ${count(failures, 'of them', 'of them')}`)] : []),
      ],
      body: [
        ...(isRunning
          ? [
              line(
                'The homeserver goes on by itself. I look now and then, and say here how it ended.',
              ),
            ]
          : []),
        ...(first === undefined ? [] : [line(adviceOn(first.why))]),
      ],
      next: [`shadow-ban ${idWord(account.name)}`, `media ${idWord(account.name)}`],
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

  reconcile: async (context) => context.services.redaction.reconcileUser(requestOf(context)),
});

function adviceOn(why: string): string {
  return isAboutSuspension(why)
    ? 'Synapse can’t act for a suspended account in rooms of old versions: lift the suspension, redact, and suspend it again.'
    : `Synapse says “${serverMessage(why)}”. A moderator of those rooms can redact them.`;
}

function requestOf({ args: { accounts: account, since, room } }: Context<typeof args>) {
  return { user: account.name, since, room };
}

function sumOf(shares: readonly RoomShare[], what: 'messages' | 'joins'): number {
  return shares.reduce((sum, share) => sum + share[what], 0);
}

/** `more than 1,000 messages and 2 joins` */
function sentOf(shares: readonly RoomShare[]): string {
  const [messages, joins] = [sumOf(shares, 'messages'), sumOf(shares, 'joins')];
  const more = shares.some(({ isMore }) => isMore) ? 'more than ' : '';
  if (messages === 0 && more === '') {
    return count(joins, 'join');
  }
  const sent = `${more}${amount(messages, 'message')}`;
  return joins === 0 ? sent : `${sent} and ${count(joins, 'join')}`;
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
