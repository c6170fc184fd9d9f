import { actionName } from '../../commands/bot/parts/audit-status.ts';
import { parseUserId } from '../../core/ids.ts';
import { readSearchText } from '../../core/search-text.ts';
import type { AuditEntry } from '../../services/services.ts';
import { code, link, pager, state, table, time } from '../view/components.ts';
import type { Column } from '../view/components.ts';
import { addressWith, filterForm } from '../view/filters.ts';
import { html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { firstPage, pageSize } from './page-context.ts';
import type { PageContext } from './page-context.ts';
import { reading } from './query.ts';
import type { Query } from './query.ts';

const path = '/audit';
const names = ['text', 'by', 'target', 'command', 'status', 'since', 'until'] as const;
const statuses = ['done', 'failed', 'partial', 'denied', 'protected', 'unknown', 'open'] as const;

/** The list of audit entries, the newest first. */
export async function auditPage(context: PageContext): Promise<Page> {
  const { services, registry, query, now } = context;
  const { filter, fault } = reading(() => filterIn(query));
  const [before] = query.position('before', 1) ?? [];
  const found =
    filter === undefined
      ? []
      : await services.audit.search({ ...filter, before, limit: pageSize + 1 });
  const { rows, last } = firstPage(found);
  return {
    title: 'Audit log',
    ...(fault === undefined ? {} : { status: 400 }),
    body: html`${filterForm({
      path,
      query,
      fault,
      fields: [
        { name: 'text', label: 'Words', placeholder: 'crypto scam' },
        { name: 'by', label: 'By', placeholder: '@ana:… or rule:name' },
        { name: 'target', label: 'Target', placeholder: '@user:… or !room' },
        {
          name: 'command',
          label: 'Command',
          suggestions: registry.all
            .filter(({ danger }) => danger !== 'read')
            .map(({ name }) => name),
          isShort: true,
        },
        { name: 'status', label: 'Status', choices: statuses, isShort: true },
        { name: 'since', label: 'Since (UTC)', placeholder: '7d or 2026-01-31', isShort: true },
        { name: 'until', label: 'Until (UTC)', placeholder: '1d or 2026-02-28', isShort: true },
      ],
    })}
    ${table({
      caption: before === undefined ? 'Newest entries first' : `Entries before #${before}`,
      columns: entryColumns(now),
      rows,
      nothing: 'No matching entries.',
    })}
    ${pager({
      first: before === undefined ? undefined : addressWith(path, query, names),
      next:
        last === undefined
          ? undefined
          : addressWith(path, query, names, { before: String(last.id) }),
    })}`,
  };
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
    { title: 'Target', cell: ({ target }) => target !== null && code(target) },
    { title: 'By', cell: ({ actor }) => actorLink(actor) },
    { title: 'Status', cell: ({ status }) => state(status) },
  ];
}

function actorLink(actor: string) {
  return parseUserId(actor) === undefined ? actor : code(actor);
}
