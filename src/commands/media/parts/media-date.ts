import { UsageError } from '../../../core/errors.ts';

/** Synapse takes an earlier time for one in seconds, and refuses it: December 1970. */
const earliest = 30_000_000_000;

/** @throws UsageError Synapse would refuse this time, or it is in the future and would include every file */
export function checkMediaDate(flag: string, at: number, now: number): void {
  if (at > now) {
    throw new UsageError(`\`${flag}\` is in the future.`, { word: flag });
  }
  if (at < earliest) {
    throw new UsageError(`\`${flag}\`: Synapse takes no time before December 1970.`, {
      word: flag,
    });
  }
}
