import { nameAndId } from '../../chat/answers/account.ts';
import { code } from '../../chat/answers/answer.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { userArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { cut } from '../../core/text.ts';

export default defineCommand({
  name: 'pushers',
  synonyms: ['notifications', 'push'],
  summary: 'Lists where an account’s notifications go',
  doesNot: [
    'show push keys, with which anybody could send notifications (but it shows e-mail addresses)',
  ],
  args: { account: userArgument, ...listFlags },
  danger: 'read',
  role: 'moderator',
  example: 'pushers @mallory:example.com',
  endpoints: ['GET /_synapse/admin/v1/users/{user_id}/pushers'],

  check: checkOffset,

  run: async ({ args, services }) =>
    pageOf(await services.devices.notificationTargets(args.account.name), args),

  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'pusher',
      of: [' of ', ...nameAndId(context.args.account)],
      nothing: [...nameAndId(context.args.account), ' has no pushers and gets no notifications'],
      columns: [
        {
          title: 'App',
          name: 'app_display_name',
          show: ({ appDisplayName, appId }) => [
            ...(appDisplayName === null ? [] : [inert(appDisplayName, 30), ' ']),
            code(cut(appId)),
          ],
          value: ({ appDisplayName }) => appDisplayName,
        },
        {
          name: 'app_id',
          value: ({ appId }) => appId,
        },
        {
          name: 'device_display_name',
          value: ({ deviceDisplayName }) => deviceDisplayName,
        },
        {
          title: 'Device, address',
          name: 'address',
          show: ({ kind, address, enabled, deviceDisplayName }) => [
            deviceDisplayName === null ? '' : `${inert(deviceDisplayName, 30)}: `,
            `${kind === 'http' ? '' : `${cut(kind ?? '', 20)} `}${cut(address ?? '', 80)}`,
            enabled === false ? ', switched off' : '',
          ],
          value: ({ address }) => address,
        },
        {
          name: 'enabled',
          value: ({ enabled }) => enabled,
        },
      ],
    }),
});
