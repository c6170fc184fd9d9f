import { defineCommand } from '../../chat/command/declaration.ts';
import { roomStep, sanctionArguments, sanctionPreview, spellOutRooms } from './parts/sanction.ts';

export default defineCommand({
  name: 'mute',
  synonyms: ['gag', 'silence', 'timeout', 'shut-up'],
  summary: 'Keeps users from sending anything in rooms',
  does: [
    'give them a power level with which they can send no messages, reactions or stickers there',
    'with --all-rooms: all rooms that they are in',
    'with --for: let them speak again after that time, also after a restart',
    'go on with the other rooms if one fails',
  ],
  doesNot: [
    'remove them from the rooms: they still read what others send',
    'work in rooms where this bot has no power (see !make-room-admin)',
    'mute users to whom the room gives power (see !power-level)',
  ],
  args: sanctionArguments(
    'All rooms that they are in',
    'Or `--all-rooms`. On the whole server: `!suspend`, `!shadow-ban`.',
  ),
  danger: 'change',
  protects: true,
  resolvesReports: true,
  stepsAreRooms: true,
  endsTogether: true,
  example: 'mute @mallory:elsewhere.example #lobby:example.com --for 1h --reason shouting',
  endpoints: [
    'PUT /_matrix/client/v3/rooms/{room_id}/state/m.room.power_levels/',
    'GET /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/users/{user_id}/memberships',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],

  spellOut: async (context) => spellOutRooms('mute', context),

  preview: async (context) =>
    sanctionPreview(context, {
      kind: 'mute',
      words: ['Mute', 'in'],
      isPresent: (membership) => membership === 'join',
    }),

  steps: ({ rooms }) =>
    rooms.map((room) =>
      roomStep(room, {
        kind: 'mute',
        did: 'muted in',
        wasSo: 'already muted in',
        undoneBy: 'unmute',
        isDone: async ({ args, services, transactionId }) =>
          services.sanctions.isMutedBy(room, args.accounts.name, transactionId),
      }),
    ),
});
