import { readValue } from '../chat/reading/values.ts';
import { UsageError } from '../core/errors.ts';

/**
 * Reads a date, or a time ago such as `7d`, that an option gives.
 *
 * @param name of the option, for messages: `since`
 * @returns milliseconds since 1970
 * @throws UsageError it is neither
 */
export function readDate(name: string, text: string, now: number): number {
  try {
    const date = readValue(
      text,
      { place: 'flag', kind: 'date', options: {} },
      { serverName: '', now, prefix: '' },
    );
    return Number(date);
  } catch (error) {
    throw error instanceof UsageError
      ? new UsageError(`--${name}: ${error.message.replaceAll('`', '')}`, {
          advice: error.advice?.replaceAll('`', '') ?? '',
        })
      : error;
  }
}
