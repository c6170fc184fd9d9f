import { subjectOf } from '../../chat/command/declaration.ts';
import type { Command } from '../../chat/command/declaration.ts';
import type { Json } from '../../chat/command/invocation.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { matrixToLink } from '../../chat/reading/references.ts';
import { tokenize } from '../../chat/reading/tokenize.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import type { ReadingContext } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import {
  parseEventId,
  parseMxcUri,
  parseRoomId,
  parseUserId,
  serverNameOf,
} from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { substituted } from './placeholders.ts';
import type { Placeholder, Words } from './placeholders.ts';
import type { RuleInput } from './rule-input.ts';
import { commandNamed } from './rule-template.ts';
import type { LineSurroundings, LineTemplate } from './rule-template.ts';

/** A line that can be run: what an invocation is made of. */
export interface RuleLine {
  /** As a moderator would type it, without prefix. */
  readonly line: string;
  readonly command: Command;
  readonly values: Readonly<Record<string, Json>>;
  readonly reason: string | undefined;
  /** Milliseconds. */
  readonly forMs: number | undefined;
}

/** Why a line can't be run for an item, as the rest of a sentence. */
export interface NoLine {
  readonly why: string;
}

const whyMissing: Readonly<Record<Placeholder, string>> = {
  sender: 'it is not known who sent it',
  event: 'no message was reported',
  room: 'the report names no room',
  reporter: 'nobody counts as its reporter',
};

/**
 * The line for one item, or why there is none. What strangers have chosen is put in word by word, after
 * the line was taken apart: whatever it holds, it is the value of one argument.
 *
 * @param reporter whom `{reporter}` stands for
 */
export function lineFor(
  template: LineTemplate,
  facts: RuleInput,
  reporter: UserId | undefined,
): RuleLine | NoLine {
  const { command, surroundings, placeholders, filledIn, tokens } = template;
  const words = wordsOf(facts, reporter);
  const missing = [...placeholders].find((name) => words[name] === undefined);
  if (missing !== undefined) {
    return { why: whyMissing[missing] };
  }
  const media = parseMxcUri(facts.content?.url ?? '');
  if (filledIn.has('media') && media === undefined) {
    return {
      why:
        facts.content?.urls === undefined
          ? 'the message holds no file'
          : 'the message names several files',
    };
  }
  const fillIn = (kind: string) =>
    kind === 'item' ? String(facts.item) : kind === 'media' ? media : undefined;
  let line: RuleLine;
  try {
    line = ruleLine(command, substituted(tokens, words), {
      ...surroundings,
      now: facts.now,
      fillIn,
    });
  } catch (error) {
    if (error instanceof UsageError) {
      return { why: error.message };
    }
    throw error;
  }
  const account = accountOf(line);
  if (
    account !== undefined &&
    (serverNameOf(account) !== surroundings.serverName ||
      (account === facts.sender && !facts.isSenderLocal))
  ) {
    return { why: `${account} is an account of another server` };
  }
  return line;
}

/**
 * Reads a line that `lineFor` has made, such as one that was kept.
 *
 * @throws UsageError it can't be read any more
 */
export function parseRuleLine(
  text: string,
  surroundings: Pick<LineSurroundings, 'registry' | 'serverName' | 'prefix'>,
  now: number,
): RuleLine {
  const [name, ...tokens] = tokenize(text);
  const command = commandNamed(name?.text ?? '', surroundings);
  return ruleLine(command, tokens, { ...surroundings, now });
}

/** Whether there is a line. */
export function isLine(line: RuleLine | NoLine): line is RuleLine {
  return 'line' in line;
}

/** @throws UsageError */
function ruleLine(command: Command, tokens: readonly Token[], context: ReadingContext): RuleLine {
  const { values: read, reason, forMs } = readArguments(command, tokens, context);
  command.check?.(read, context.now);
  const values = Object.fromEntries(
    Object.entries(read).filter(([, value]) => value !== undefined),
  ) as Readonly<Record<string, Json>>;
  const line = writeInvocation(command, {
    arguments: values,
    dryRun: false,
    ...(reason === undefined ? {} : { reason }),
    ...(forMs === undefined ? {} : { forMs }),
  });
  return { line, command, values, reason, forMs };
}

/** Whatever came from elsewhere is looked at again: a stored ID may be older than today's parser. */
function wordsOf(facts: RuleInput, reporter: UserId | undefined): Words {
  const room = parseRoomId(facts.room ?? '');
  const event = parseEventId(facts.event ?? '');
  return {
    sender: parseUserId(facts.sender ?? ''),
    reporter: parseUserId(reporter ?? ''),
    room,
    event: room === undefined || event === undefined ? undefined : matrixToLink(room, event),
  };
}

/** The account that a line acts on. */
function accountOf({ command, values }: RuleLine): UserId | undefined {
  const given = values[subjectOf(command) ?? ''];
  return (Array.isArray(given) ? given[0] : given) as UserId | undefined;
}
