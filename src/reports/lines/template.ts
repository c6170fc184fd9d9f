import type { GroupedCommand, Impossible, Registry } from '../../chat/command/declaration.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import type { ReadArguments } from '../../chat/command/read-arguments.ts';
import { flagParts, isFlag, tokenize } from '../../chat/reading/tokenize.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import { matrixToLink } from '../../chat/reading/values.ts';
import type { ArgumentKind, HomeserverName } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { ownServer, serverOfItem } from '../../operations/at-homeserver.ts';
import type { AccountTraits } from '../../services/services.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import { placeholderNames, placeholdersIn, substitute } from './placeholders.ts';
import type { Placeholder } from './placeholders.ts';

/** What is needed to read the command lines of a configuration. */
export interface LineContext {
  readonly registry: Registry;
  readonly serverName: string;
  /** The homeservers that `--on` can name, if there are several. */
  readonly homeservers?: readonly HomeserverName[];
  readonly prefix: string;
  /** How accounts behave on a homeserver: a command may be impossible there. */
  traitsOf(serverName: string): AccountTraits;
}

/** A command line of the configuration, to be filled in from a report. */
export interface LineTemplate {
  readonly text: string;
  readonly command: GroupedCommand;
  /** The words after the command's name, with placeholders. */
  readonly tokens: readonly Token[];
  readonly placeholders: ReadonlySet<Placeholder>;
  /** The kinds of the arguments that the line leaves out and the report fills in. */
  readonly filledIn: ReadonlySet<ArgumentKind>;
  readonly context: LineContext;
}

/** Samples that replace real values while lines are checked. */
export const sampleIds = {
  sender: '@sender:sample.invalid',
  reporter: '@reporter:sample.invalid',
  room: '!room:sample.invalid',
  event: '$event',
  item: '900719925474099',
  media: 'mxc://sample.invalid/file',
} as const;
const sampleWords: Readonly<Record<Placeholder, string>> = {
  sender: sampleIds.sender,
  reporter: sampleIds.reporter,
  room: sampleIds.room,
  event: matrixToLink(sampleIds.room, sampleIds.event),
  report: sampleIds.item,
};

/** The samples for arguments that a line leaves out. */
export const sampleArguments: Readonly<Partial<Record<ArgumentKind, string>>> = {
  item: sampleIds.item,
  account: sampleWords.sender,
  user: sampleWords.sender,
  target: sampleWords.sender,
  room: sampleWords.room,
  event: sampleWords.event,
  media: sampleIds.media,
};

/** Whether a value is made of samples. */
export function isSample(value: unknown): boolean {
  const written = JSON.stringify(value) ?? '';
  return written.includes('sample.invalid') || written.includes(sampleIds.item);
}

/** A line with its command, before its arguments are read. */
export interface NamedLine {
  readonly text: string;
  readonly command: GroupedCommand;
  readonly tokens: readonly Token[];
}

/** @throws UsageError there is no such command, or a quote is not closed */
export function namedLine(text: string, context: CommandContext): NamedLine {
  const [name, ...tokens] = tokenize(text);
  return { text, command: commandNamed(name?.text ?? '', context), tokens };
}

type CommandContext = Pick<LineContext, 'registry' | 'prefix'>;

/** @throws UsageError there is no such command */
export function commandNamed(name: string, { registry, prefix }: CommandContext): GroupedCommand {
  const command = registry.find(name);
  if (command !== undefined) {
    return command;
  }
  const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name;
  const guess = registry.find(bare)?.name ?? registry.guess(bare)?.commands[0]?.name;
  throw new UsageError(`There is no command \`${name.slice(0, 40)}\`.`, {
    word: name,
    ...(guess === undefined ? {} : { advice: `Did you mean \`${guess}\`?` }),
  });
}

/** What finding out whether a command can have an effect needs. */
type PossibleContext = Pick<LineContext, 'homeservers' | 'serverName' | 'traitsOf'>;

/** Why a command can't have an effect on any of the homeservers; undefined if it can on one. */
export function whyImpossible(
  command: GroupedCommand,
  { serverName, homeservers = [{ name: serverName, serverName }], traitsOf }: PossibleContext,
): Impossible | undefined {
  const reasons = homeservers.map((one) => command.impossible?.(traitsOf(one.serverName)));
  return reasons.includes(undefined) ? undefined : reasons[0];
}

/**
 * Why a command can't have an effect on the homeserver of whom it acts on; undefined if it can.
 *
 * @param user whom it acts on, if that is known
 * @param item the report that it is about
 */
export function whyImpossibleFor(
  { command, context }: Pick<LineTemplate, 'command' | 'context'>,
  user: UserId | undefined,
  item: Pick<ReportItem, 'server'>,
): string | undefined {
  const { serverName, homeservers = [], traitsOf } = context;
  const settings = { homeservers };
  const own = user === undefined ? undefined : ownServer({ settings }, user);
  const server = own ?? serverOfItem({ settings }, item) ?? serverName;
  return command.impossible?.(traitsOf(server))?.why;
}

/** @throws UsageError the command can't have an effect on any of the homeservers */
export function assertPossible(command: GroupedCommand, context: PossibleContext): void {
  const reason = whyImpossible(command, context);
  if (reason !== undefined) {
    throw new UsageError(`\`${command.name}\`: ${reason.why}.`, {
      word: command.name,
      advice: reason.advice.replace('Nothing was changed. ', ''),
    });
  }
}

/**
 * @param user who is not allowed to use these flags, for the error: `Rules`
 * @throws UsageError a flag is forbidden, or a placeholder names one
 */
export function assertFlags(
  tokens: readonly Token[],
  forbidden: ReadonlySet<string>,
  user: string,
): void {
  for (const token of tokens.filter(isFlag)) {
    const { name } = flagParts(token);
    if (forbidden.has(name.replace(/^no-/u, ''))) {
      throw new UsageError(`${user} can’t use \`--${name}\`.`, { word: token.text });
    }
    if (name.includes('{')) {
      throw new UsageError(`\`${token.text}\`: a placeholder can’t name a flag.`, {
        word: token.text,
      });
    }
  }
}

/**
 * Reads a line as if it were run, with samples for the placeholders.
 *
 * @param fillable the kinds of arguments that the line may leave out
 * @throws UsageError it can't be read
 */
export function readTemplate(
  { text, command, tokens }: NamedLine,
  fillable: readonly ArgumentKind[],
  context: LineContext,
): { readonly template: LineTemplate; readonly read: ReadArguments } {
  const placeholders = placeholdersIn(text);
  const now = Date.now();
  const filledIn = new Set<ArgumentKind>();
  const fillIn = (kind: ArgumentKind) => {
    const word = fillable.includes(kind) ? sampleArguments[kind] : undefined;
    if (word !== undefined) {
      filledIn.add(kind);
    }
    return word;
  };
  const read = withPlaceholders(() => {
    const words = substitute(tokens, sampleWords);
    const given = readArguments(command, words, { ...context, now, fillIn });
    command.check?.(given.values, { ...context, now, isSearched: given.matching !== undefined });
    return given;
  });
  return { template: { text, command, tokens, placeholders, filledIn, context }, read };
}

/** Errors say `{sender}` instead of the sample. */
function withPlaceholders<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof UsageError)) {
      throw error;
    }
    const said = (text: string) =>
      placeholderNames.reduce(
        (sentence, name) => sentence.replaceAll(sampleWords[name], `{${name}}`),
        text,
      );
    throw error.advice === undefined
      ? new UsageError(said(error.message))
      : new UsageError(said(error.message), { advice: said(error.advice) });
  }
}
