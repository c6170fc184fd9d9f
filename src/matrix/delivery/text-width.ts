import { createRequire } from 'node:module';

import type * as StringWidth from 'string-width';

const require = createRequire(import.meta.url);

/**
 * The number of columns that a text takes in a font of fixed width. `string-width` is loaded for the first
 * text that needs it: it takes 30 ms, and most bots show no such text in their first hours.
 */
export function textWidth(text: string): number {
  if (/^[ -~]*$/u.test(text)) {
    return text.length;
  }
  const { default: stringWidth } = require('string-width') as typeof StringWidth;
  return stringWidth(text);
}
