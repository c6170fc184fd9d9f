import type { AuditEntry } from '../../../store/tables/audit/audit-log.ts';

/** One operation has at most this many audit entries: 10,000 accounts, and the steps of a takedown for each. */
export const maxTogether = 100_000;

/** The command line that undoes an action, if the action was done, at least in part, and can be undone. */
export function undoOf({
  status,
  detail,
}: Pick<AuditEntry, 'status' | 'detail'>): string | undefined {
  return (status === 'done' || status === 'partial') &&
    typeof detail === 'object' &&
    detail !== null &&
    'undo' in detail &&
    typeof detail.undo === 'string'
    ? detail.undo
    : undefined;
}

/** Whether an action had nothing to do, because everything was done already. */
export function foundDone({ status, detail }: Pick<AuditEntry, 'status' | 'detail'>): boolean {
  return (
    status === 'done' &&
    typeof detail === 'object' &&
    detail !== null &&
    'was_so' in detail &&
    detail.was_so === true
  );
}

/**
 * Whether an entry changed nothing that its operation could take back, and the rest of that operation is
 * taken back.
 *
 * @param others what else was done to the same target
 * @param takenBack the numbers of the entries that were taken back
 */
export function isSpent(
  entry: AuditEntry,
  others: readonly AuditEntry[],
  takenBack: ReadonlySet<number | undefined>,
): boolean {
  if (undoOf(entry) !== undefined) {
    return false;
  }
  const siblings = others.filter(
    (other) => other.eventId === entry.eventId && undoOf(other) !== undefined,
  );
  return siblings.length > 0 && siblings.every(({ id }) => takenBack.has(id));
}

/** The line with which a timer ends what an entry did, or what it found done and gave another end. */
export function endOf(entry: AuditEntry): string | undefined {
  const { detail } = entry;
  const ends =
    typeof detail === 'object' && detail !== null && 'ends' in detail ? detail.ends : undefined;
  return undoOf(entry) ?? (typeof ends === 'string' ? ends : undefined);
}
