import type { Command } from '../../chat/command/declaration.ts';
import type { Invocation, Json } from '../../chat/command/invocation.ts';
import { serverOfArguments } from '../../chat/command/on-homeserver.ts';
import { isVerbatim, subjectOf, takesMany } from '../../chat/command/properties.ts';
import { commandTokens, readArguments } from '../../chat/command/read-arguments.ts';
import type { ReadArguments } from '../../chat/command/read-arguments.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import { readUser, withoutMarksAround } from '../../chat/reading/values.ts';
import type { ArgumentKind, ReadingContext } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { parseRoomAlias } from '../../core/ids.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import { cut } from '../../core/text.ts';
import type { Store } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import { fillIn, itemFor } from '../answer/card.ts';
import { at, onAboutItem, onOfNew, ownServer, roomsNamed } from '../at-homeserver.ts';
import type { AliasLookup, HomeserversContext } from '../at-homeserver.ts';
import { originOf } from '../management-room.ts';
import type { Message } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import { dangerOfInvocation } from '../stages.ts';
import type { Parsed } from '../stages.ts';
import { commandLineIn, commandNamed, readingContext } from './command-line.ts';
import type { CommandLineContext, CommandNameContext, ReadingSettings } from './command-line.ts';
import { expand, isShorthand } from './expand.ts';
import type { ExpandContext } from './expand.ts';
import { readMatching } from './matching.ts';
import { undoOperation } from './undo/undo-operation.ts';
import type { UndoOperationContext } from './undo/undo-operation.ts';
import { readUserFile } from './user-file.ts';
import type { UserFile } from './user-file.ts';

/** What reading a command whose sender may not use it needs. */
export type ParseRefusedContext = CommandNameContext &
  ReadingSettings & { readonly store: Pick<Store, 'outbox' | 'reportItems'> };

/** What parsing needs. */
export type ParseContext = CommandLineContext &
  ExpandContext &
  UndoOperationContext &
  MistakableContext &
  ParseRefusedContext &
  HomeserversContext &
  AliasLookup & {
    /**
     * The text of a file that was sent to the room.
     *
     * @throws UsageError the event is not a text file, or it is too large
     */
    readFile(event: EventId): Promise<string>;
  };

/**
 * Reads a command line by the declaration of the command that it names.
 *
 * @throws UsageError what can't be read
 * @throws HomeserverError, UnreachableError a room's alias or a file can't be fetched
 */
export async function parse(
  context: ParseContext,
  message: Message,
  commandLine: string,
): Promise<Parsed> {
  await assertUnmistakable(context, message);
  const { line, lastUndo }: Awaited<ReturnType<typeof expand>> = isShorthand(
    commandNamed(context, commandLine),
  )
    ? await expand(context, message, commandLine)
    : { line: commandLine };
  const command = commandNamed(context, line);
  const item = await itemFor(context, message);
  try {
    const reading = readingContextFor(context, item);
    const tokens = commandTokens(command, typedLine(context, message, command, line), reading);
    const read = readArguments(command, tokens, reading);
    const { serverName } = read;
    const file = await usersFromFile(context, message, { command, tokens, serverName });
    const matching = read.matching === undefined ? undefined : readMatching(context, read.matching);
    const isSearched = file !== undefined || matching !== undefined;
    command.check?.(read.values, { ...reading, isSearched });
    const values: Record<string, Json> = {};
    for (const [key, value] of Object.entries(read.values)) {
      if (value !== undefined) {
        values[key] = await withoutAlias(
          async (alias) => at(context, ownServer(context, alias) ?? read.on).resolveAlias(alias),
          command.args[key]?.kind,
          value as Json,
        );
      }
    }
    const subject = subjectOf(command);
    if (file !== undefined && subject !== undefined) {
      values[subject] = [...new Set([...file.users, ...(values[subject] as Json[])])];
    }
    const about = await homeserverOf(context, { command, read, values }, item);
    const on = onOfNew(context, { command, values }, about);
    const parsed = parsedFrom(command, message, item, {
      ...read,
      on,
      values,
      matching: matching?.written,
      ...present({ lastUndo }),
    });
    assertChanges(parsed, { isSearched });
    if (command.name === 'undo' && typeof values['operation'] === 'number') {
      return await undoOperation(context, parsed, values['operation']);
    }
    return {
      ...parsed,
      plainWords: plainWordsIn(tokens, serverName),
      ...present({ fileLines: file?.lines, fileDone: file?.done, matching: matching?.filter }),
    };
  } catch (error) {
    throw error instanceof UsageError ? error.about(command.name) : error;
  }
}

