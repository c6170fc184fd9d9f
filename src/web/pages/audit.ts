import { actionName } from '../../commands/bot/parts/audit-status.ts';
import { parseUserId } from '../../core/ids.ts';
import { readSearchText } from '../../core/search-text.ts';
import type { AuditEntry } from '../../services/services.ts';
import { code, link, state, table, time } from '../view/components.ts';
import type { Column } from '../view/components.ts';
import { html } from '../view/html.ts';
import type { Html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { listPage } from './list.ts';
import type { PageContext } from './page-context.ts';
import type { Query } from './query.ts';

const path = '/audit';
const statuses = ['done', 'failed', 'partial', 'denied', 'protected', 'unknown', 'open'] as const;

/** The list of audit entries, the newest first. */
export async function auditPage({ services, registry, query, now }: PageContext): Promise<Page> {
  const [before] = query.position('before', 1) ?? [];
  return listPage(query, {
    path,
    title: 'Audit log',
    fields: [
      { name: 'text', label: 'Words', placeholder: 'crypto scam' },
      { name: 'by', label: 'By', placeholder: '@ana:… or rule:name' },
      { name: 'target', label: 'Target', placeholder: '@user:… or !room' },
      {
        name: 'command',
        label: 'Command',
        suggestions: registry.all.filter(({ danger }) => danger !== 'read').map(({ name }) => name),
        isShort: true,
      },
      { name: 'status', label: 'Status', choices: statuses, isShort: true },
      { name: 'since', label: 'Since (UTC)', placeholder: '7d or 2026-01-31', isShort: true },
      { name: 'until', label: 'Until (UTC)', placeholder: '1d or 2026-02-28', isShort: true },
    ],
    isContinued: before !== undefined,
    readFilter: filterIn,
    search: async (filter, limit) => services.audit.search({ ...filter, before, limit }),
    show: (rows) =>
      table({
        caption: before === undefined ? 'Newest entries first' : `Entries before #${before}`,
        columns: entryColumns(now),
        rows,
        nothing: 'No matching entries.',
      }),
    next: ({ id }) => ({ before: String(id) }),
  });
}

/** @throws UsageError a filter can't be read */
function filterIn(query: Query) {
  const by = query.text('by');
  return {
    text: textIn(query),
    by: by.startsWith('rule:') ? by : query.read('by', 'user'),
    target: query.read('target', 'target'),
    command: query.read('command', 'word'),
    status: query.choice('status', statuses),
    since: query.read('since', 'date'),
    until: query.read('until', 'date'),
  };
}

/** @throws UsageError there is nothing in it to search for */
function textIn(query: Query): string | undefined {
  const text = query.text('text');
  if (text === '') {
    return undefined;
  }
  readSearchText(text);
  return text;
}

/** Columns of a list of audit entries. */
export function entryColumns(now: number): readonly Column<AuditEntry>[] {
  return [
    { title: 'Entry', align: 'right', cell: ({ id }) => link(`${path}/${id}`, `#${id}`) },
    { title: 'When', cell: ({ at }) => time(at, now) },
    { title: 'Action', cell: (entry) => actionName(entry) },
    { title: 'Target', cell: targetOf },
    { title: 'By', cell: people },
    { title: 'Status', cell: ({ status }) => state(status) },
  ];
}

/** Commands whose target is the number of a report. */
const ofReports = new Set(['claim', 'dismiss', 'reopen', 'report', 'resolve']);

/** The target of an entry; a report is linked. */
export function targetOf({ command, target }: AuditEntry): Html | false {
  return (
    target !== null &&
    (ofReports.has(command) && /^\d+$/u.test(target)
      ? link(`/reports/${target}`, `#${target}`)
      : code(target))
  );
}

/** Who asked, and who else confirmed: a search finds both. */
function people({ actor, confirmer }: AuditEntry): Html {
  return html`${parseUserId(actor) === undefined ? actor : code(actor)}${
    confirmer !== null &&
    confirmer !== actor &&
    html` <span class="muted">confirmed by</span> ${code(confirmer)}`
  }`;
}
