import { count, dateTime, entries, span, whole } from '../../chat/answers/phrases.ts';
import { link, table, time } from '../view/components.ts';
import { html } from '../view/html.ts';
import type { Html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { entryColumns } from './audit.ts';
import { openSection } from './operations.ts';
import type { PageContext } from './page-context.ts';
import { pending, reportTable } from './reports.ts';

/** Rows of each list. */
const shown = 6;

/** What is going on: whether the bot works, open reports, operations, and the newest audit entries. */
export async function overviewPage(context: PageContext): Promise<Page> {
  const { viewer } = context;
  return {
    title: 'Overview',
    body: html`${viewer.may('status') && (await healthLine(context))}
      <ul class="tiles">
        ${await tiles(context)}
      </ul>
      ${viewer.may('reports') && (await newestReports(context))}
      ${viewer.may('jobs') && (await openSection(context, shown))}
      ${viewer.may('audit') && (await newestEntries(context))}`,
  };
}

async function tiles({ services, viewer }: PageContext): Promise<readonly Html[]> {
  const items = viewer.may('reports') ? await services.reports.countByState() : undefined;
  const jobs = viewer.may('jobs') ? '/operations' : undefined;
  const counts = await services.operations.countPending();
  return [
    ...(items === undefined
      ? []
      : [
          tile(items.open, 'open reports', '/reports?state=open'),
          tile(items.claimed, 'claimed reports', '/reports?state=claimed'),
        ]),
    ...(jobs === undefined
      ? []
      : [
          tile(counts.operations, 'running operations', jobs),
          tile(counts.scheduled, 'scheduled operations and timers', jobs),
        ]),
    ...(viewer.may('pending') ? [tile(counts.confirmations, 'pending confirmations', jobs)] : []),
  ];
}

function tile(number: number, label: string, to: string | undefined): Html {
  const content = html`<b>${whole(number)}</b> ${label}`;
  return html`<li>${to === undefined ? content : link(to, content)}</li>`;
}

async function healthLine({ services, now }: PageContext): Promise<Html> {
  const {
    online,
    lastSyncAt,
    reportReadings,
    ruleActions,
    maxRuleActions,
    version,
    whyUnableToSend,
    dataLoss,
  } = await services.bot.status();
  const unread = reportReadings.find(({ failing }) => failing !== undefined);
  const faults = [
    !online && 'The homeserver does not answer.',
    unread?.failing !== undefined &&
      `${unread.kind === 'sign-up' ? 'Sign-ups' : 'Reports'}${unread.serverName === undefined ? '' : ` of ${unread.serverName}`} can’t be read, for ${span(unread.failing.forMs)}.`,
    whyUnableToSend !== undefined &&
      `Lawspeaker can’t speak in the management room: ${whyUnableToSend}. Until it can, no command, rule or timer is carried out.`,
    dataLoss !== undefined &&
      dataLoss.lastShown > dataLoss.lastKept &&
      `Since ${dateTime(dataLoss.foundAt)} the audit log lacks ${entries(dataLoss.lastKept + 1, dataLoss.lastShown)} of a database that was restored or lost.`,
  ].filter((fault) => fault !== false);
  return html`<p class="health${faults.length > 0 && ' ill'}">
    ${faults.length === 0 ? 'Lawspeaker is connected to the homeserver.' : faults.join(' ')}
    ${lastSyncAt !== undefined && html`Last sync ${time(lastSyncAt, now)}.`} Version
    ${version}.${
      ruleActions >= maxRuleActions &&
      ` Rules only propose now: they did ${count(ruleActions, 'action')} within the last hour, the maximum.`
    }
  </p>`;
}

async function newestReports(context: PageContext): Promise<Html> {
  const rows = await context.services.reports.search({ states: pending }, { limit: shown });
  return html`<section aria-labelledby="reports">
    <h2 id="reports">${link('/reports', 'Open reports')}</h2>
    ${await reportTable(context, rows, 'Last reported first')}
  </section>`;
}

async function newestEntries({ services, now }: PageContext): Promise<Html> {
  return html`<section aria-labelledby="entries">
    <h2 id="entries">${link('/audit', 'Newest audit entries')}</h2>
    ${table({
      caption: 'Newest first',
      columns: entryColumns(now),
      rows: await services.audit.search({ limit: shown }),
      nothing: 'Nothing has been done yet.',
    })}
  </section>`;
}
