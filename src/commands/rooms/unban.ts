import { defineCommand } from '../../chat/command/declaration.ts';
import {
  isSet,
  roomStep,
  sanctionArguments,
  sanctionPreview,
  spellOutRooms,
} from './parts/sanction.ts';

export default defineCommand({
  name: 'unban',
  synonyms: ['lift-ban', 'pardon'],
  summary: 'Lifts the bans of users from rooms',
  does: [
    'let them join these rooms again, if they are public or somebody invites them',
    'with --all-rooms: all rooms that this bot is in and they are banned from',
  ],
  doesNot: ['join or invite them', 'work in rooms where this bot has no power'],
  args: sanctionArguments(
    'All rooms that this bot is in and they are banned from',
    'Or `--all-rooms`. On the whole server: `!unsuspend`, `!unshadow-ban`, `!unlock`.',
  ),
  danger: 'change',
  protects: { nobody: 'it only lifts a restriction' },
  stepsAreRooms: true,
  example: 'unban @mallory:elsewhere.example #lobby:example.com',
  endpoints: [
    'PUT /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}',
    'GET /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],

  spellOut: async (context) => spellOutRooms('unban', context),

  preview: async (context) =>
    sanctionPreview(context, {
      kind: 'unban',
      words: ['Unban', 'from'],
    }),

  steps: ({ rooms }) =>
    rooms.map((room) =>
      roomStep(room, {
        kind: 'unban',
        did: 'unbanned from',
        wasSo: 'not banned from',
        undoneBy: 'ban',
        isDone: isSet(room, 'leave'),
      }),
    ),
});
