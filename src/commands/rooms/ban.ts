import { defineCommand } from '../../chat/command/declaration.ts';
import {
  isSet,
  roomStep,
  sanctionArguments,
  sanctionPreview,
  spellOutRooms,
} from './parts/sanction.ts';

export default defineCommand({
  name: 'ban',
  synonyms: ['block-user', 'room-ban', 'exclude'],
  summary: 'Bans users from rooms',
  does: [
    'remove them from these rooms, and keep them from coming back',
    'with --all-rooms: the rooms that they are in, and all that this bot is in',
    'with --for: lift the bans after that time, also after a restart',
    'go on with the other rooms if one fails',
  ],
  doesNot: [
    'work in rooms where this bot has no power (see !make-room-admin)',
    'remove what they have sent (see !redact-user)',
    'touch the account: they can use other rooms (see !suspend, !deactivate)',
  ],
  args: sanctionArguments(
    'All rooms that they are in, and all that this bot is in',
    'Or `--all-rooms`. On the whole server: `!suspend`, `!shadow-ban`, `!lock`, `!deactivate`.',
  ),
  danger: ({ rooms, allRooms }) => (allRooms || rooms.length > 1 ? 'destructive' : 'change'),
  maxDanger: 'destructive',
  protects: true,
  resolvesReports: true,
  stepsAreRooms: true,
  endsTogether: true,
  example: 'ban @mallory:elsewhere.example #lobby:example.com --for 7d --reason spam',
  endpoints: [
    'PUT /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}',
    'GET /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/users/{user_id}/memberships',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],

  spellOut: async (context) => spellOutRooms('ban', context),

  preview: async (context) =>
    sanctionPreview(context, {
      kind: 'ban',
      words: ['Ban', 'from'],
      warning: 'They can’t come back until the bans are lifted, and then they must join again.',
      isPresent: (membership) => membership === 'join' || membership === 'invite',
    }),

  steps: ({ rooms }) =>
    rooms.map((room) =>
      roomStep(room, {
        kind: 'ban',
        did: 'banned from',
        wasSo: 'already banned from',
        undoneBy: 'unban',
        isDone: isSet(room, 'ban'),
      }),
    ),
});
