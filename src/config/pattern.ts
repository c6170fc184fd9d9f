import { RE2JS, RE2JSException } from 're2js';

/** What is searched for in texts of strangers. */
export interface Pattern {
  /** Whether it is found anywhere in `text`: a large pattern looks at its first 10,000 characters at least. */
  isIn(text: string): boolean;
}

/** No event is larger. */
const maxTextLength = 65_536;
/** In instructions: each character of a text may cost as many steps. */
const largestProgram = 5000;
/** For one text. */
const maxSteps = 10_000 * largestProgram;

/**
 * Compiles a pattern in the syntax of RE2, which takes time in proportion to the text, whatever
 * stands in it. Upper and lower case are the same.
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
  if (compiled.programSize() > largestProgram) {
    throw new SyntaxError('it is too large');
  }
  const length = Math.min(maxTextLength, Math.floor(maxSteps / compiled.programSize()));
  return { isIn: (text) => compiled.test(text.slice(0, length).toWellFormed()) };
}

function reasonOf({ message }: RE2JSException): string {
  return (
    message
      .replace(/^error parsing regexp: /u, '')
      // The flag that was set here is shown as if it had been written.
      .replace('`(?i)', '`')
      .replaceAll(/\s+/gu, ' ')
  );
}
