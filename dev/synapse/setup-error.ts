/**
 * Something on this machine keeps the throwaway Synapse from running: no Python, no network, a
 * folder that can't be written. The message is one line that says what is wrong and what to do,
 * fit to be shown as it is, without a stack.
 */
export class SetupError extends Error {
  override readonly name = 'SetupError';
  readonly code = 'SETUP';

  constructor(message: string, options?: ErrorOptions) {
    super(message.replaceAll(/\s+/g, ' ').trim(), options);
  }
}

/** The system's own code of a failure (`EACCES`, `ENOENT`…), when it has one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
