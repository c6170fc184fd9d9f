import { UsageError } from '../../core/errors.ts';

/**
 * Reads `--from` for the lists of Synapse's whose pages begin at a row's number. Checked here, since
 * the server answers too large a number with an internal error.
 *
 * @throws UsageError
 */
export function offsetIn(from: string | undefined): number | undefined {
  if (from === undefined) {
    return undefined;
  }
  if (!/^\d{1,15}$/u.test(from)) {
    throw new UsageError(`\`--from\`: \`${from}\` is not where a page ended.`, {
      word: from,
      advice: 'Leave it out: `!more` fills it in.',
    });
  }
  return Number(from);
}

/**
 * For lists whose pages begin at a row's number.
 *
 * @throws UsageError `--from` is none
 */
export function checkOffset({ from }: { readonly from: string | undefined }): void {
  offsetIn(from);
}

/**
 * For search words of the endpoints that take ASCII alone.
 *
 * @throws UsageError
 */
export function checkAscii(flag: string, text: string | undefined): void {
  if (text !== undefined && !/^[\x20-\x7E]+$/u.test(text)) {
    throw new UsageError(
      text === '' ? `\`--${flag}\` needs a value.` : `\`--${flag}\` can only hold ASCII letters.`,
      { word: text, advice: 'Synapse searches here for ASCII alone.' },
    );
  }
}
