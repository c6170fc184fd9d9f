import { compilePattern } from '../../config/pattern.ts';
import type { RuleConfig } from '../../config/rules.ts';
import { mediaTypeTest } from './conditions.ts';

/** Have nothing in common but that people write such things. */
const ordinaryTexts = [
  'Hello, who is there?',
  'see you at 8',
  'thanks, good night',
  'здравствуйте',
  '12345',
  '👍',
];
const ordinaryTypes = ['m.text', 'm.notice', 'm.emote', 'text/plain'];

/**
 * What makes it unsafe to let a rule act by itself, if anything does: what a single reporter claims
 * must never suffice to have something done to anybody.
 */
export function safetyFault({ when, then, mode }: RuleConfig): string | undefined {
  if (mode !== 'act' || then.length === 0) {
    return undefined;
  }
  if (
    (when.distinctReporters?.atLeast ?? 1) >= 2 ||
    isTelling(when.content?.matches) ||
    isTellingType(when.mediaType)
  ) {
    return undefined;
  }
  return 'act needs distinctReporters with atLeast: 2 or more, or a content or mediaType condition that ordinary messages don’t fit: what one person claims must not suffice';
}

/** A pattern that fits some of what has nothing in common fits nearly everybody. */
function isTelling(source: string | undefined): boolean {
  return source !== undefined && ordinaryTexts.filter(compilePattern(source).isIn).length < 2;
}

function isTellingType(globs: readonly string[] | undefined): boolean {
  return globs !== undefined && !ordinaryTypes.some(mediaTypeTest(globs));
}
