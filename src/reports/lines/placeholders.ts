import { isFlag } from '../../chat/reading/tokenize.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import { matrixToLink } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { parseEventId, parseRoomId, parseUserId } from '../../core/ids.ts';

export const placeholderNames = ['sender', 'event', 'room', 'reporter', 'report'] as const;
export type Placeholder = (typeof placeholderNames)[number];

/** The text for each placeholder; undefined if there is none. */
export type Words = Readonly<Record<Placeholder, string | undefined>>;

/** Why a report has no value for a placeholder, as a clause. */
export const whyMissing: Readonly<Record<Placeholder, string>> = {
  sender: 'the sender is not known',
  event: 'no message was reported',
  room: 'the report names no room',
  reporter: 'no reporter counts',
  report: 'the report has no number',
};

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
        advice:
          'The placeholders are `{sender}`, `{event}`, `{room}`, `{reporter}` and `{report}`.',
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

/**
 * The words for a report. IDs are parsed again: a stored ID may be older than today's parser.
 *
 * @param about.event the reported message; null if a user was reported
 */
export function wordsFor(about: {
  readonly item: number;
  readonly sender: string | null;
  readonly room: string | null;
  readonly event: string | null;
  readonly reporter: string | undefined;
}): Words {
  const room = parseRoomId(about.room ?? '');
  const event = parseEventId(about.event ?? '');
  return {
    sender: parseUserId(about.sender ?? ''),
    reporter: parseUserId(about.reporter ?? ''),
    room,
    event: room === undefined || event === undefined ? undefined : matrixToLink(room, event),
    report: String(about.item),
  };
}
