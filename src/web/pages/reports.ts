import { setImmediate as nextTurn } from 'node:timers/promises';

import { whole } from '../../chat/answers/phrases.ts';
import { placeOf, reasonsOf } from '../../chat/answers/report-item.ts';
import { cut } from '../../core/text.ts';
import type { ItemStory, ReportItem } from '../../services/services.ts';
import { code, link, pager, state, table, time, words } from '../view/components.ts';
import type { Column } from '../view/components.ts';
import { addressWith, filterForm } from '../view/filters.ts';
import { html } from '../view/html.ts';
import type { Html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { firstPage, pageSize } from './page-context.ts';
import type { PageContext } from './page-context.ts';
import { reading } from './query.ts';

const path = '/reports';
const names = ['state', 'sender', 'room', 'reporter', 'since'] as const;
const states = ['open', 'claimed', 'resolved', 'dismissed', 'all'] as const;
const maxReasonLength = 120;

/** The report queue, the last reported first. */
export async function reportsPage(context: PageContext): Promise<Page> {
  const { services, query } = context;
  const { filter, fault } = reading(() => {
    const chosen = query.choice('state', states);
    return {
      states: chosen === 'all' ? undefined : chosen === undefined ? pending : [chosen],
      sender: query.read('sender', 'user'),
      roomId: query.read('room', 'target'),
      reporter: query.read('reporter', 'user'),
      since: query.read('since', 'date'),
    };
  });
  const [lastReportAt, id] = query.position('after', 2) ?? [];
  const after = lastReportAt === undefined || id === undefined ? undefined : { lastReportAt, id };
  const found =
    filter === undefined
      ? []
      : await services.reports.search(filter, { limit: pageSize + 1, after });
  const { rows, last } = firstPage(found);
  return {
    title: 'Reports',
    ...(fault === undefined ? {} : { status: 400 }),
    body: html`${filterForm({
      path,
      query,
      fault,
      fields: [
        { name: 'state', label: 'State', choices: states, all: 'open or claimed', isShort: true },
        { name: 'sender', label: 'About', placeholder: '@user:…' },
        { name: 'room', label: 'In room', placeholder: '!room' },
        { name: 'reporter', label: 'Reported by', placeholder: '@user:…' },
        { name: 'since', label: 'Since (UTC)', placeholder: '7d or 2026-01-31', isShort: true },
      ],
    })}
    ${await reportTable(context, rows, after === undefined ? 'Last reported first' : 'Continued')}
    ${pager({
      first: after === undefined ? undefined : addressWith(path, query, names),
      next:
        last === undefined
          ? undefined
          : addressWith(path, query, names, { after: `${last.lastReportAt}.${last.id}` }),
    })}`,
  };
}

export const pending = ['open', 'claimed'] as const;

/** A list of items of the queue. */
export async function reportTable(
  { services, now }: PageContext,
  rows: readonly ReportItem[],
  caption: string,
): Promise<Html> {
  const reasons = new Map<number, Html | string>();
  for (const item of rows) {
    const reports = await services.reports.reportsOf([item]);
    reasons.set(item.id, mainReason(reports.get(item.id) ?? []));
    // An item can have a thousand reports. Other work gets its turn in between.
    await nextTurn();
  }
  const columns: readonly Column<ReportItem>[] = [
    { title: 'Report', align: 'right', cell: ({ id }) => link(`${path}/${id}`, `#${id}`) },
    { title: 'About', cell: (item) => about(item) },
    { title: 'Reason', cell: ({ id }) => reasons.get(id) },
    { title: 'Reports', align: 'right', cell: ({ reports }) => whole(reports) },
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

function mainReason(reports: ItemStory['reports']): Html | string {
  const [most] = reasonsOf(reports);
  if (most === undefined) {
    return html`<span class="muted">none given</span>`;
  }
  return html`<bdi>“${cut(most.reason, maxReasonLength)}”</bdi>${
      most.people > 1 && html` <span class="muted">by ${most.people} people</span>`
    }`;
}

function decider({ state: current, claimedBy, closedBy }: ReportItem): Html | undefined {
  const who = current === 'claimed' ? claimedBy : closedBy;
  return who === null ? undefined : html`<span class="muted">by</span> ${code(who)}`;
}
