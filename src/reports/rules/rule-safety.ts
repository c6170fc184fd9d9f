import { compilePattern } from '../../config/pattern.ts';
import type { RuleConfig } from '../../config/rules.ts';
import { mediaTypeTest } from './conditions.ts';

/** Ordinary messages that have nothing in common. */
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
 * Why it is unsafe to let a rule act by itself, or undefined. The word of a single reporter must never be
 * enough to act against somebody.
 */
export function safetyFault({ when, then, mode }: RuleConfig): string | undefined {
  if (mode !== 'act' || then.length === 0) {
    return undefined;
  }
  if (
    (when.distinctReporters?.atLeast ?? 1) >= 2 ||
    isSpecific(when.content?.matches) ||
    isSpecificType(when.mediaType) ||
    // Moderators, or rules that are safe themselves, have tagged the sender.
    when.tags?.anyOf !== undefined
  ) {
    return undefined;
  }
  return 'act needs distinctReporters with atLeast: 2 or more, a content or mediaType condition that ordinary messages don’t meet, or tags with anyOf: what one person claims is not enough';
}

/** A pattern that matches several unrelated messages matches nearly everything. */
function isSpecific(source: string | undefined): boolean {
  return source !== undefined && ordinaryTexts.filter(compilePattern(source).isIn).length < 2;
}

function isSpecificType(globs: readonly string[] | undefined): boolean {
  return globs !== undefined && !ordinaryTypes.some(mediaTypeTest(globs));
}
