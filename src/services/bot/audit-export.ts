import { setImmediate as nextTurn } from 'node:timers/promises';

import { stringify } from 'csv-stringify/sync';

import { TargetError } from '../../core/errors.ts';
import { isoTime } from '../../core/iso-time.ts';
import type { AuditEntry, AuditLog } from '../../store/tables/audit/audit-log.ts';
import type { AuditFilter } from '../../store/tables/audit/audit-search.ts';

export const exportFormats = ['jsonl', 'csv'] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** How many entries are read and written at once: few enough that other work waits only milliseconds. */
const entriesAtOnce = 100;
/** A file that is sent to the room is held in memory as a whole. */
const maxFileLength = 10_000_000;

/** An entry with the names that the API uses. Times are ISO 8601, for spreadsheets and log tools. */
function recordOf(entry: AuditEntry) {
  return {
    id: entry.id,
    at: isoTime(entry.at),
    status: entry.status,
    command: entry.command,
    target: entry.target,
    actor: entry.actor,
    confirmer: entry.confirmer,
    reason: entry.reason,
    ended_at: entry.endedAt === null ? null : isoTime(entry.endedAt),
    arguments: entry.arguments,
    detail: entry.detail,
    report_item: entry.itemId,
    room_id: entry.roomId,
    event_id: entry.eventId,
  };
}

type Entry = ReturnType<typeof recordOf>;

const columns: readonly (keyof Entry)[] = [
  'id',
  'at',
  'status',
  'command',
  'target',
  'actor',
  'confirmer',
  'reason',
  'ended_at',
  'arguments',
  'detail',
  'report_item',
  'room_id',
  'event_id',
];

/** The first line of the file. */
export function exportHead(format: ExportFormat): string {
  return format === 'csv' ? `${columns.join(',')}\n` : '';
}

/** The entries as lines of the file. */
export function exportLines(entries: readonly AuditEntry[], format: ExportFormat): string {
  const records = entries.map(recordOf);
  return format === 'jsonl'
    ? records.map((record) => `${JSON.stringify(record)}\n`).join('')
    : stringify(records, {
        columns: [...columns],
        // Spreadsheets run cells that begin with `=`, and anybody can write a reason.
        escape_formulas: true,
      });
}

/** A piece of an export, and how many entries it holds. */
export interface ExportPiece {
  readonly text: string;
  readonly count: number;
}

/** All entries that match, oldest first, in pieces, so that few are in memory at once. */
export async function* exportAudit(
  log: Pick<AuditLog, 'inOrder'>,
  filter: AuditFilter,
  options: { readonly format: ExportFormat; readonly limit?: number | undefined },
): AsyncGenerator<ExportPiece> {
  const { format, limit = Number.POSITIVE_INFINITY } = options;
  yield { text: exportHead(format), count: 0 };
  let after = 0;
  for (let left = limit; left > 0;) {
    const wanted = Math.min(left, entriesAtOnce);
    const entries = await log.inOrder(filter, after, wanted);
    const last = entries.at(-1);
    if (last === undefined) {
      return;
    }
    yield { text: exportLines(entries, format), count: entries.length };
    if (entries.length < wanted) {
      return;
    }
    after = last.id;
    left -= entries.length;
    await nextTurn();
  }
}

/**
 * The same as one text, for a file in the room.
 *
 * @throws TargetError the text is too large for that
 */
export async function exportWhole(
  log: Pick<AuditLog, 'inOrder'>,
  filter: AuditFilter,
  options: { readonly format: ExportFormat; readonly limit?: number | undefined },
): Promise<ExportPiece> {
  const texts: string[] = [];
  let length = 0;
  let count = 0;
  for await (const piece of exportAudit(log, filter, options)) {
    texts.push(piece.text);
    length += piece.text.length;
    count += piece.count;
    if (length > maxFileLength) {
      throw new TargetError(
        'state',
        'the export is too large for a file in the room',
        'Narrow it with `--since` and `--until`, or run `lawspeaker audit export` on the bot’s machine.',
      );
    }
  }
  return { text: texts.join(''), count };
}
