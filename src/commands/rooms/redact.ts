import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Inline } from '../../chat/answers/answer.ts';
import { continuesByItself, when } from '../../chat/answers/phrases.ts';
import { roomNameAndId } from '../../chat/answers/room.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord } from '../../chat/reading/values.ts';
import { serverNameOf } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { RedactionWay, RoomEvent } from '../../services/redaction/event-redaction-plan.ts';
import type { Account } from '../../services/services.ts';
import { eventContent, fileOf } from './parts/event-content.ts';

/** How many characters of a message are shown. */
const shownLength = 120;

const args = {
  message: positional('event', 'The link to the message', { placeholder: 'EVENT-LINK' }),
} as const;

export default defineCommand({
  name: 'redact',
  synonyms: [
    'delete',
    'delete-event',
    'delete-message',
    'erase',
    'hide',
    'remove',
    'remove-message',
  ],
  summary: 'Removes one message from a room',
  does: [
    'redact the message as this bot if it has the power in the room, otherwise in the sender’s name',
    'work in rooms that this bot is not in, if the sender is on this server',
    'show the reason to the room',
  ],
  doesNot: [
    'delete the file in the message (see !quarantine, !delete-media)',
    'redact replies that quote it, or reactions to it',
    'affect copies that people have saved, or servers that ignore redactions',
    'work on messages from other servers in rooms where this bot has no power',
  ],
  args,
  danger: 'destructive',
  reversible: false,
  resolvesReports: true,
  example: 'redact https://matrix.to/#/!lobby:example.com/$event --reason spam',
  endpoints: [
    'GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}',
    'GET /_synapse/admin/v1/fetch_event/{event_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/rooms/{room_id}/messages',
    'PUT /_matrix/client/v3/rooms/{room_id}/redact/{event_id}/{txn_id}',
    'POST /_synapse/admin/v1/user/{user_id}/redact',
    'GET /_synapse/admin/v1/user/redact_status/{redact_id}',
    'GET /_synapse/admin/v1/scheduled_tasks',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v2/users/{user_id}',
  ],

  async preview(context) {
    const { event, way } = await context.services.redaction.plan(context.args.message);
    const [sender, place] = await namesOf(context, event);
    const file = fileOf(event);
    return {
      title: ['Redact a message by ', ...sender.name, ' in ', ...place, '?'],
      body: [
        ...eventContent(event, shownLength),
        facts(
          `Sent ${when(event.originServerTs, context.now)}`,
          ...sender.standing,
          file !== undefined && ['file ', code(cut(file, 255))],
        ),
        line(`Will: remove its content for everyone, ${inWhoseName(way)}`),
        line(
          `Will not: ${[
            file !== undefined &&
              `delete its file (see ${context.prefix}quarantine, ${context.prefix}delete-media)`,
            'redact replies that quote it, or reactions to it',
            'affect copies that people have saved',
          ]
            .filter((part) => part !== false)
            .join(', ')}`,
        ),
      ],
      warning: 'This can’t be undone.',
    };
  },

  async run(context) {
    const { args: given, services, reason, origin } = context;
    const outcome = await services.redaction.redact(given.message, { reason, by: origin.event });
    const [sender, place] = await namesOf(context, outcome.event);
    return { ...outcome, sender, place };
  },

  answer({ args: { message } }, { event, way, state, sender, place }) {
    const file = fileOf(event);
    const isRunning = state === 'running';
    return {
      mark: isRunning ? '⏳' : '✅',
      title: [
        bold(isRunning ? 'Redacting a message by ' : 'Redacted a message by '),
        ...sender.name,
        ' in ',
        ...place,
        ...(isRunning ? [': this takes longer than usual'] : []),
      ],
      body: [
        line(
          isRunning
            ? continuesByItself
            : `Its content is removed for everyone, redacted ${inWhoseName(way)}.`,
          ...(file === undefined ? [] : [' Its file is kept: ', code(cut(file, 255))]),
        ),
      ],
      next: [
        ...(file === undefined ? [] : [`quarantine ${quote(file)}`]),
        ...(sender.isLocal ? [`user ${idWord(event.sender)}`] : []),
      ],
      ...(isRunning ? { status: 'running' as const } : {}),
      data: {
        roomId: message.room,
        eventId: message.event,
        sender: event.sender,
        inNameOf: way === 'as_bot' ? 'bot' : 'sender',
      },
    };
  },

  reconcile: async ({ args: { message }, services }) => services.redaction.reconcile(message),
});

type RedactContext = Context<typeof args>;

function inWhoseName(way: RedactionWay): string {
  return way === 'as_bot' ? 'as this bot' : 'in the sender’s name';
}

interface Sender {
  readonly name: Inline[];
  readonly isLocal: boolean;
  /** What the moderator should know about them. */
  readonly standing: string[];
}

/** The names of the sender and of the room. */
async function namesOf(
  { args: { message }, services, botUser, serverName }: RedactContext,
  { sender }: RoomEvent,
): Promise<[Sender, Inline[]]> {
  const isLocal = serverNameOf(sender) === serverName;
  const [account, room] = await Promise.all([
    isLocal ? services.accounts.find(sender) : undefined,
    services.rooms.find(message.room),
  ]);
  return [
    {
      name: account === undefined ? [code(cut(sender, 255))] : nameAndId(account),
      isLocal: account !== undefined,
      standing: standingOf(sender === botUser, isLocal, account),
    },
    room === undefined ? [code(message.room)] : roomNameAndId(room),
  ];
}

function standingOf(isBot: boolean, isLocal: boolean, account: Account | undefined): string[] {
  return [
    isBot ? 'this bot sent it' : undefined,
    account?.admin === true && !isBot ? 'its sender is a server admin' : undefined,
    isLocal ? undefined : 'its sender is on another server',
  ].filter((part) => part !== undefined);
}
