import { dangerOf, takesFile } from '../../chat/command/declaration.ts';
import type { Command, Danger } from '../../chat/command/declaration.ts';
import type { Invocation, Json } from '../../chat/command/invocation.ts';
import { maxWords, readArguments } from '../../chat/command/read-arguments.ts';
import type { ReadArguments } from '../../chat/command/read-arguments.ts';
import type { Guess } from '../../chat/command/registry.ts';
import { entryNumber, isLast, reasonOfUndo } from '../../chat/reading/entry-number.ts';
import { readUser, withoutMarksAround } from '../../chat/reading/references.ts';
import { tokenize } from '../../chat/reading/tokenize.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import type { ArgumentKind, ReadingContext } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { parseRoomAlias, parseUserId } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import { assertNewest, lastActionOf, undoOf } from '../execute/last-action.ts';
import type { House } from '../house.ts';
import { originOf } from '../message.ts';
import type { Message } from '../message.ts';
import { fillIn, itemFor } from '../report-context.ts';
import type { Parsed } from '../stages.ts';
import { commandCalled, roomIdIn } from './command-line.ts';
import { assertUnmistakable } from './mistakable.ts';

/**
 * Reads a command line by the declaration of the command that it names.
 *
 * @throws UsageError naming what can't be read
 * @throws HomeserverError, UnreachableError a room's alias or a file could not be fetched
 */
export async function parse(house: House, message: Message, commandLine: string): Promise<Parsed> {
  await assertUnmistakable(house, message);
  const line = await expand(house, message, commandLine);
  const command = commandNamed(house, line);
  const item = await itemFor(house, message);
  try {
    const tokens = tokenize(line).slice(1);
    const read = readArguments(
      command,
      // In front, so that no flag takes one of them for its value.
      [...(await tokensFromFile(house, message, command, tokens)), ...tokens],
      readingContextFor(house, item),
    );
    command.check?.(read.values, house.now());
    const values: Record<string, Json> = {};
    for (const [key, value] of Object.entries(read.values)) {
      if (value !== undefined) {
        values[key] = await withoutAlias(house, command.args[key]?.kind, value as Json);
      }
    }
    return {
      ...parsedFrom(command, message, item, { ...read, values }),
      plainWords: plainWordsIn(tokens, house.settings.serverName),
    };
  } catch (error) {
    throw error instanceof UsageError ? error.about(command.name) : error;
  }
}

/** The longest line, in characters, of which the record of a refusal keeps the arguments. */
const maxRecordedLineLength = 2000;

/**
 * What the audit log keeps of a command whose sender may not use it. Costs next to nothing, whatever was
 * sent: no file is downloaded, no alias looked up, and a long line is not read at all.
 *
 * @throws UsageError there is no such command
 */
export async function parseRefused(
  house: House,
  message: Message,
  commandLine: string,
): Promise<Parsed> {
  const command = commandNamed(house, commandLine);
  const item = await itemFor(house, message);
  let read: ReadArguments | undefined;
  try {
    read =
      commandLine.length > maxRecordedLineLength
        ? undefined
        : readArguments(command, tokenize(commandLine).slice(1), readingContextFor(house, item));
  } catch (error) {
    if (!(error instanceof UsageError)) {
      throw error;
    }
  }
  const values = Object.fromEntries(
    Object.entries(read?.values ?? {}).filter(([, value]) => value !== undefined),
  ) as Record<string, Json>;
  return parsedFrom(command, message, item, { ...read, values });
}

function parsedFrom(
  command: Command,
  message: Message,
  item: ReportItem | undefined,
  read: Partial<ReadArguments> & { readonly values: Readonly<Record<string, Json>> },
): Parsed {
  const invocation: Invocation = {
    command: command.name,
    arguments: read.values,
    ...(read.reason === undefined ? {} : { reason: read.reason }),
    dryRun: read.dryRun === true,
    ...(read.overrideProtection === true ? { overrideProtection: true } : {}),
    ...(read.forMs === undefined ? {} : { forMs: read.forMs }),
    actor: { kind: 'person', user: message.sender },
    origin: originOf(message),
    ...(item === undefined ? {} : { item: item.id }),
    ...(read.filledIn === undefined || read.filledIn.length === 0
      ? {}
      : { filledIn: read.filledIn }),
  };
  return { command, danger: dangerOfInvocation(command, invocation), invocation };
}

/** The accounts of this server that these words name without a sigil. */
function plainWordsIn(tokens: readonly Token[], serverName: string): Set<UserId> {
  return new Set(
    tokens.flatMap(({ text }) =>
      text.startsWith('@') ? [] : (readUser(withoutMarksAround(text), serverName) ?? []),
    ),
  );
}

