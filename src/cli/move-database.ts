import { count, whole } from '../chat/answers/phrases.ts';
import { UsageError } from '../core/errors.ts';
import { moveDatabase } from '../store/move/move-database.ts';
import type { MovedCounts } from '../store/move/move-database.ts';
import { isPostgres, shownPlace } from '../store/postgres/errors.ts';
import type { Output } from './output.ts';

interface MoveRequest {
  /** A file of SQLite, or a URL of PostgreSQL, which may hold a password. */
  readonly from: string;
  readonly to: string | undefined;
}

/**
 * Copies the database to PostgreSQL, or back to a file, and says what to do next.
 *
 * @param inform called with what is going on
 * @throws UsageError a place is missing, or is neither a URL of PostgreSQL nor a file
 * @throws SetupError, StoreError as `moveDatabase`
 */
export async function copyDatabase(
  { from, to }: MoveRequest,
  output: Output,
  inform: (message: string) => void,
): Promise<void> {
  if (to === undefined || to === '') {
    throw new UsageError('move-database needs --to postgres://user@host/database, or a file.');
  }
  assertPlace('from', from);
  assertPlace('to', to);
  const { head, tables } = await moveDatabase({ from, to, inform });
  const filled = tables.filter(({ rows }) => rows > 0);
  const width = Math.max(0, ...filled.map(({ table }) => table.length));
  await output(
    [
      `${shownPlace(to)} is now a copy of ${shownPlace(from)}. Both audit logs are in order, and have the head ${head}`,
      ...filled.map(
        (one) => `  ${one.table.padEnd(width)}  ${count(one.rows, 'row')}${changesText(one)}`,
      ),
      ...nextSteps(to),
      '',
    ].join('\n'),
  );
}

/** What is wrong with a URL is not repeated: it may hold a password. */
function assertPlace(option: string, place: string): void {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//iu.test(place) || isPostgres(place);
  if (isUrl && !(/^postgres(?:ql)?:\/\//u.test(place) && URL.canParse(place))) {
    throw new UsageError(
      `--${option} must be a URL such as postgres://user@host/database, or a file.`,
    );
  }
}

function changesText({ added, changed, removed }: MovedCounts): string {
  const changes = [
    ...(added === 0 ? [] : [`${whole(added)} added`]),
    ...(changed === 0 ? [] : [`${whole(changed)} changed`]),
    ...(removed === 0 ? [] : [`${whole(removed)} removed`]),
  ];
  return changes.length === 0 ? '' : ` (${changes.join(', ')})`;
}

function nextSteps(to: string): string[] {
  const [set, unset] = isPostgres(to)
    ? ['database.url: the URL that you gave with --to', 'database.path']
    : [`database.path: ${to}`, 'database.url'];
  return [
    'If the bot was running, stop it and run this command again: it copies what has changed since.',
    `Then put this into the configuration, in place of ${unset}, and start the bot:`,
    `  ${set}`,
  ];
}
