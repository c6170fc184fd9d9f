import { nameAndId } from '../command/account.ts';
import { code, cut } from '../command/answer.ts';
import { positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { listAnswer, listFlags, pageOf } from '../command/list.ts';

export default defineCommand({
  name: 'pushers',
  group: 'devices',
  summary: 'Lists where an account’s notifications go',
  doesNot: [
    'show push keys, with which anybody could send notifications; those by e-mail are addresses, and shown',
  ],
  args: { account: positional('account', 'Whose pushers', { placeholder: 'USER' }), ...listFlags },
  danger: 'read',
  example: 'pushers @mallory:example.com',
  endpoints: ['GET /_synapse/admin/v1/users/{user_id}/pushers'],

  async run({ args, services }) {
    const pushers = await services.api.users.pushers(args.account.name);
    const rows = pushers.map(({ pushkey, data, ...rest }) => {
      const url = data?.['url'];
      return {
        ...rest,
        address: rest.kind === 'email' ? pushkey : typeof url === 'string' ? url : null,
      };
    });
    return pageOf(rows, args);
  },

  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'pusher',
      of: [' of ', ...nameAndId(context.args.account)],
      none: ['It gets no notifications on other devices or by e-mail.'],
      columns: [
        {
          title: 'App',
          name: 'app_display_name',
          show: ({ appDisplayName, appId }) => [cut(appDisplayName ?? appId, 40)],
          value: ({ appDisplayName }) => appDisplayName,
        },
        {
          title: 'App ID',
          name: 'app_id',
          show: ({ appId }) => [code(cut(appId))],
          value: ({ appId }) => appId,
        },
        {
          title: 'Device',
          name: 'device_display_name',
          show: ({ deviceDisplayName, deviceId }) => [
            cut([deviceDisplayName, deviceId].filter((part) => part !== null).join(', '), 50),
          ],
          value: ({ deviceDisplayName }) => deviceDisplayName,
        },
        {
          title: 'Goes to',
          name: 'address',
          show: ({ kind, address }) => [kind ?? '', ' ', cut(address ?? '', 80)],
          value: ({ address }) => address,
        },
        {
          title: 'On',
          name: 'enabled',
          show: ({ enabled }) => [enabled === false ? 'no' : 'yes'],
          value: ({ enabled }) => enabled,
        },
      ],
    }),
});
