/** `2026-11-28T10:00:00.000Z`: how files say when something was, for spreadsheets and log tools. */
export function isoTime(at: number): string {
  return new Date(at).toISOString();
}