/** The value of an argument, with the ID of a room where it holds the room's alias. */
async function withoutAlias(
  house: House,
  kind: ArgumentKind | undefined,
  value: Json,
): Promise<Json> {
  if ((kind === 'room' || kind === 'target') && typeof value === 'string') {
    const alias = parseRoomAlias(value);
    return alias === undefined ? value : house.resolveAlias(alias);
  }
  if (kind === 'event') {
    const { room, event } = value as { readonly room: string; readonly event: string };
    const alias = parseRoomAlias(room);
    return alias === undefined ? value : { room: await house.resolveAlias(alias), event };
  }
  return value;
}

/** Touching what is protected is critical, however harmless the command is otherwise. */
export function dangerOfInvocation(command: Command, invocation: Invocation): Danger {
  return invocation.overrideProtection === true
    ? 'critical'
    : dangerOf(command, invocation.arguments);
}

/** What reading needs to know of its surroundings. */
export function readingContext({ settings, now }: House): ReadingContext {
  return { serverName: settings.serverName, prefix: settings.prefix, now: now() };
}

/** The same for a message about a report, which says what was left out. */
function readingContextFor(house: House, item: ReportItem | undefined): ReadingContext {
  return { ...readingContext(house), ...(item === undefined ? {} : { fillIn: fillIn(item) }) };
}

/** The command that a line names. @throws UsageError there is none */
export function commandNamed(house: House, line: string): Command {
  const [name = ''] = line.split(/\s/u, 1);
  const { registry, settings } = house;
  const { prefix } = settings;
  const command = commandCalled(name, registry);
  if (command !== undefined) {
    return command;
  }
  const room = roomIdIn(`${prefix}${name}`, registry);
  if (room !== undefined) {
    throw new UsageError('That is a room ID, not a command.', {
      word: `${prefix}${name}`,
      advice: `Did you mean \`${prefix}room ${room}\`?`,
    });
  }
  throw new UsageError(`There is no command \`${prefix}${name.slice(0, 40)}\`.`, {
    word: name,
    advice: adviceOn(registry.guess(name), prefix),
  });
}

function adviceOn(guess: Guess | undefined, prefix: string): string {
  const [first] = guess?.commands ?? [];
  if (guess === undefined || first === undefined) {
    return `\`${prefix}help\` lists what there is.`;
  }
  return guess.kind === 'typo'
    ? `Did you mean \`${prefix}${first.name}\`?`
    : [
        'What you may be looking for:',
        ...guess.commands.map(({ name, summary }) => `\`${prefix}${name}\` ${summary}`),
      ].join('\n');
}

/** `more` and `undo` stand for another command line, which then goes the way of all. */
async function expand(house: House, message: Message, line: string): Promise<string> {
  const command = commandNamed(house, line);
  if (command.name === 'more') {
    return house.nextPages.get(message.sender) ?? line;
  }
  if (command.name !== 'undo') {
    return line;
  }
  const { values } = readArguments(command, tokenize(line).slice(1), readingContext(house));
  const wanted = String(values['entry']);
  const entry = isLast(wanted)
    ? await lastActionOf(house, message.sender)
    : await house.store.auditLog.get(entryNumber(wanted) ?? 0);
  const undo = entry === undefined ? undefined : undoOf(entry);
  if (undo === undefined || entry === undefined) {
    return line;
  }
  const undoing = commandNamed(house, undo);
  const { values: undoes } = readArguments(undoing, tokenize(undo).slice(1), readingContext(house));
  await assertNewest(house, entry, { command: undoing.name, values: undoes });
  return `${undo} --reason="${reasonOfUndo(entry.id)}"`;
}

async function tokensFromFile(
  house: House,
  message: Message,
  command: Command,
  tokens: readonly Token[],
): Promise<Token[]> {
  const isAsked = tokens.some(({ text, quoted }) => text === '--from-file' && !quoted);
  if (!isAsked || !takesFile(command)) {
    return [];
  }
  if (message.replyTo === undefined) {
    throw new UsageError('`--from-file` needs a file.', {
      word: '--from-file',
      advice:
        message.fallsBackTo === undefined
          ? 'Send the command as a reply to a text file with one user a line.'
          : 'In a thread, too, choose “Reply” on the text file with one user a line.',
    });
  }
  const lines = (await house.readFile(message.replyTo)).split(/[\r\n]+/u);
  const words = lines.flatMap((line): Token[] =>
    // An ID may hold blanks; then it has a line of its own.
    line.trimStart().startsWith('@') && parseUserId(line.trim()) !== undefined
      ? [{ text: line.trim(), quoted: true }]
      : line
          .split(/[\s,;]+/u)
          .filter(Boolean)
          .map((text) => ({ text: withoutMarksAround(text), quoted: true })),
  );
  if (words.length === 0 || words.length > maxWords) {
    throw new UsageError(`The file holds ${words.length} users.`, {
      word: '--from-file',
      advice: `It may hold 1 to ${maxWords}.`,
    });
  }
  return words;
}
