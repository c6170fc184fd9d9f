import { bold, code } from '../../chat/answers/answer.ts';
import { ago, count } from '../../chat/answers/phrases.ts';
import { gist, itemNumber, placeOf } from '../../chat/answers/report-item.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { CheckContext } from '../../chat/command/declaration.ts';
import {
  allInPieces,
  isInFile,
  listAnswer,
  listFlags,
  pageAfter,
  pageSize,
  readList,
  unknownPosition,
} from '../../chat/command/list.ts';
import { cut } from '../../core/text.ts';
import type { ItemCursor, ItemQuery, ReportItem } from '../../services/services.ts';

export default defineCommand({
  name: 'reports',
  synonyms: ['flags', 'queue', 'tickets', 'todo'],
  summary: 'Lists reports and their state',
  does: [
    'list open and claimed reports, most recent first',
    'combine all reports about the same message or user',
    'show the most common reason, and the start of the message when it is tapped',
  ],
  doesNot: ['list reports about whole rooms, which the homeserver doesn’t show'],
  args: {
    state: flag('choice', 'Reports in this state (default: open and claimed)', {
      choices: ['open', 'claimed', 'resolved', 'dismissed', 'all'],
      bare: true,
    }),
    room: flag('room', 'Reported messages in this room', { bare: true }),
    sender: flag('user', 'Reports about this user', { bare: true }),
    reporter: flag('user', 'Reports by this user'),
    since: flag('date', 'Reported since this time', { bare: true }),
    ...listFlags,
  },
  danger: 'read',
  example: 'reports --state open --since 1d',
  endpoints: ['GET /_synapse/admin/v1/event_reports', 'GET /_synapse/admin/v1/user_reports'],
  spansHomeservers: true,
  check({ from }, context) {
    cursorIn(from, context);
  },
  async run(context) {
    const {
      args,
      services: { reports },
    } = context;
    const { state, room, sender, reporter, since } = args;
    const query: ItemQuery = {
      states: state === 'all' ? undefined : state === undefined ? ['open', 'claimed'] : [state],
      roomId: room,
      sender,
      reporter,
      server: context.invocation.on,
      since,
    };
    const after = cursorIn(args.from, context);
    if (after === undefined) {
      await reports.refresh();
    }
    const listing = await readList<ReportItem>(args, {
      async page() {
        const { limit = pageSize } = args;
        const [found, total] = await Promise.all([
          reports.search(query, { limit: limit + 1, after }),
          reports.count(query),
        ]);
        return pageAfter(found, limit, total, (last) => `${last.lastReportAt}.${last.id}`);
      },
      all: () =>
        allInPieces<ReportItem, ItemCursor>(
          async (request) => reports.search(query, request),
          (last) => last,
        ),
    });
    // A file has everything but the reasons: there can be very many items.
    return { listing, reasons: await reports.mainReasonsOf(isInFile(args) ? [] : listing.rows) };
  },
  answer(context, { listing, reasons }) {
    const { state, room, sender, reporter, since } = context.args;
    const { whereIs } = context.services.reports;
    const [newest] = listing.rows;
    const { on } = context.invocation;
    const hasFilter = [room, sender, reporter, since, on].some((one) => one !== undefined);
    return listAnswer(context, listing, {
      noun: state === undefined || state === 'all' ? 'report' : `${state} report`,
      nothing: [
        bold(state === undefined ? 'No open reports' : 'No reports'),
        hasFilter || state !== undefined ? ' match' : '',
      ],
      ...(newest === undefined ? {} : { next: [`report ${newest.id}`] }),
      columns: [
        {
          name: 'id',
          value: ({ id }) => id,
        },
        {
          title: 'Reported',
          name: 'sender',
          show: (item) => [
            itemNumber(item),
            ' ',
            item.sender === null ? 'unknown user' : code(cut(item.sender)),
            ...placeOf(item),
          ],
          value: ({ sender: value }) => value,
        },
        {
          title: 'Reason, message',
          name: 'kind',
          show: (item) => gist(item, reasons.get(item.id)),
          value: ({ kind }) => kind,
        },
        {
          title: 'Status',
          name: 'state',
          show: (item) => [
            `${item.state}, ${count(item.reports, 'report')}${onServer(whereIs(item))}, ${ago(item.lastReportAt, context.now)}`,
          ],
          value: (item) => item.state,
        },
        { name: 'subject', value: ({ subject }) => subject },
        { name: 'room_id', value: ({ roomId }) => roomId },
        { name: 'reports', value: ({ reports }) => reports },
        { name: 'last_report_ts', value: ({ lastReportAt }) => lastReportAt },
        { name: 'claimed_by', value: ({ claimedBy }) => claimedBy },
        { name: 'closed_by', value: ({ closedBy }) => closedBy },
        { name: 'note', value: ({ note }) => note },
        ...(newest === undefined || whereIs(newest) === undefined
          ? []
          : [{ name: 'homeserver', value: ({ server }: ReportItem) => server }]),
      ],
    });
  },
});

const onServer = (where: string | undefined) => (where === undefined ? '' : ` on ${where}`);

/** @throws UsageError it is not a cursor */
function cursorIn(from: string | undefined, context: CheckContext): ItemCursor | undefined {
  if (from === undefined) {
    return undefined;
  }
  const [, lastReportAt, id] = /^(\d{1,15})\.(\d{1,15})$/u.exec(from) ?? [];
  if (lastReportAt === undefined || id === undefined) {
    throw unknownPosition(from, context);
  }
  return { lastReportAt: Number(lastReportAt), id: Number(id) };
}
