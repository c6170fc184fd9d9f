import { UsageError } from '../core/errors.ts';
import { nearest } from '../core/text.ts';

/** @throws UsageError it is not a number from 1 on */
export function readNumber(name: string, text: string | undefined): number | undefined {
  if (text !== undefined && !/^[1-9]\d{0,9}$/u.test(text)) {
    throw new UsageError(
      `--${name}: ${text} is not a valid number${name === 'limit' ? ' of entries' : ''}.`,
    );
  }
  return text === undefined ? undefined : Number(text);
}

/** @throws UsageError it is none of the choices */
export function readChoice<Choice extends string>(
  name: string,
  text: string | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  const choice = choices.find((one) => one === text);
  if (text !== undefined && choice === undefined) {
    const guess = nearest(text.toLowerCase(), choices);
    throw new UsageError(
      `--${name}: ${text} is not one of ${choices.join(', ')}.${guess === undefined ? '' : ` Did you mean ${guess}?`}`,
    );
  }
  return choice;
}
