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
