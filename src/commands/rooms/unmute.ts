import { defineCommand } from '../../chat/command/declaration.ts';
import { roomStep, sanctionArguments, sanctionPreview, spellOutRooms } from './parts/sanction.ts';

export default defineCommand({
  name: 'unmute',
  synonyms: ['let-speak', 'unsilence'],
  summary: 'Lets muted users send in rooms again',
  does: [
    'give them the power level that everybody has there',
    'with --all-rooms: all rooms that this bot is in and they are muted in',
  ],
  doesNot: [
    'let them send where only some people can',
    'work in rooms where this bot has no power',
  ],
  args: sanctionArguments(
    'All rooms that this bot is in and they are muted in',
    'Or `--all-rooms`. On the whole server: `!unsuspend`, `!unshadow-ban`.',
  ),
  danger: 'change',
  protects: { nobody: 'it only lifts a restriction' },
  stepsAreRooms: true,
  example: 'unmute @mallory:elsewhere.example #lobby:example.com',
  endpoints: [
    'PUT /_matrix/client/v3/rooms/{room_id}/state/m.room.power_levels/',
    'GET /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],

  spellOut: async (context) => spellOutRooms('unmute', context),

  preview: async (context) =>
    sanctionPreview(context, {
      kind: 'unmute',
      words: ['Let', 'speak again in'],
    }),

  steps: ({ rooms }) =>
    rooms.map((room) =>
      roomStep(room, {
        kind: 'unmute',
        did: 'can speak again in',
        wasSo: 'not muted in',
        undoneBy: 'mute',
        isDone: async ({ args, services }) =>
          !(await services.sanctions.isMuted(room, args.accounts.name)),
      }),
    ),
});
