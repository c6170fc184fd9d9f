import { SetupError } from '../../core/errors.ts';
import type { Terminal } from './terminal.ts';

/** What is asked for if it was not given. */
export interface Question {
  /** What the person reads. */
  readonly text: string;
  /** How to give it without being asked, such as `--homeserver`. */
  readonly option: string;
  readonly isSecret?: boolean;
}

/**
 * What was given, or what the person at the terminal answers.
 *
 * @param terminal undefined if nobody can be asked
 * @throws SetupError nobody can be asked, or the answer is empty
 */
export async function givenOrAsked(
  given: string | undefined,
  { text, option, isSecret = false }: Question,
  terminal: Terminal | undefined,
): Promise<string> {
  if (given !== undefined) {
    return given;
  }
  const answer =
    terminal === undefined ? '' : await (isSecret ? terminal.askSecret(text) : terminal.ask(text));
  if (answer === '') {
    throw new SetupError(`Missing: ${option}. lawspeaker init --help lists the options.`);
  }
  return answer;
}
