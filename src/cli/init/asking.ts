import { SetupError } from '../../core/errors.ts';
import { again } from './attempt.ts';
import type { Terminal } from './terminal.ts';

/** What was typed, or given as an option, is wrong: another answer can be right. */
export class WrongAnswerError extends SetupError {}

/** What asking needs. */
export interface Asking {
  /** Undefined if nobody can be asked. */
  readonly terminal: Terminal | undefined;
  /** Prints a line. */
  readonly say: (line: string) => void;
}

/** What is asked for if it was not given. */
export interface Question {
  /** What the person reads. */
  readonly text: string;
  /** How to give it without being asked, such as `--homeserver`. */
  readonly option: string;
  readonly isSecret?: boolean;
  /** Whether the person can press Enter instead. */
  readonly isOptional?: boolean;
}

/** How often a question is asked before `init` ends. */
const maxTimes = 3;

/**
 * Uses what was given. If nothing was, asks the person at the terminal: an answer that turns out to be wrong
 * is asked for again, with the reason. What was given is not asked for again.
 *
 * @param use finds out whether the answer is right
 * @param isWrong whether another answer can mend this error
 * @returns what `use` returns
 * @throws SetupError nobody can be asked, or the answer was wrong too often
 */
export async function useAnswer<Result>(
  given: string | undefined,
  question: Question,
  { terminal, say }: Asking,
  use: (answer: string) => Promise<Result>,
  isWrong: (error: unknown) => boolean = (error) => error instanceof WrongAnswerError,
): Promise<Result> {
  const { text, option, isSecret = false, isOptional = false } = question;
  if (given !== undefined) {
    return use(given);
  }
  const missing = new SetupError(`Missing: ${option}. lawspeaker init --help lists the options.`);
  if (terminal === undefined) {
    throw missing;
  }
  for (let time = 1; ; time += 1) {
    const answer = await (isSecret ? terminal.askSecret(text) : terminal.ask(text));
    if (answer === '' && !isOptional) {
      if (time === maxTimes) {
        throw missing;
      }
      say('This can’t be left out.');
      continue;
    }
    try {
      return await use(answer);
    } catch (error) {
      if (!(error instanceof SetupError) || !isWrong(error)) {
        throw error;
      }
      if (time === maxTimes) {
        // Another answer to an earlier question must not start this one again.
        throw new SetupError(error.message, error.advice);
      }
      say(error.message);
      if (error.advice !== undefined) {
        // The person is asked again at once.
        say(`  ${error.advice.replace(` ${again}`, '')}`);
      }
    }
  }
}

/** Does something with an answer: whatever is wrong about the set-up then, another answer can mend it. */
export async function asAnswer<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof SetupError ? new WrongAnswerError(error.message, error.advice) : error;
  }
}
