import { code, cut } from './answer.ts';
import type { Inline } from './answer.ts';
import { withoutLinks } from './without-links.ts';

/**
 * Text of a stranger's, to be looked at: cut, as code, and with its links broken, so that no client
 * opens or previews one.
 */
export function untrustedText(text: string, length = 300): Inline {
  return code(cut(withoutLinks(text), length));
}

/**
 * Text that somebody else has chosen, inside a sentence of ours: a name, a reason, a topic, a note. Cut,
 * and with its links broken.
 */
export function inert(text: string, length?: number): string {
  return cut(withoutLinks(text), length);
}
