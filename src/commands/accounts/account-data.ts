import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code } from '../../chat/answers/answer.ts';
import { size } from '../../chat/answers/phrases.ts';
import { userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { cut } from '../../core/text.ts';
import { visibleContents, weigh } from '../../services/accounts/account-data.ts';

export default defineCommand({
  name: 'account-data',
  synonyms: ['data', 'settings'],
  summary: 'Shows the types and sizes of an account’s data on the server',
  does: ['with --format json: send the contents as a file'],
  doesNot: ['show secrets that protect encrypted messages, keys and backups'],
  args: { account: userArgument, ...listFlags },
  danger: 'read',
  role: 'moderator',
  example: 'account-data @mallory:example.com',
  check: checkOffset,
  endpoints: ['GET /_synapse/admin/v1/users/{user_id}/accountdata'],

  run: async ({ args, services }) => services.accounts.accountData(args.account.name),

  answer(context, contents) {
    const { args } = context;
    const entries = weigh(contents);
    const of = [
      ' of account data of ',
      ...nameAndId(args.account),
      `, ${size(entries.reduce((sum, { bytes }) => sum + bytes, 0))}`,
    ];
    if (args.format === 'json') {
      const name = 'account-data.json';
      return {
        mark: 'ℹ️',
        title: [...nameAndId(args.account), `: the account data is in ${name}`],
        file: {
          name,
          contentType: 'application/json',
          content: JSON.stringify(visibleContents(contents), null, 2),
        },
        data: { total: entries.length },
      };
    }
    return listAnswer(context, pageOf(entries, args), {
      noun: 'piece',
      of,
      nothing: [...nameAndId(args.account), ' has no account data'],
      next: entries.length === 0 ? [] : [`account-data ${idWord(args.account.name)} --format json`],
      columns: [
        {
          title: 'Type',
          name: 'type',
          show: ({ type }) => [code(cut(type, 80))],
          value: ({ type }) => type,
        },
        {
          title: 'Size, room',
          name: 'room_id',
          show: ({ bytes, roomId }) => [
            bold(size(bytes)),
            ...(roomId === null ? [' for all rooms'] : [' for ', code(cut(roomId, 80))]),
          ],
          value: ({ roomId }) => roomId,
        },
        {
          name: 'bytes',
          value: ({ bytes }) => bytes,
        },
      ],
    });
  },
});
