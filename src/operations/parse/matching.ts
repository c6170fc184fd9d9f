import { flagName } from '../../chat/command/arguments.ts';
import type { Command } from '../../chat/command/declaration.ts';
import { listFlags } from '../../chat/command/list.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { flagParts, isFlag, tokenize } from '../../chat/reading/tokenize.ts';
import { UsageError } from '../../core/errors.ts';
import type { AccountFilter } from '../../services/services.ts';
import { readingContext } from './command-line.ts';
import type { CommandNameContext, ReadingSettings } from './command-line.ts';

/** The command whose filters select accounts for other commands. */
const searchCommand = 'users';

/** Those of its arguments that only order or shorten the list, and select nothing. */
const otherArguments = new Set([...Object.keys(listFlags), 'orderBy', 'dir']);

/** Filters of accounts, and how they are written, with absolute times. */
export interface Matching {
  readonly filter: AccountFilter;
  readonly written: string;
}

/**
 * Reads the value of `--matching` by the declaration of `users`.
 *
 * @throws UsageError it can't be read, or selects nothing
 */
export function readMatching(
  context: CommandNameContext & ReadingSettings,
  text: string,
): Matching {
  try {
    const command = filtersOf(context.registry.find(searchCommand));
    const tokens = tokenize(text);
    const stranger = tokens.find(
      (token) =>
        isFlag(token) && [...otherArguments].some((key) => flagName(key) === flagParts(token).name),
    );
    if (stranger !== undefined) {
      throw new UsageError(`\`${stranger.text}\` is not a filter.`, { word: stranger.text });
    }
    const { values } = readArguments(command, tokens, readingContext(context));
    const given = Object.fromEntries(
      Object.entries(values).filter(
        ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
      ),
    ) as Record<string, string | number | boolean | string[]>;
    if (Object.keys(given).length === 0) {
      throw new UsageError('No filter is given.', {
        advice: `Give filters of \`${context.settings.prefix}users\`, such as \`--matching "--name spam* --created-after 2d"\`.`,
      });
    }
    const line = writeInvocation(command, { arguments: given, dryRun: false });
    return { filter: given, written: line.slice(command.name.length + 1) };
  } catch (error) {
    throw error instanceof UsageError
      ? new UsageError(`\`--matching\`: ${error.message}`, {
          word: error.word,
          advice: error.advice,
        })
      : error;
  }
}

/** The search command with its filters alone. */
function filtersOf(command: Command | undefined): Command {
  if (command === undefined) {
    throw new TypeError(`there is no command ${searchCommand}`);
  }
  return {
    ...command,
    args: Object.fromEntries(
      Object.entries(command.args).filter(([key]) => !otherArguments.has(key)),
    ),
  };
}
