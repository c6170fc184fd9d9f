import { linesOf, progressText } from '../../commands/bot/parts/open-operation.ts';
import { cut } from '../../core/text.ts';
import type { ListedOperation, OpenOperation, Operation } from '../../services/services.ts';
import { address, code, link, pager, state, table, time } from '../view/components.ts';
import type { Column } from '../view/components.ts';
import { html } from '../view/html.ts';
import type { Html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { firstPage, pageSize } from './page-context.ts';
import type { PageContext } from './page-context.ts';

const path = '/operations';
/** Lines can name many accounts. */
const maxLineLength = 300;

/** What runs, waits and, for those who may read the audit log, what has ended. */
export async function operationsPage(context: PageContext): Promise<Page> {
  const { viewer, query } = context;
  const [before] = query.position('before', 1) ?? [];
  const isFirst = before === undefined;
  return {
    title: 'Operations',
    body: html`${isFirst && (await openSection(context, pageSize))}
    ${isFirst && viewer.may('pending') && (await pendingSection(context))}
    ${viewer.may('audit') && (await allSection(context, before))}`,
  };
}

/** What runs, and what is scheduled. */
export async function openSection(context: PageContext, limit: number): Promise<Html> {
  const { services, now } = context;
  const { operations } = services;
  const running = await Promise.all(
    (await operations.first('running', limit)).map(operations.progressOf),
  );
  const scheduled = await operations.first('scheduled', limit);
  const rows: OpenOperation[] = [
    ...running,
    ...scheduled.map((operation) => ({ operation, counts: {}, progress: undefined, waitsFor: [] })),
  ];
  return html`<section aria-labelledby="open">
    <h2 id="open">Running and scheduled</h2>
    ${table({
      caption: rows.length >= limit ? `The first ${limit}` : 'By time',
      columns: [
        { title: 'Operation', align: 'right', cell: ({ operation }) => numberOf(operation) },
        { title: 'Command', cell: ({ operation }) => code(lineOf(context, operation)) },
        { title: 'By', cell: ({ operation }) => code(operation.actor) },
        { title: 'State', cell: ({ operation }) => state(operation.state) },
        {
          title: 'When',
          cell: ({ operation: { startedAt, notBefore, createdAt } }) =>
            time(startedAt ?? notBefore ?? createdAt, now),
        },
        { title: 'Progress', cell: (one) => progressText(one) },
      ],
      rows: rows.slice(0, limit),
      nothing: 'Nothing is running or scheduled.',
    })}
  </section>`;
}

async function pendingSection(context: PageContext): Promise<Html> {
  const { services, now } = context;
  const rows = await services.operations.first('awaiting', pageSize);
  return html`<section aria-labelledby="pending">
    <h2 id="pending">Pending confirmations</h2>
    ${table<ListedOperation>({
      caption:
        rows.length === pageSize ? `The first ${pageSize} that expire` : 'Decide them in the room',
      columns: [
        { title: 'Operation', align: 'right', cell: numberOf },
        { title: 'Command', cell: (operation) => code(lineOf(context, operation)) },
        { title: 'By', cell: ({ actor }) => code(actor) },
        { title: 'Asked', cell: ({ createdAt }) => time(createdAt, now) },
        { title: 'Expires', cell: ({ expiresAt }) => expiresAt !== null && time(expiresAt, now) },
      ],
      rows: rows.filter(({ expiresAt }) => (expiresAt ?? 0) > now),
      nothing: 'Nothing is waiting for confirmation.',
    })}
  </section>`;
}

async function allSection(context: PageContext, before: number | undefined): Promise<Html> {
  const { services, now } = context;
  const found = await services.operations.newest({ before, limit: pageSize + 1 });
  const { rows, last } = firstPage(found);
  const columns: readonly Column<ListedOperation>[] = [
    { title: 'Operation', align: 'right', cell: numberOf },
    { title: 'Command', cell: (operation) => code(lineOf(context, operation)) },
    { title: 'By', cell: ({ actor }) => code(actor) },
    { title: 'State', cell: (operation) => state(operation.state) },
    { title: 'Created', cell: ({ createdAt }) => time(createdAt, now) },
  ];
  return html`<section aria-labelledby="all">
    <h2 id="all">All operations</h2>
    ${table({
      caption: before === undefined ? 'Newest first' : `Operations before #${before}`,
      columns,
      rows,
      nothing: 'There were no operations yet.',
    })}
    ${pager({
      first: before === undefined ? undefined : path,
      next: last === undefined ? undefined : address(path, { before: String(last.id) }),
    })}
  </section>`;
}

function numberOf({ id }: Operation): Html {
  return link(`${path}/${id}`, `#${id}`);
}

/** The command line of an operation, short, without what the viewer may not see. */
export function lineOf({ registry, viewer, prefix }: PageContext, operation: Operation): string {
  const { command, invocation, line } = operation;
  if (invocation === '' && line === null) {
    return `${prefix}${command} …`;
  }
  const { shortLine } = linesOf(
    { registry, role: viewer.role },
    { operation, counts: {}, progress: undefined, waitsFor: [] },
  );
  return cut(`${prefix}${shortLine}`, maxLineLength);
}
