import { UsageError } from '../../../core/errors.ts';

/** Synapse takes an earlier time for one in seconds, and refuses it: December 1970. */
const earliest = 30_000_000_000;

/** @throws UsageError Synapse would refuse this time */
export function checkMediaDate(flag: string, at: number): void {
  if (at < earliest) {
    throw new UsageError(`\`${flag}\`: Synapse takes no time before December 1970.`, {
      word: flag,
    });
  }
}
