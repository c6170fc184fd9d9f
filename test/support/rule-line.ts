import { tokenize } from '../../src/chat/reading/tokenize.ts';
import { commandNamed } from '../../src/reports/lines/template.ts';
import type { LineContext } from '../../src/reports/lines/template.ts';
import { ruleLine } from '../../src/reports/rules/rule-lines.ts';
import type { RuleLine } from '../../src/reports/rules/rule-lines.ts';

/** Reads a line without placeholders, such as one that `lineFor` has made. @throws UsageError */
export function parseRuleLine(
  text: string,
  context: Pick<LineContext, 'registry' | 'serverName' | 'prefix'>,
  now: number,
): RuleLine {
  const [name, ...tokens] = tokenize(text);
  const command = commandNamed(name?.text ?? '', context);
  return ruleLine(command, tokens, { ...context, now });
}
