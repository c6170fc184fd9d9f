import { code, cut } from './answer.ts';
import type { Inline } from './answer.ts';

/**
 * Text of a stranger's, to be looked at: cut, as code, and with its links broken, so that no client
 * opens or previews one.
 */
export function untrustedText(text: string, length = 300): Inline {
  return code(cut(withoutLinks(text), length));
}

/** The same text, without anything that a client would make a link of. */
export function withoutLinks(text: string): string {
  return text.replaceAll('://', '[:]//').replaceAll(/\b(?:www|mailto)\b/giu, '[$&]');
}
