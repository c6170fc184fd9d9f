import type { AuditEntry } from '../../../store/tables/audit/audit-log.ts';
import { isLostNumber } from '../../../store/tables/data-loss.ts';
import type { DataLoss } from '../../../store/tables/data-loss.ts';
import { undoOf } from './undo-of.ts';

/** `shadow-ban \`@mallory:example.com\`` */
export function described({ command, target }: AuditEntry): string {
  return `${command}${target === null ? '' : ` \`${target.replaceAll('`', '’')}\``}`;
}

/** The line that undoes an entry, and what that is. */
export function undoLine(prefix: string, entry: AuditEntry, loss: DataLoss | undefined): string {
  return `\`${prefix}${undoCommand(entry, loss)}\`: ${described(entry)}`;
}

/** `undo 12`; the command that it stands for, if the number stands for two actions in this room. */
export function undoCommand(entry: AuditEntry, loss: DataLoss | undefined): string {
  const byNumber = `undo ${entry.id}`;
  return isLostNumber(loss, entry.id) ? (undoOf(entry) ?? byNumber) : byNumber;
}
