import type { Argument, ArgumentKind } from '../command/arguments.ts';
import { readValue } from './read-value.ts';
import type { ReadingContext } from './read-value.ts';
import { withoutMarksAround } from './references.ts';

/** A word of a command line that is no flag. */
export interface Word {
  readonly text: string;
  /** Meant as it is written; what is not may have marks of a sentence around it. */
  readonly exact: boolean;
}

const ids: ReadonlySet<ArgumentKind> = new Set([
  'account',
  'user',
  'room',
  'target',
  'event',
  'media',
  'identity',
] as const);

/** The text of a word as an argument of this kind has it. */
export function textFor({ text, exact }: Word, kind: ArgumentKind): string {
  // IDs come out of sentences, with marks around them that nobody sees or means.
  return ids.has(kind) && !exact ? withoutMarksAround(text) : text;
}

/** Reads a word as the kind that was declared. @throws UsageError it can't be */
export function readWord(word: Word, argument: Argument, context: ReadingContext): unknown {
  return readValue(textFor(word, argument.kind), argument, context);
}
