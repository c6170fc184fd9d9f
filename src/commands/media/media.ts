import { nameAndId } from '../../chat/answers/account.ts';
import { code } from '../../chat/answers/answer.ts';
import { ago, size } from '../../chat/answers/phrases.ts';
import { userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import {
  checkOffset,
  listAnswer,
  listFlags,
  pageQuery,
  readList,
  sortFlags,
} from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { cut } from '../../core/text.ts';
import { mediaOrders } from '../../services/services.ts';
import { fileState, mxcOf } from './parts/stored-media.ts';

export default defineCommand({
  name: 'media',
  synonyms: ['attachments', 'files', 'uploads'],
  summary: 'Lists the files that a user has uploaded',
  does: ['list the newest files first, by default'],
  doesNot: [
    'show names and types of encrypted files',
    'list files that the user has sent from other servers',
  ],
  args: {
    account: userArgument,
    ...sortFlags(mediaOrders),
    ...listFlags,
  },
  danger: 'read',
  example: 'media @mallory:example.com --order-by media_length --dir b',
  endpoints: ['GET /_synapse/admin/v1/users/{user_id}/media'],
  check: checkOffset,
  run: async ({ args, services }) =>
    readList(args, services.media.uploadsOf(args.account.name, pageQuery(args))),
  answer(context, listing) {
    const { account } = context.args;
    return listAnswer(context, listing, {
      noun: 'file',
      of: [' of ', ...nameAndId(account)],
      nothing: [...nameAndId(account), ' has no files here'],
      ...(listing.rows.length > 0 && context.role !== 'viewer'
        ? { next: [`delete-media ${idWord(account.name)} --all`] }
        : {}),
      columns: [
        {
          title: 'File',
          name: 'media_id',
          show: ({ mediaId, uploadName }) => [
            ...(uploadName === null || uploadName.trim() === ''
              ? []
              : [code(cut(uploadName, 30)), ' ']),
            code(mxcOf(context.serverName, mediaId)),
          ],
          value: ({ mediaId }) => mediaId,
        },
        {
          title: 'Type, size, age',
          name: 'media_type',
          show: (file) => [
            [
              fileState(file),
              cut(file.mediaType ?? '', 30),
              file.mediaLength === null ? '' : size(file.mediaLength),
              file.createdTs === null ? '' : ago(file.createdTs, context.now),
            ]
              .filter((text) => text !== '')
              .join(', '),
          ],
          value: ({ mediaType }) => mediaType,
        },
        {
          name: 'media_length',
          value: ({ mediaLength }) => mediaLength,
        },
        {
          name: 'upload_name',
          value: ({ uploadName }) => uploadName,
        },
        {
          name: 'created_ts',
          value: ({ createdTs }) => createdTs,
        },
        {
          name: 'state',
          value: fileState,
        },
      ],
    });
  },
});
