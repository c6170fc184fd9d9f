import { defineCommand } from '../../chat/command/declaration.ts';
import {
  isSet,
  roomStep,
  sanctionArguments,
  sanctionPreview,
  spellOutRooms,
} from './parts/sanction.ts';

export default defineCommand({
  name: 'kick',
  synonyms: ['remove-user', 'room-kick', 'throw-out'],
  summary: 'Removes users from rooms',
  does: [
    'remove them from these rooms, and withdraw invitations',
    'with --all-rooms: all rooms that they are in',
    'go on with the other rooms if one fails',
  ],
  doesNot: [
    'keep them from coming back (see !ban)',
    'work in rooms where this bot has no power (see !make-room-admin)',
    'remove what they have sent (see !redact-user)',
  ],
  args: sanctionArguments(
    'All rooms that they are in',
    'Or `--all-rooms`. On the whole server: `!end-sessions`, `!delete-device`, `!suspend`.',
  ),
  danger: ({ rooms, allRooms }) => (allRooms || rooms.length > 1 ? 'destructive' : 'change'),
  maxDanger: 'destructive',
  protects: true,
  reversible: false,
  resolvesReports: true,
  stepsAreRooms: true,
  example: 'kick @mallory:elsewhere.example #lobby:example.com --reason spam',
  endpoints: [
    'PUT /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}',
    'GET /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/users/{user_id}/memberships',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],

  spellOut: async (context) => spellOutRooms('kick', context),

  preview: async (context) =>
    sanctionPreview(context, {
      kind: 'kick',
      words: ['Remove', 'from'],
      warning: 'Into rooms that are not public, they can’t come back without an invitation.',
      isPresent: (membership) => ['invite', 'join', 'knock'].includes(membership ?? ''),
    }),

  steps: ({ rooms }) =>
    rooms.map((room) =>
      roomStep(room, {
        kind: 'kick',
        did: 'removed from',
        wasSo: 'not in',
        isDone: isSet(room, 'leave'),
      }),
    ),
});
