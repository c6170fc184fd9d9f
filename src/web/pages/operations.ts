import type { Invocation } from '../../chat/command/invocation.ts';
import { shortLine, withoutPersonal } from '../../chat/command/write-invocation.ts';
import { linesOf, progressText } from '../../commands/bot/parts/open-operation.ts';
import { cut } from '../../core/text.ts';
import type { Operation, OpenOperation } from '../../services/services.ts';
import { address, code, link, pager, state, table, time } from '../view/components.ts';
import type { Column } from '../view/components.ts';
import { html } from '../view/html.ts';
import type { Html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { firstPage, pageSize } from './page-context.ts';
import type { PageContext } from './page-context.ts';

const path = '/operations';
/** Lines can name thousands of accounts. */
const maxLineLength = 300;

/** What runs, waits and, for those who may read the audit log, what has ended. */
export async function operationsPage(context: PageContext): Promise<Page> {
  const { services, viewer, query } = context;
  const [before] = query.position('before', 1) ?? [];
  const isFirst = before === undefined;
  const open = isFirst ? await services.operations.open() : [];
  const found = viewer.may('audit')
    ? await services.operations.newest({ before, limit: pageSize + 1 })
    : [];
  const { rows, last } = firstPage(found);
  return {
    title: 'Operations',
    body: html`${isFirst && openSection(context, open)}
    ${isFirst && viewer.may('pending') && (await pendingSection(context))}
    ${
      viewer.may('audit') &&
      html`<section aria-labelledby="all">
        <h2 id="all">All operations</h2>
        ${table({
          caption: isFirst ? 'Newest first' : `Operations before #${before}`,
          columns: operationColumns(context),
          rows,
          nothing: 'There were no operations yet.',
        })}
        ${pager({
          first: isFirst ? undefined : path,
          next: last === undefined ? undefined : address(path, { before: String(last.id) }),
        })}
      </section>`
    }`,
  };
}

/** What runs and what is scheduled. */
export function openSection(
  context: PageContext,
  open: readonly OpenOperation[],
  limit = pageSize,
): Html {
  const { now } = context;
  return html`<section aria-labelledby="open">
    <h2 id="open">Running and scheduled</h2>
    ${table({
      caption: open.length > limit ? `The first ${limit} of ${open.length}` : 'By time',
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
      rows: open.slice(0, limit),
      nothing: 'Nothing is running or scheduled.',
    })}
  </section>`;
}

async function pendingSection(context: PageContext): Promise<Html> {
  const { services, now } = context;
  const pending = (await services.confirmations.pending()).filter(
    ({ expiresAt }) => expiresAt > now,
  );
  return html`<section aria-labelledby="pending">
    <h2 id="pending">Pending confirmations</h2>
    ${table({
      caption:
        pending.length > pageSize
          ? `The first ${pageSize} of ${pending.length}`
          : 'Decide them in the room',
      columns: [
        {
          title: 'Command',
          cell: (one) => code(writtenLine(context, one.command, one.invocation)),
        },
        { title: 'By', cell: ({ requester }) => code(requester) },
        { title: 'Asked', cell: ({ createdAt }) => time(createdAt, now) },
        { title: 'Expires', cell: ({ expiresAt }) => time(expiresAt, now) },
      ],
      rows: pending.slice(0, pageSize),
      nothing: 'Nothing waits for a confirmation.',
    })}
  </section>`;
}

function operationColumns(context: PageContext): readonly Column<Operation>[] {
  const { now } = context;
  return [
    { title: 'Operation', align: 'right', cell: numberOf },
    { title: 'Command', cell: (operation) => code(lineOf(context, operation)) },
    { title: 'By', cell: ({ actor }) => code(actor) },
    { title: 'State', cell: (operation) => state(operation.state) },
    { title: 'Created', cell: ({ createdAt }) => time(createdAt, now) },
  ];
}

function numberOf({ id }: Operation): Html {
  return link(`${path}/${id}`, `#${id}`);
}

/** The command line of an operation, short, without what the viewer may not see. */
export function lineOf({ registry, viewer, prefix }: PageContext, operation: Operation): string {
  const { shortLine: line } = linesOf(
    { registry, role: viewer.role },
    { operation, counts: {}, progress: undefined },
  );
  return cut(`${prefix}${line}`, maxLineLength);
}

function writtenLine(
  { registry, viewer, prefix }: PageContext,
  name: string,
  invocation: string,
): string {
  const command = registry.find(name);
  if (command === undefined) {
    return `${prefix}${name}`;
  }
  const stored = JSON.parse(invocation) as Invocation;
  const seen = viewer.role === 'viewer' ? withoutPersonal(command, stored) : stored;
  return cut(`${prefix}${shortLine(command, seen)}`, maxLineLength);
}
