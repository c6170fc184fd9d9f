/**
 * The code of an error of the operating system or of a library: `EACCES`, `SQLITE_FULL`.
 *
 * @returns the error's text if it has no code
 */
export function systemCodeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

/** What an error says, without its name. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
