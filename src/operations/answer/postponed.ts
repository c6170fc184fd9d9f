import { StoreError, UnrecordedError } from '../../core/errors.ts';

const later = 'When I can write again, I do this, unless it is too old by then.';

/**
 * Why something could not be done now, and what becomes of it: people may send it again meanwhile. If it was done
 * already, and only its outcome could not be recorded, nothing is added.
 */
export function postponed(error: unknown): unknown {
  return error instanceof StoreError && !(error instanceof UnrecordedError)
    ? new StoreError(error.message, [error.advice ?? '', later].join(' ').trim())
    : error;
}
