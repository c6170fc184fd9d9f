import { bold, code, cut } from '../command/answer.ts';
import { flag } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { listAnswer, listFlags, readList } from '../command/list.ts';
import { asciiSearch, offsetIn } from '../command/offset.ts';
import { size } from '../command/wording.ts';
import { mediaUsageOrders } from '../services/services.ts';

export default defineCommand({
  name: 'media-stats',
  group: 'media',
  summary: 'Shows who has uploaded how much',
  does: ['show who takes up most first (unless told otherwise)'],
  doesNot: ['count files of other servers', 'list accounts that have uploaded nothing'],
  args: {
    search: flag('text', 'Part of the user ID or display name'),
    orderBy: flag('choice', 'What to sort by', { choices: mediaUsageOrders }),
    dir: flag('choice', 'f for ascending, b for descending', { choices: ['f', 'b'] }),
    ...listFlags,
  },
  danger: 'read',
  example: 'media-stats --order-by media_count --dir b',
  endpoints: ['GET /_synapse/admin/v1/statistics/users/media'],
  async run({ args, services: { api } }) {
    const query = {
      searchTerm: asciiSearch('search', args.search),
      from: offsetIn(args.from),
      // Who asks for no order wants to know who takes up the room.
      orderBy: args.orderBy ?? 'media_length',
      dir: args.dir ?? (args.orderBy === undefined ? 'b' : undefined),
    } as const;
    return readList(args, {
      async page() {
        const page = await api.statistics.listMediaUsage({ ...query, limit: args.limit });
        return { rows: page.users, total: page.total, nextFrom: page.nextToken?.toString() };
      },
      all: () => api.statistics.allMediaUsage({ ...query, limit: 100 }),
    });
  },
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'account',
      of: [' with files', ...(listing.rows.length === 0 ? [] : [' here'])],
      columns: [
        {
          title: 'User',
          name: 'user_id',
          show: ({ userId }) => [code(userId)],
          value: ({ userId }) => userId,
        },
        {
          title: 'Name',
          name: 'displayname',
          show: ({ displayname }) => [cut(displayname ?? '', 30)],
          value: ({ displayname }) => displayname,
        },
        {
          title: 'Files',
          align: 'right',
          name: 'media_count',
          show: ({ mediaCount }) => [mediaCount.toLocaleString('en-US')],
          value: ({ mediaCount }) => mediaCount,
        },
        {
          title: 'Size',
          align: 'right',
          name: 'media_length',
          show: ({ mediaLength }) => [bold(size(mediaLength))],
          value: ({ mediaLength }) => mediaLength,
        },
      ],
    }),
});
