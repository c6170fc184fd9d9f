import { isFlag } from '../../chat/reading/tokenize.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import { UsageError } from '../../core/errors.ts';

export const placeholderNames = ['sender', 'event', 'room', 'reporter'] as const;
export type Placeholder = (typeof placeholderNames)[number];

/** The text for each placeholder; undefined if there is none. */
export type Words = Readonly<Record<Placeholder, string | undefined>>;

/**
 * The placeholders in a line.
 *
 * @throws UsageError a brace does not belong to a placeholder
 */
export function placeholdersIn(text: string): Set<Placeholder> {
  const found = new Set<Placeholder>();
  for (const [word, name] of text.matchAll(/\{(\w*)\}|\{[^{}]*\}?|\}/gu)) {
    const known = placeholderNames.find((placeholder) => placeholder === name);
    if (known === undefined) {
      throw new UsageError(`\`${word.slice(0, 40)}\` is not a placeholder.`, {
        word,
        advice: 'The placeholders are `{sender}`, `{event}`, `{room}` and `{reporter}`.',
      });
    }
    found.add(known);
  }
  return found;
}

/**
 * Replaces the placeholders of each word. Whatever strangers call themselves, one word stays one word,
 * and a value stays a value even if it starts with a dash.
 */
export function substitute(tokens: readonly Token[], words: Words): Token[] {
  return tokens.map((token) => ({
    text: token.text.replaceAll(
      /\{(\w+)\}/gu,
      (whole, name: string) => words[name as Placeholder] ?? whole,
    ),
    quoted: token.quoted || (!isFlag(token) && token.text.includes('{')),
    ...(token.text.includes('{') ? { quotedValue: true as const } : {}),
  }));
}
