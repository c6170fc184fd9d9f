import { TargetError } from '../../../core/errors.ts';

/** The error for the number of an audit entry that was lost with a database. */
export function lostEntry(id: number): TargetError {
  return new TargetError(
    'unknown',
    `audit entry #${id} is missing since my database was restored or lost`,
    'Its answer in this room says what was done. To undo that, send the command that reverses it.',
  );
}
