import { count, dateTime } from '../chat/answers/phrases.ts';
import { visible } from '../chat/answers/untrusted-text.ts';
import { UsageError } from '../core/errors.ts';
import { readSearchText } from '../core/search-text.ts';
import {
  exportAudit,
  exportFormats,
  exportHead,
  exportLines,
} from '../services/bot/audit-export.ts';
import type { ExportFormat } from '../services/bot/audit-export.ts';
import { filterOf } from '../services/bot/audit-service.ts';
import type { AuditQuery } from '../services/bot/audit-service.ts';
import { openStore } from '../store/store.ts';
import type { AuditEntry } from '../store/tables/audit/audit-log.ts';
import type { CommandLine } from './command-line.ts';
import type { Output } from './output.ts';
import { readDate } from './read-date.ts';
import { readChoice, readNumber } from './read-option.ts';

const usualLimit = 20;

const statuses = ['done', 'failed', 'partial', 'denied', 'protected', 'unknown', 'open'] as const;

/** What `audit list` and `audit export` are asked for. */
export interface AuditRequest {
  readonly filter: AuditQuery;
  readonly limit: number | undefined;
  readonly format: ExportFormat | undefined;
}

/** @throws UsageError an option has an invalid value */
export function readAuditRequest(options: CommandLine['options'], now: number): AuditRequest {
  const { by, target, command, text, since, until } = options;
  if (text !== undefined) {
    readSearchText(text);
  }
  const filter = {
    by: by === undefined ? undefined : readWho(by),
    target,
    command,
    text,
    operation: readNumber('operation', options.operation),
    status: readChoice('status', options.status, statuses),
    since: since === undefined ? undefined : readDate('since', since, now),
    until: until === undefined ? undefined : readDate('until', until, now),
  };
  if ((filter.since ?? 0) > (filter.until ?? Number.POSITIVE_INFINITY)) {
    throw new UsageError('--since is later than --until.');
  }
  return {
    filter,
    limit: readNumber('limit', options.limit),
    format: readChoice('format', options.format, exportFormats),
  };
}

/** Prints the newest matching entries, for people or in a format for programs. */
export async function listAudit(
  place: string,
  { filter, limit = usualLimit, format }: AuditRequest,
  output: Output,
): Promise<void> {
  const store = await openStore(place, { readonly: true });
  let entries;
  try {
    entries = await store.auditLog.search({ ...(await filterOf(store.operations, filter)), limit });
  } finally {
    await store.close();
  }
  if (format !== undefined) {
    await output(exportHead(format) + exportLines(entries, format));
  } else if (entries.length === 0) {
    await output('No matching entries.\n');
  } else {
    const hint =
      entries.length === limit
        ? `These are the newest ${count(limit, 'entry', 'entries')}. For more, use --limit.\n`
        : '';
    await output(`${entries.map(entryLine).join('\n')}\n${hint}`);
  }
}

/** Prints all matching entries, oldest first. Keeps only a few of them in memory. */
export async function exportAuditLog(
  place: string,
  { filter, limit, format = 'jsonl' }: AuditRequest,
  output: Output,
): Promise<void> {
  const store = await openStore(place, { readonly: true });
  try {
    const found = await filterOf(store.operations, filter);
    for await (const { text } of exportAudit(store.auditLog, found, { format, limit })) {
      await output(text);
    }
  } finally {
    await store.close();
  }
}

/** `#12  2026-11-21 18:40 UTC  done  shadow-ban @mallory:x  by @ana:x  “spam”` */
function entryLine({
  id,
  at,
  status,
  command,
  target,
  actor,
  confirmer,
  reason,
}: AuditEntry): string {
  const who = `by ${actor}${confirmer === null || confirmer === actor ? '' : `, confirmed by ${confirmer}`}`;
  const what = target === null ? command : `${command} ${target}`;
  return (
    [`#${id}`, dateTime(at), status, what, who, ...(reason === null ? [] : [`“${reason}”`])]
      // Text that strangers wrote must not control the terminal.
      .map(visible)
      .join('  ')
  );
}

function readWho(text: string): string {
  if (!/^(?:@.|rule:.|timer:.)/u.test(text)) {
    throw new UsageError(`--by: ${text} is not @user:server or rule:NAME.`);
  }
  return text;
}
