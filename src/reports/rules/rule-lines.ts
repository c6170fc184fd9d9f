import type { GroupedCommand } from '../../chat/command/declaration.ts';
import type { Json } from '../../chat/command/invocation.ts';
import { subjectOf, takesRemote } from '../../chat/command/properties.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import type { ReadingContext } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { parseMxcUri } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import { isOurs, onAboutItem, serverOfItem } from '../../operations/at-homeserver.ts';
import { substitute, whyMissing, wordsFor } from '../lines/placeholders.ts';
import { whyImpossibleFor } from '../lines/template.ts';
import type { LineTemplate } from '../lines/template.ts';
import type { RuleInput } from './rule-input.ts';

/** A line that can be run. */
export interface RuleLine {
  /** As a moderator would type it, without the prefix. */
  readonly line: string;
  readonly command: GroupedCommand;
  readonly values: Readonly<Record<string, Json>>;
  readonly reason: string | undefined;
  /** The homeserver that it is about, as in `Invocation`. */
  readonly on: string | undefined;
  /** Milliseconds. */
  readonly forMs: number | undefined;
}

/** Why a line can't be run for an item, as a clause. */
export interface NoLine {
  readonly why: string;
}

/**
 * The line for one item, or why there is none. Placeholders are replaced after the line is split into
 * words: whatever names strangers choose, each is the value of one argument.
 *
 * @param reporter the value of `{reporter}`
 */
export function lineFor(
  template: LineTemplate,
  input: RuleInput,
  reporter: UserId | undefined,
): RuleLine | NoLine {
  const { command, context, placeholders, filledIn, tokens } = template;
  const words = wordsFor({ ...input, reporter });
  const missing = [...placeholders].find((name) => words[name] === undefined);
  if (missing !== undefined) {
    return { why: whyMissing[missing] };
  }
  const media = parseMxcUri(input.content?.url ?? '');
  if (filledIn.has('media') && media === undefined) {
    return {
      why:
        input.content?.urls === undefined
          ? 'the message has no file'
          : 'the message has several files',
    };
  }
  const fillIn = (kind: string) =>
    kind === 'item' ? String(input.item) : kind === 'media' ? media : undefined;
  const { serverName, homeservers = [{ name: serverName, serverName }] } = context;
  const settings = { homeservers };
  let line: RuleLine;
  try {
    line = ruleLine(
      command,
      substitute(tokens, words),
      {
        ...context,
        serverName: serverOfItem({ settings }, input) ?? serverName,
        now: input.now,
        fillIn,
      },
      (read) => onAboutItem({ settings }, read, input),
    );
  } catch (error) {
    if (error instanceof UsageError) {
      return { why: error.message };
    }
    throw error;
  }
  const account = accountOf(line);
  if (
    account !== undefined &&
    !takesRemote(command) &&
    (!isOurs({ settings }, account) || (account === input.sender && !input.isSenderLocal))
  ) {
    return { why: `${account} is on another server` };
  }
  const why = whyImpossibleFor(template, account, input);
  return why === undefined ? line : { why };
}

export function isLine(line: RuleLine | NoLine): line is RuleLine {
  return 'line' in line;
}

/**
 * Reads a line by the declaration of its command.
 *
 * @param onOf finds the homeserver that it is about
 * @throws UsageError it can't be read
 */
export function ruleLine(
  command: GroupedCommand,
  tokens: readonly Token[],
  context: ReadingContext,
  onOf = ({ on }: Parameters<typeof onAboutItem>[1]) => on,
): RuleLine {
  const {
    values: read,
    reason,
    forMs,
    matching,
    ...given
  } = readArguments(command, tokens, context);
  command.check?.(read, { ...context, isSearched: matching !== undefined });
  const values = Object.fromEntries(
    Object.entries(read).filter(([, value]) => value !== undefined),
  ) as Readonly<Record<string, Json>>;
  const on = onOf({ command, values, on: given.on });
  const line = writeInvocation(command, {
    arguments: values,
    dryRun: false,
    ...present({ reason, on, forMs }),
  });
  return { line, command, values, reason, on, forMs };
}

/** The account that a line acts on. */
function accountOf({ command, values }: RuleLine): UserId | undefined {
  const given = values[subjectOf(command) ?? ''];
  return (Array.isArray(given) ? given[0] : given) as UserId | undefined;
}
