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

/** How an audited action ended, as a mark and a word: `✅ done`. */
export function auditStatus(status: string): string {
  return `${marks[status] ?? 'ℹ️'} ${status}`;
}
