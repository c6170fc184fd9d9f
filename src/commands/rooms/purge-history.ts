import { bold, facts, line } from '../../chat/answers/answer.ts';
import { continuesByItself, dateTime, when } from '../../chat/answers/phrases.ts';
import {
  encryptionState,
  memberCounts,
  requireRoom,
  roomNameAndId,
} from '../../chat/answers/room.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';

export default defineCommand({
  name: 'purge-history',
  synonyms: ['clean-room', 'clear-history', 'delete-history', 'prune', 'purge', 'retention'],
  summary: 'Deletes the old messages of a room from this server',
  does: [
    'delete what this server received before a time, for everyone on this server',
    'with --delete-local: also delete what users of this server sent, even if no other server has a copy',
    'free space in the database',
  ],
  doesNot: [
    'remove members, or the current state of the room',
    'delete the last message before that time',
    'delete files (see !delete-media)',
    'affect other servers: from them, messages may come back when somebody scrolls up',
  ],
  args: {
    room: positional('room', 'The room'),
    before: flag('date', 'Delete what is older', { required: true, placeholder: '30d' }),
    deleteLocal: flag('boolean', 'Also delete what users of this server sent', { default: false }),
  },
  danger: 'destructive',
  reversible: false,
  example: 'purge-history #lobby:example.com --before 30d',
  endpoints: [
    'POST /_synapse/admin/v1/purge_history/{room_id}',
    'GET /_synapse/admin/v1/purge_history_status/{purge_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/scheduled_tasks',
  ],

  check({ before }, { now }) {
    if (before > now) {
      throw new UsageError('`--before` is in the future.', { word: '--before' });
    }
  },

  async preview(context) {
    const { args, services, now, prefix } = context;
    const room = await requireRoom(context, args.room);
    await services.rooms.assertCanPurge(args.room);
    const isEncrypted = room.encryption !== null;
    return {
      title: ['Purge the history of ', ...roomNameAndId(room), '?'],
      body: [
        facts(`Received before ${when(args.before, now)}`),
        facts(memberCounts(room), encryptionState(room)),
        line(
          `Will: delete what users of other servers sent${args.deleteLocal ? ', and what users of this server sent' : ''}`,
        ),
        line(
          `Will not: ${args.deleteLocal ? '' : 'delete what users of this server sent (see --delete-local), '}delete the last message before that time, remove members, delete files (see ${prefix}delete-media)`,
        ),
      ],
      warning: args.deleteLocal
        ? `This can’t be undone: ${isEncrypted ? 'nobody' : 'no server'} may have another copy.`
        : 'This can’t be undone.',
    };
  },

  async run(context) {
    const { args, services } = context;
    const room = await requireRoom(context, args.room);
    const outcome = await services.rooms.purgeHistory(args.room, args, context.keepServerJob);
    return { room, outcome };
  },

  serverJob: ({ outcome }) => outcome.purgeId,

  answer({ args: { before, deleteLocal } }, { room, outcome }) {
    const isPurging = outcome.state === 'running';
    return {
      mark: isPurging ? '⏳' : '✅',
      title: [
        bold(isPurging ? 'Purging the history of ' : 'Purged the history of '),
        ...roomNameAndId(room),
        ...(isPurging ? [': this takes longer than usual'] : []),
      ],
      body: [
        facts(
          `Received before ${dateTime(before)}`,
          deleteLocal
            ? 'with what users of this server sent'
            : 'without what users of this server sent',
        ),
        ...(isPurging ? [line(continuesByItself)] : []),
      ],
      next: [`room ${idWord(room.roomId)}`],
      ...(isPurging ? { status: 'running' as const } : {}),
      data: { roomId: room.roomId, before, deleteLocal, ...outcome },
    };
  },

  reconcile: async ({ args: { room }, services, serverJob }) =>
    services.rooms.reconcilePurge(room, serverJob),
});
