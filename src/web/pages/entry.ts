import { whole } from '../../chat/answers/phrases.ts';
import { actionName } from '../../commands/bot/parts/audit-status.ts';
import type { AuditEntry, ChainPosition } from '../../services/services.ts';
import {
  address,
  beginning,
  code,
  facts,
  lines,
  link,
  state,
  table,
  time,
} from '../view/components.ts';
import { html } from '../view/html.ts';
import type { Html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { targetOf } from './audit.ts';
import { lostEntryPage } from './notices.ts';
import type { PageContext } from './page-context.ts';

/** One audit entry, and where it stands in the chain. The number may also be that of its outcome. */
export async function entryPage(context: PageContext, id: number): Promise<Page | undefined> {
  const { services, now } = context;
  const { audit } = services;
  const entry = await audit.get((await audit.intentOf(id)) ?? id);
  if (entry === undefined) {
    return (await audit.isLost(id)) ? lostEntryPage(id) : undefined;
  }
  const [operation, chain, hasTwo] = await Promise.all([
    audit.operationOf(entry),
    audit.chainOf(entry.id),
    audit.isLost(entry.id),
  ]);
  const { target } = entry;
  return {
    title: `Audit entry #${entry.id}: ${actionName(entry)}`,
    body: html`${hasTwo && html`<p>An older entry had the same number. It was lost with a database.</p>`}
    ${facts([
      ['Status', state(entry.status)],
      [
        'Target',
        target !== null &&
          html`${targetOf(entry)} ${link(address('/audit', { target }), 'all entries')}`,
      ],
      [
        'Requested by',
        html`${code(entry.actor)} ${link(address('/audit', { by: entry.actor }), 'all entries')}`,
      ],
      ['Confirmed by', confirmer(entry)],
      ['Requested', time(entry.at, now)],
      ['Finished', entry.endedAt === null ? 'no outcome recorded' : time(entry.endedAt, now)],
      ['Reason', entry.reason !== null && lines(beginning(entry.reason))],
      ['Arguments', json(entry.arguments)],
      ['Outcome', entry.detail !== null && json(entry.detail)],
      ['Operation', operation !== undefined && link(`/operations/${operation}`, `#${operation}`)],
      ['Report', entry.itemId !== null && link(`/reports/${entry.itemId}`, `#${entry.itemId}`)],
      ['Room', code(entry.roomId)],
      ['Event', code(entry.eventId)],
    ])}
    ${chainSection(chain, context)}`,
  };
}

/** Nobody confirms what was refused. */
function confirmer({ confirmer: by, status }: AuditEntry): Html | string | undefined {
  if (by !== null) {
    return code(by);
  }
  return status === 'denied' || status === 'protected' ? undefined : 'not needed';
}

function json(value: unknown): Html {
  return html`<pre>${lines(beginning(JSON.stringify(value, undefined, 2)))}</pre>`;
}

function chainSection(
  { rows, length, anchor }: ChainPosition,
  { now, prefix }: Pick<PageContext, 'now' | 'prefix'>,
): Html {
  const last = rows.at(-1)?.id ?? 0;
  return html`<section aria-labelledby="chain">
    <h2 id="chain">In the hash chain</h2>
    ${table({
      caption: `Each row holds the hash of the one before it. The chain has ${whole(length)} rows.`,
      columns: [
        { title: 'Row', align: 'right', cell: (row) => whole(row.id) },
        {
          title: 'What',
          cell: (row) => (row.kind === 'outcome' ? `outcome: ${row.status}` : row.kind),
        },
        { title: 'When', cell: (row) => time(row.at, now) },
        { title: 'Hash', cell: (row) => code(row.hash) },
        { title: 'Hash of the row before', cell: (row) => code(row.previousHash) },
      ],
      rows,
      nothing: 'The chain has no row for this entry.',
    })}
    <p class="muted">
      ${
        anchor === undefined
          ? 'No head of the chain has been written outside of the database yet.'
          : html`Last head written outside of the database: row ${whole(anchor.count)},
              ${time(anchor.at, now)}.
              ${last <= anchor.count ? 'It covers this entry.' : 'This entry is newer.'} To be
              certain, send <code>${prefix}audit verify</code> in the room.`
      }
    </p>
  </section>`;
}
