import { nameAndId } from '../../chat/answers/account.ts';
import { userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { idWord } from '../../chat/reading/values.ts';
import { deviceColumns } from './parts/device-text.ts';

export default defineCommand({
  name: 'devices',
  synonyms: ['logins'],
  summary: 'Lists an account’s devices',
  doesNot: [
    'show activity of the last few minutes',
    'show logins without a device (see !sessions)',
  ],
  args: { account: userArgument, ...listFlags },
  danger: 'read',
  role: 'moderator',
  example: 'devices @mallory:example.com',
  endpoints: ['GET /_synapse/admin/v2/users/{user_id}/devices'],
  check: checkOffset,
  run: async ({ args, services }) => pageOf(await services.devices.list(args.account.name), args),
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'device',
      of: [' of ', ...nameAndId(context.args.account)],
      nothing: [...nameAndId(context.args.account), ' has no devices and is not logged in'],
      ...(listing.rows[0] === undefined
        ? {}
        : {
            next: [
              `device ${idWord(context.args.account.name)} ${quote(listing.rows[0].deviceId)}`,
            ],
          }),
      columns: deviceColumns(context.now),
    }),
});
