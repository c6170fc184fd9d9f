import { stepOf } from '../../../services/services.ts';
import type { AuditEntry } from '../../../services/services.ts';

const marks: Readonly<Record<string, string>> = {
  done: '✅',
  open: '⏳',
  running: '⏳',
  unknown: '⚠️',
  partial: '⚠️',
  failed: '❌',
  denied: '❌',
  protected: '❌',
};

/** How an audited action ended, as a mark. */
export function auditMark(status: string): string {
  return marks[status] ?? 'ℹ️';
}

/** How an audited action ended, as a mark and a word: `✅ done`. */
export function auditStatus(status: string): string {
  return `${auditMark(status)} ${status}`;
}

/** What was done: the command and, if it does several things, which of them. `takedown: suspend` */
export function actionName(entry: Pick<AuditEntry, 'command' | 'arguments'>): string {
  const step = stepOf(entry);
  return step === undefined ? entry.command : `${entry.command}: ${step}`;
}
