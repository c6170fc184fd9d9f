import { UsageError } from '../../../core/errors.ts';
import { cut } from '../../../core/text.ts';

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
};

/**
 * Reads a size as people write it: `500kB`, `1.5 GB`, `1000`.
 *
 * @returns bytes; 0 for undefined
 * @throws UsageError it is not a size
 */
export function readSize(flag: string, text: string | undefined): number {
  if (text === undefined) {
    return 0;
  }
  const [, number, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)\s*([a-z]{0,2})$/iu.exec(text) ?? [];
  const bytes = Number(number) * (units[unit.toLowerCase()] ?? Number.NaN);
  if (!Number.isSafeInteger(Math.round(bytes))) {
    throw new UsageError(`\`${flag}\`: \`${cut(text)}\` is not a size.`, {
      word: text,
      advice: 'Use e.g. `500kB`, `5MB` or `1GB`.',
    });
  }
  return Math.round(bytes);
}
