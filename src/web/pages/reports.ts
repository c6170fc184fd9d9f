import { whole } from '../../chat/answers/phrases.ts';
import { placeOf } from '../../chat/answers/report-item.ts';
import { cut } from '../../core/text.ts';
import { maxPeopleForReason } from '../../services/services.ts';
import type { MainReason, ReportItem } from '../../services/services.ts';
import { code, link, state, table, time, words } from '../view/components.ts';
import type { Column } from '../view/components.ts';
import { html } from '../view/html.ts';
import type { Html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { listPage } from './list.ts';
import type { PageContext } from './page-context.ts';
import type { Query } from './query.ts';

const path = '/reports';
const states = ['open', 'claimed', 'resolved', 'dismissed', 'all'] as const;
const maxReasonLength = 120;

/** The report queue, the last reported first. */
export async function reportsPage(context: PageContext): Promise<Page> {
  const { services, query } = context;
  const [lastReportAt, id] = query.position('after', 2) ?? [];
  const after = lastReportAt === undefined || id === undefined ? undefined : { lastReportAt, id };
  return listPage(query, {
    path,
    title: 'Reports',
    fields: [
      { name: 'state', label: 'State', choices: states, all: 'open or claimed', isShort: true },
      { name: 'sender', label: 'About', placeholder: '@user:…' },
      { name: 'room', label: 'In room', placeholder: '!room' },
      { name: 'reporter', label: 'Reported by', placeholder: '@user:…' },
      { name: 'since', label: 'Since (UTC)', placeholder: '7d or 2026-01-31', isShort: true },
    ],
    isContinued: after !== undefined,
    readFilter: filterIn,
    search: async (filter, limit) => services.reports.search(filter, { limit, after }),
    show: async (rows) =>
      reportTable(context, rows, after === undefined ? 'Last reported first' : 'Continued'),
    next: (last) => ({ after: `${last.lastReportAt}.${last.id}` }),
  });
}

/** @throws UsageError a filter can't be read */
function filterIn(query: Query) {
  const chosen = query.choice('state', states);
  return {
    states: chosen === 'all' ? undefined : chosen === undefined ? pending : [chosen],
    sender: query.read('sender', 'user'),
    roomId: query.read('room', 'target'),
    reporter: query.read('reporter', 'user'),
    since: query.read('since', 'date'),
  };
}

export const pending = ['open', 'claimed'] as const;

/** A list of items of the queue. */
export async function reportTable(
  { services, now }: PageContext,
  rows: readonly ReportItem[],
  caption: string,
): Promise<Html> {
  const reasons = await services.reports.mainReasonsOf(rows);
  const columns: readonly Column<ReportItem>[] = [
    { title: 'Report', align: 'right', cell: ({ id }) => link(`${path}/${id}`, `#${id}`) },
    { title: 'About', cell: (item) => about(item) },
    { title: 'Reason', cell: (item) => mainReason(item, reasons.get(item.id)) },
    { title: 'Reports', align: 'right', cell: ({ reports }) => whole(reports) },
    ...(rows[0] === undefined || services.reports.whereIs(rows[0]) === undefined
      ? []
      : [{ title: 'Homeserver', cell: ({ server }: ReportItem) => server }]),
    { title: 'Last report', cell: ({ lastReportAt }) => time(lastReportAt, now) },
    {
      title: 'State',
      cell: (item) => html`${state(item.state)} ${decider(item)}`,
    },
  ];
  return table({ caption, columns, rows, nothing: 'No matching reports.' });
}

function about(item: ReportItem): Html {
  const sender = item.sender === null ? 'unknown user' : code(item.sender);
  return item.kind === 'user'
    ? html`user ${sender}`
    : html`message by ${sender} ${words(placeOf(item))}`;
}

function mainReason({ reports }: ReportItem, most: MainReason | undefined): Html {
  if (most === undefined) {
    return html`<span class="muted">none given</span>`;
  }
  const { reason, people } = most;
  const who =
    reports > maxPeopleForReason ? `${people} of those who reported last` : `${people} people`;
  return html`<bdi>“${cut(reason, maxReasonLength)}”</bdi
    >${people > 1 && html` <span class="muted">by ${who}</span>`}`;
}

function decider({ state: current, claimedBy, closedBy }: ReportItem): Html | undefined {
  const who = current === 'claimed' ? claimedBy : closedBy;
  return who === null ? undefined : html`<span class="muted">by</span> ${code(who)}`;
}
