import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { amount, when } from '../../chat/answers/phrases.ts';
import { requireRoom, roomNameAndId } from '../../chat/answers/room.ts';
import { roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { cut } from '../../core/text.ts';

/** From this number on, Synapse itself sends events into a room to reduce it. */
const many = 10;

export default defineCommand({
  name: 'forward-extremities',
  synonyms: ['extremities', 'slow-room', 'state-resets'],
  summary: 'Shows how many loose ends the history of a room has',
  does: ['list the newest events that no other event follows yet: the room’s forward extremities'],
  doesNot: [
    'delete any: Synapse reduces them by itself, and a room that loses one may lose messages and state',
  ],
  args: { room: roomArgument, ...listFlags },
  danger: 'read',
  example: 'forward-extremities #lobby:example.com',
  endpoints: [
    'GET /_synapse/admin/v1/rooms/{room_id}/forward_extremities',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],

  check: checkOffset,

  async run(context) {
    const { args, services } = context;
    const room = await requireRoom(context, args.room);
    const { results } = await services.rooms.forwardExtremities(args.room);
    const newest = results.toSorted(
      (one, other) => (other.receivedTs ?? 0) - (one.receivedTs ?? 0),
    );
    return { room, listing: pageOf(newest, args) };
  },

  answer(context, { room, listing }) {
    const { now } = context;
    const number = listing.total ?? 0;
    const list = listAnswer(context, listing, {
      noun: 'forward extremity',
      plural: 'forward extremities',
      of: [' in ', ...roomNameAndId(room)],
      nothing: [bold('No forward extremities'), ' in ', ...roomNameAndId(room)],
      columns: [
        {
          title: 'Event',
          name: 'event_id',
          show: ({ eventId }) => [code(cut(eventId, 255))],
          value: ({ eventId }) => eventId,
        },
        {
          title: 'Received',
          name: 'received_ts',
          show: ({ receivedTs }) => [when(receivedTs, now)],
          value: ({ receivedTs }) => receivedTs,
        },
        { name: 'depth', value: ({ depth }) => depth },
        { name: 'state_group', value: ({ stateGroup }) => stateGroup },
      ],
    });
    return {
      ...list,
      mark: number >= many ? '⚠️' : 'ℹ️',
      body: [line(...meaning(number)), ...(list.body ?? [])],
    };
  },
});

/** What the number of them means. */
function meaning(number: number): Content {
  if (number === 0) {
    return ['No user of this server is in the room, or its history was purged.'];
  }
  if (number < many) {
    return [
      `That is normal: a quiet room has one, and a few appear when several servers send at once.`,
    ];
  }
  return [
    `${amount(number, 'loose end')} are many: each message needs more work from Synapse, and the room may be slow. `,
    `From ${many} on, Synapse joins them by itself whenever a local member may send there. If the number keeps growing, a server in the room does not receive what others send.`,
  ];
}
