import { isFlag } from '../../chat/command/parse-flags.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import { UsageError } from '../../core/errors.ts';

export const placeholderNames = ['sender', 'event', 'room', 'reporter'] as const;
export type Placeholder = (typeof placeholderNames)[number];

/** What each stands for; undefined where there is nothing that it could. */
export type Words = Readonly<Record<Placeholder, string | undefined>>;

/**
 * Which of them a line holds.
 *
 * @throws UsageError a brace belongs to none
 */
export function placeholdersIn(text: string): Set<Placeholder> {
  const found = new Set<Placeholder>();
  for (const [word, name] of text.matchAll(/\{(\w*)\}|\{[^{}]*\}?|\}/gu)) {
    const known = placeholderNames.find((placeholder) => placeholder === name);
    if (known === undefined) {
      throw new UsageError(`\`${word.slice(0, 40)}\` is no placeholder.`, {
        word,
        advice: 'There are `{sender}`, `{event}`, `{room}` and `{reporter}`.',
      });
    }
    found.add(known);
  }
  return found;
}

/**
 * Puts them in, word by word: whatever strangers have chosen to be called, no word becomes two, and what
 * is a value stays one, also where it begins with a dash.
 */
export function substituted(tokens: readonly Token[], words: Words): Token[] {
  return tokens.map((token) => ({
    text: token.text.replaceAll(
      /\{(\w+)\}/gu,
      (whole, name: string) => words[name as Placeholder] ?? whole,
    ),
    quoted: token.quoted || (!isFlag(token) && token.text.includes('{')),
    ...(token.text.includes('{') ? { quotedValue: true as const } : {}),
  }));
}