/**
 * The homeserver that a command is about: what it says itself, or the one of the report that it is about, that has
 * filled in its arguments, or whose room it names.
 */
async function homeserverOf(
  context: Pick<ParseContext, 'settings' | 'store'>,
  {
    command,
    read,
    values,
  }: {
    readonly command: Command;
    readonly read: ReadArguments;
    readonly values: Readonly<Record<string, Json>>;
  },
  item: ReportItem | undefined,
): Promise<string | undefined> {
  const { homeservers } = context.settings;
  // A room may have an alias of another server.
  const on = read.on ?? serverOfArguments(command, values, homeservers);
  if (homeservers.length < 2 || on !== undefined) {
    return on;
  }
  const number = Object.entries(command.args)
    .filter(([, { kind }]) => kind === 'item')
    .map(([key]) => values[key])
    .find((value) => typeof value === 'number');
  const about =
    number === undefined
      ? read.filledIn.length > 0 ||
        roomsNamed(command, values).some((room) => room === item?.roomId)
        ? item
        : undefined
      : await context.store.reportItems.get(number);
  return about === undefined
    ? undefined
    : onAboutItem(context, { command, values, on: undefined }, about);
}

/** The line of a command as it was typed, if the command keeps its text so. */
function typedLine(
  context: CommandLineContext,
  { text, typed = text }: Message,
  command: Command,
  line: string,
): string {
  const isWhole = isVerbatim(command) && commandLineIn(text, context) === line;
  return (isWhole ? commandLineIn(typed, context) : undefined) ?? line;
}

/** @throws UsageError it is to be done later, or to many, and changes nothing */
function assertChanges(
  { danger, invocation }: Parsed,
  { isSearched }: { readonly isSearched: boolean },
): void {
  if (isSearched && danger === 'read') {
    throw new UsageError('Used like this, it changes nothing.', {
      word: invocation.matching === undefined ? '--from-file' : '--matching',
      advice: 'Name the users, or say what to change.',
    });
  }
  if (invocation.notBefore !== undefined && danger === 'read') {
    throw new UsageError('Used like this, it changes nothing, so it can’t be scheduled.', {
      word: '--at',
    });
  }
}

/** The audit log keeps the arguments of a refused line up to this length, in characters. */
const maxRecordedLineLength = 2000;

/**
 * Reads a command whose sender may not use it, for the audit log. Cheap, whatever was sent: downloads no
 * file, looks up no alias, and does not read a long line at all.
 *
 * @throws UsageError there is no such command
 */
