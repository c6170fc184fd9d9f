import { bold, code, cut } from '../command/answer.ts';
import { flag } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { listAnswer, listFlags, readList } from '../command/list.ts';
import { ago } from '../command/wording.ts';
import { UsageError } from '../errors.ts';
import { newestReports, reportPage } from '../services/event-reports.ts';
import type { EventReport, ReportMark } from '../services/event-reports.ts';

export default defineCommand({
  name: 'reports',
  group: 'bot',
  summary: 'Lists the messages that people have reported',
  does: ['show the newest first'],
  doesNot: ['list reports of users or of whole rooms'],
  args: {
    reporter: flag('user', 'Who reported'),
    sender: flag('user', 'Who wrote the message'),
    room: flag('room', 'Where it stands'),
    ...listFlags,
  },
  danger: 'read',
  example: 'reports --sender @mallory:example.com',
  endpoints: ['GET /_synapse/admin/v1/event_reports'],
  check({ from }) {
    markIn(from);
  },
  async run({ args, services: { api } }) {
    const after = markIn(args.from);
    return readList(args, {
      async page() {
        const { reports, total, next } = await reportPage(api, args, { limit: args.limit, after });
        return {
          rows: reports,
          total,
          nextFrom: next === undefined ? undefined : `${next.receivedTs}.${next.id}`,
        };
      },
      all: () => newestReports(api, args),
    });
  },
  answer(context, listing) {
    const [newest] = listing.rows;
    const { reporter, sender: wantedSender, room } = context.args;
    const hasFilter = [reporter, wantedSender, room].some((one) => one !== undefined);
    return listAnswer(context, listing, {
      noun: 'report',
      nothing: [bold('No report'), hasFilter ? ' fits' : ': nobody has reported a message'],
      ...(newest === undefined ? {} : { next: [`report ${newest.id}`] }),
      columns: [
        {
          title: '#',
          name: 'id',
          fileOnly: true,
          show: ({ id }) => [id.toString()],
          value: ({ id }) => id,
        },
        {
          title: 'Message of',
          name: 'sender',
          show: (report) => [
            bold(`#${report.id}`),
            ' ',
            report.sender === null ? 'somebody unknown' : code(cut(report.sender)),
            ' in ',
            ...roomOf(report),
          ],
          value: ({ sender }) => sender,
        },
        {
          title: 'Reported',
          name: 'user_id',
          show: ({ userId, reason, receivedTs }) => [
            ...(reason === null || reason.trim() === '' ? [] : ['“', cut(reason), '” ']),
            'by ',
            code(cut(userId)),
            ` ${ago(receivedTs, context.now)}`,
          ],
          value: ({ userId }) => userId,
        },
        {
          title: 'When',
          name: 'received_ts',
          fileOnly: true,
          show: ({ receivedTs }) => [ago(receivedTs, context.now)],
          value: ({ receivedTs }) => receivedTs,
        },
        {
          title: 'Room',
          name: 'room_id',
          fileOnly: true,
          show: roomOf,
          value: ({ roomId }) => roomId,
        },
        {
          title: 'Reason',
          name: 'reason',
          fileOnly: true,
          show: ({ reason }) => [cut(reason ?? '')],
          value: ({ reason }) => reason,
        },
        {
          title: 'Score',
          align: 'right',
          name: 'score',
          fileOnly: true,
          show: ({ score }) => [score === null ? '' : score.toString()],
          value: ({ score }) => score,
        },
      ],
    });
  },
});

function roomOf({ canonicalAlias, name, roomId }: EventReport) {
  return canonicalAlias === null
    ? [name === null || name.trim() === '' ? code(cut(roomId)) : cut(name, 40)]
    : [code(cut(canonicalAlias))];
}

function markIn(from: string | undefined): ReportMark | undefined {
  if (from === undefined) {
    return undefined;
  }
  const [, receivedTs, id] = /^(\d{1,15})\.(\d{1,15})$/u.exec(from) ?? [];
  if (receivedTs === undefined || id === undefined) {
    throw new UsageError(`\`--from\`: \`${from}\` is not where a page ended.`, {
      word: from,
      advice: 'Leave it out: `!more` fills it in.',
    });
  }
  return { receivedTs: Number(receivedTs), id: Number(id) };
}
