import type { GroupedCommand } from '../../chat/command/declaration.ts';
import { changesOnlyRecords } from '../../chat/command/properties.ts';
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
 * enough to act against somebody. A tag says that somebody has looked at the sender once, and not that this
 * report is right, so it is enough only for what changes the bot's own records.
 *
 * @param commands of its lines that can be read
 */
export function safetyFault(
  { when, then, mode }: RuleConfig,
  commands: readonly GroupedCommand[],
): string | undefined {
  if (mode !== 'act' || then.length === 0) {
    return undefined;
  }
  if (
    (when.distinctReporters?.atLeast ?? 1) >= 2 ||
    isSpecific(when.content?.matches) ||
    isSpecificType(when.mediaType) ||
    (when.tags?.anyOf !== undefined && commands.every(changesOnlyRecords))
  ) {
    return undefined;
  }
  return 'act needs distinctReporters with atLeast: 2 or more, or a content or mediaType condition that ordinary messages don’t meet: what one person claims is not enough. tags with anyOf are enough for lines such as tag, note and claim';
}

/** A pattern that matches several unrelated messages matches nearly everything. */
function isSpecific(source: string | undefined): boolean {
  return source !== undefined && ordinaryTexts.filter(compilePattern(source).isIn).length < 2;
}

function isSpecificType(globs: readonly string[] | undefined): boolean {
  return globs !== undefined && !ordinaryTypes.some(mediaTypeTest(globs));
}