export async function parseRefused(
  context: ParseRefusedContext,
  message: Message,
  commandLine: string,
): Promise<Parsed> {
  const command = commandNamed(context, commandLine);
  const item = await itemFor(context, message);
  const reading = readingContextFor(context, item);
  let read: ReadArguments | undefined;
  try {
    read =
      commandLine.length > maxRecordedLineLength
        ? undefined
        : readArguments(command, commandTokens(command, commandLine, reading), reading);
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
  read: Partial<ReadArguments> &
    Pick<Invocation, 'lastUndo'> & { readonly values: Readonly<Record<string, Json>> },
): Parsed {
  const invocation: Invocation = {
    command: command.name,
    arguments: read.values,
    ...present({
      reason: read.reason,
      on: read.on,
      forMs: read.forMs,
      notBefore: read.notBefore,
      item: item?.id,
      matching: read.matching,
      lastUndo: read.lastUndo,
    }),
    dryRun: read.dryRun === true,
    ...(read.overrideProtection === true ? { overrideProtection: true } : {}),
    actor: { kind: 'person', user: message.sender },
    origin: originOf(message),
    ...(read.filledIn === undefined || read.filledIn.length === 0
      ? {}
      : { filledIn: read.filledIn }),
  };
  return { command, danger: dangerOfInvocation(command, invocation), invocation };
}

/** The accounts of this server that these words name without `@`. */
function plainWordsIn(tokens: readonly Token[], serverName: string): Set<UserId> {
  return new Set(
    tokens.flatMap(({ text }) =>
      text.startsWith('@') ? [] : (readUser(withoutMarksAround(text), serverName) ?? []),
    ),
  );
}

/** The value of an argument, with a room's alias replaced by its ID. */
async function withoutAlias(
  resolveAlias: AliasLookup['resolveAlias'],
  kind: ArgumentKind | undefined,
  value: Json,
): Promise<Json> {
  if (Array.isArray(value)) {
    const values: Json[] = [];
    for (const one of value as readonly Json[]) {
      values.push(await withoutAlias(resolveAlias, kind, one));
    }
    // An alias and an ID may name the same room.
    return kind === 'room' ? [...new Set(values)] : values;
  }
  if ((kind === 'room' || kind === 'target') && typeof value === 'string') {
    const alias = parseRoomAlias(value);
    return alias === undefined ? value : resolveAlias(alias);
  }
  if (kind === 'event') {
    const { room, event } = value as { readonly room: string; readonly event: string };
    const alias = parseRoomAlias(room);
    return alias === undefined ? value : { room: await resolveAlias(alias), event };
  }
  return value;
}

/** The reading context of a message. If it is about a report, that fills in arguments that are left out. */
function readingContextFor(context: ReadingSettings, item: ReportItem | undefined): ReadingContext {
  return { ...readingContext(context), ...(item === undefined ? {} : { fillIn: fillIn(item) }) };
}

/**
 * The users of the file that the message replies to; undefined without `--from-file`.
 *
 * @throws UsageError the message replies to no file, or the file can't be read
 */
async function usersFromFile(
  context: Pick<ParseContext, 'readFile'>,
  message: Message,
  {
    command,
    tokens,
    serverName,
  }: {
    readonly command: Command;
    readonly tokens: readonly Token[];
    /** Of bare names. */
    readonly serverName: string;
  },
): Promise<UserFile | undefined> {
  const isAsked = tokens.some(({ text, quoted }) => text === '--from-file' && !quoted);
  if (!isAsked || !takesMany(command)) {
    return undefined;
  }
  if (message.replyTo === undefined) {
    throw new UsageError('`--from-file` needs a file.', {
      word: '--from-file',
      advice:
        message.fallsBackTo === undefined
          ? 'Send the command as a reply to a text file with one user per line.'
          : 'In a thread, too, reply to a text file with one user per line.',
    });
  }
  return readUserFile(await context.readFile(message.replyTo), serverName);
}

interface MistakableContext {
  readonly settings: Pick<Settings, 'botUser' | 'serverName'>;
  /** The sender of an event of the room and whom it mentions; empty if that can't be looked up. */
  peopleOf(event: EventId): Promise<readonly string[]>;
}

/**
 * Makes sure that the sender and the bot see the same command: the links, the formatted text and the
 * mentions of a message must not name anybody whom its text does not.
 *
 * @throws UsageError says what differs
 */
async function assertUnmistakable(context: MistakableContext, message: Message): Promise<void> {
  if (message.doubt !== undefined) {
    throw new UsageError(message.doubt, {
      advice:
        'Type the command again, with the ID itself, such as `@name:server`, or a link to it. Nothing was changed.',
    });
  }
  const strange = await strangeMention(context, message);
  if (strange !== undefined) {
    throw new UsageError(
      `The message mentions \`${cut(strange, 255).replaceAll('`', "'")}\`, but its text does not.`,
      { advice: 'Put the ID into the command, or remove the mention. Nothing was changed.' },
    );
  }
}

/** Somebody whom a message mentions for no visible reason. */
async function strangeMention(
  { settings, peopleOf }: MistakableContext,
  message: Message,
): Promise<string | undefined> {
  const { mentions = [], replyTo, fallsBackTo, sender, text } = message;
  const pointsTo = replyTo ?? fallsBackTo;
  const unnamed = mentions.filter((user) => user !== settings.botUser && user !== sender);
  if (unnamed.length === 0) {
    return undefined;
  }
  const words = new Set<string | undefined>(
    text.split(/[\s=,;:"'()<>]+/u).map((word) => readUser(word, settings.serverName)),
  );
  const strange = unnamed.filter((user) => !text.includes(user) && !words.has(user));
  if (strange.length === 0 || pointsTo === undefined) {
    return strange[0];
  }
  // Clients mention the sender of the message that is replied to, and everybody mentioned in it.
  const replied = new Set(await peopleOf(pointsTo));
  return strange.find((user) => !replied.has(user));
}
