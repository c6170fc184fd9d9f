import { code } from '../../chat/answers/answer.ts';
import { ago, size } from '../../chat/answers/phrases.ts';
import { requireRoom, roomNameAndId } from '../../chat/answers/room.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { cut } from '../../core/text.ts';
import { fileState } from './parts/stored-media.ts';

export default defineCommand({
  name: 'room-media',
  synonyms: ['attachments', 'files', 'media-in-room', 'pictures'],
  summary: 'Lists the files that were sent to a room',
  does: ['list files of this server and of others, and their previews'],
  doesNot: [
    'list files in encrypted messages: Synapse can’t read them',
    'show more than the addresses in files of more than 100 rows',
  ],
  args: { room: roomArgument, ...listFlags },
  danger: 'read',
  // It shows what people have sent, also in private rooms.
  role: 'moderator',
  example: 'room-media #lobby:example.com',
  endpoints: [
    'GET /_synapse/admin/v1/room/{room_id}/media',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  check: checkOffset,
  async run(context) {
    const { args, services } = context;
    const room = await requireRoom(context, args.room);
    const page = pageOf(await services.media.inRoom(args.room), args);
    return { room, listing: { ...page, rows: await services.media.withDetails(page.rows) } };
  },
  answer(context, { room, listing }) {
    return listAnswer(context, listing, {
      noun: 'file',
      of: [' in ', ...roomNameAndId(room)],
      nothing: ['No unencrypted message in ', ...roomNameAndId(room), ' has a file'],
      next: listing.rows.length === 0 ? [] : [`quarantine --room ${idWord(room.roomId)}`],
      columns: [
        {
          title: 'File',
          name: 'mxc_uri',
          show: ({ uri, file }) => [
            ...(file?.uploadName === null ||
            file?.uploadName === undefined ||
            file.uploadName.trim() === ''
              ? []
              : [code(cut(file.uploadName, 30)), ' ']),
            code(cut(uri, 255)),
          ],
          value: ({ uri }) => uri,
        },
        {
          title: 'Type, size, age',
          name: 'media_type',
          show: ({ file }) =>
            file === undefined
              ? ['not on this server']
              : [
                  [
                    fileState(file),
                    inert(file.mediaType ?? '', 30),
                    file.mediaLength === null ? '' : size(file.mediaLength),
                    file.createdTs === null ? '' : ago(file.createdTs, context.now),
                  ]
                    .filter((text) => text !== '')
                    .join(', '),
                ],
          value: ({ file }) => file?.mediaType ?? null,
        },
        { name: 'media_length', value: ({ file }) => file?.mediaLength ?? null },
        { name: 'user_id', value: ({ file }) => file?.userId ?? null },
        {
          name: 'state',
          value: ({ file }) => (file === undefined ? null : fileState(file)),
        },
      ],
    });
  },
});
