import { UsageError } from '../../../core/errors.ts';
import { cut } from '../../../core/text.ts';

/** `name`, `name:port`, `[address]:port` */
const serverName =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/u;

/** @throws UsageError the word is not a server name */
export function checkServerName(word: string): void {
  if (!serverName.test(word)) {
    throw new UsageError(`\`${cut(word)}\` is not a server name.`, {
      word,
      advice: 'Write the part of a user ID after the colon, for example `matrix.org`.',
    });
  }
}
