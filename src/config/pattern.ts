import { RE2JS, RE2JSException } from 're2js';

/** A pattern to search for in texts that strangers wrote. */
export interface Pattern {
  /** Whether `text` contains a match. Large patterns search a part of it, at least the first 10,000 characters. */
  isIn(text: string): boolean;
}

/** The maximum size of an event. */
const maxTextLength = 65_536;
/** In instructions. Each character of a text may take this many steps. */
const maxProgramSize = 5000;
/** For one text. */
const maxSteps = 10_000 * maxProgramSize;

/**
 * Compiles a pattern in RE2 syntax. Searching takes time in proportion to the text, whatever the pattern
 * is. Case makes no difference.
 *
 * @throws SyntaxError why it can't be used
 */
export function compilePattern(source: string): Pattern {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source, RE2JS.CASE_INSENSITIVE);
  } catch (error) {
    throw error instanceof RE2JSException ? new SyntaxError(reasonOf(error)) : error;
  }
  if (compiled.programSize() > maxProgramSize) {
    throw new SyntaxError('it is too large');
  }
  const length = Math.min(maxTextLength, Math.floor(maxSteps / compiled.programSize()));
  return { isIn: (text) => compiled.test(text.slice(0, length).toWellFormed()) };
}

function reasonOf({ message }: RE2JSException): string {
  return (
    message
      .replace(/^error parsing regexp: /u, '')
      // The case flag is set above: the message must not show it.
      .replace('`(?i)', '`')
      .replaceAll(/\s+/gu, ' ')
  );
}
