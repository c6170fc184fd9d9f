import { isDeepStrictEqual } from 'node:util';

import { canChange, dangerOf, roleFor, subjectOf } from '../../chat/command/declaration.ts';
import type { Command, GroupedCommand, Role } from '../../chat/command/declaration.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import type { Registry } from '../../chat/command/registry.ts';
import { flagParts, isFlag, tokenize } from '../../chat/reading/tokenize.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import { matrixToLink } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { parseRoomAlias } from '../../core/ids.ts';
import type { AccountTraits } from '../../services/services.ts';
import type { RuleMode } from '../../store/tables/rule-matches.ts';
import { placeholderNames, placeholdersIn, substitute } from './placeholders.ts';
import type { Placeholder } from './placeholders.ts';

/** What is needed to read the lines of rules. */
export interface LineContext {
  readonly registry: Registry;
  readonly serverName: string;
  readonly prefix: string;
  /** The roles that the configuration sets for commands, instead of the declared ones. */
  readonly commandRoles: Readonly<Record<string, Role>>;
  /** How accounts behave on the homeserver: a command may be impossible there. */
  readonly traits: AccountTraits;
}

/** A line of a rule, as it is configured. */
export interface LineTemplate {
  readonly text: string;
  readonly command: Command;
  /** The words after the command's name, with placeholders. */
  readonly tokens: readonly Token[];
  readonly placeholders: ReadonlySet<Placeholder>;
  /** What the line leaves out and is filled in: the item, or the message's file. */
  readonly filledIn: ReadonlySet<string>;
  readonly context: LineContext;
}

/** Samples that replace real IDs while the lines of rules are checked. */
const sampleIds = {
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
};

/** The commands on items that rules may use. */
const ownCommands: ReadonlySet<string> = new Set(['claim', 'resolve', 'dismiss']);
/** A rule may not override anything and has no file; instead of a dry run there is mode `observe`. */
const forbiddenFlags: ReadonlySet<string> = new Set([
  'override-protection',
  'from-file',
  'dry-run',
  'at',
  'in',
]);

/**
 * Reads a line of a rule as if it were run, with samples for the placeholders.
 *
 * A line must act on what was reported: a fixed target would be affected whoever is reported. It must not act
 * on the reporter, which would punish reporting.
 *
 * @throws UsageError why no rule may run it, or why nobody could
 */
export function readTemplate(text: string, mode: RuleMode, context: LineContext): LineTemplate {
  const [name, ...tokens] = tokenize(text);
  const command = commandNamed(name?.text ?? '', context);
  assertRuleCommand(command);
  assertPossible(command, context);
  assertFlags(tokens);
  const placeholders = placeholdersIn(text);
  const now = Date.now();
  const filledIn = new Set<string>();
  const sample = (kind: string) => {
    const word = kind === 'item' || kind === 'media' ? sampleIds[kind] : undefined;
    if (word !== undefined) {
      filledIn.add(kind);
    }
    return word;
  };
  const values = withPlaceholders(() => {
    const words = substitute(tokens, sampleWords);
    const read = readArguments(command, words, { ...context, now, fillIn: sample });
    command.check?.(read.values, { ...context, now });
    return read.values;
  });
  assertRole(command, values, context);
  assertTarget(command, values, mode);
  return { text, command, tokens, placeholders, filledIn, context };
}

/** @throws UsageError there is no such command */
export function commandNamed(
  name: string,
  { registry, prefix }: Pick<LineContext, 'registry' | 'prefix'>,
): GroupedCommand {
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

function assertRuleCommand(command: GroupedCommand): void {
  const { name, group } = command;
  if ((group === 'bot' || group === 'reports') && !ownCommands.has(name)) {
    throw new UsageError(`\`${name}\` is for people; rules can’t run it.`, { word: name });
  }
  if (!canChange(command)) {
    throw new UsageError(`\`${name}\` changes nothing; nobody would see its answer.`, {
      word: name,
      advice: 'To be told about matches, write `alert: true`.',
    });
  }
}

/** @throws UsageError the command can't have an effect on this homeserver */
function assertPossible(command: GroupedCommand, { traits }: Pick<LineContext, 'traits'>): void {
  const reason = command.impossible?.(traits);
  if (reason !== undefined) {
    throw new UsageError(`\`${command.name}\`: ${reason.why}.`, {
      word: command.name,
      advice: reason.advice.replace('Nothing was changed. ', ''),
    });
  }
}

function assertFlags(tokens: readonly Token[]): void {
  for (const token of tokens.filter(isFlag)) {
    const { name } = flagParts(token);
    if (forbiddenFlags.has(name.replace(/^no-/u, ''))) {
      throw new UsageError(`Rules can’t use \`--${name}\`.`, { word: token.text });
    }
    if (name.includes('{')) {
      throw new UsageError(`\`${token.text}\`: a placeholder can’t name a flag.`, {
        word: token.text,
      });
    }
  }
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

function assertRole(
  command: Command,
  values: Readonly<Record<string, unknown>>,
  { commandRoles }: LineContext,
): void {
  const danger = dangerOf(command, values);
  if (danger === 'read') {
    throw new UsageError(`\`${command.name}\` changes nothing if used like this.`);
  }
  if (
    danger === 'critical' ||
    roleFor(command, danger) === 'admin' ||
    commandRoles[command.name] === 'admin'
  ) {
    throw new UsageError(
      `\`${command.name}\` is only for admins if used like this; rules can’t run it.`,
    );
  }
}

/** The argument with the accounts, unless it is a flag that is not given; or else the first positional one. */
function targetOf(command: Command, values: Readonly<Record<string, unknown>>): string | undefined {
  const subject = subjectOf(command);
  const isMeant =
    subject !== undefined &&
    (command.args[subject]?.place === 'positional' || values[subject] !== undefined);
  return isMeant
    ? subject
    : Object.entries(command.args).find(([, { place }]) => place === 'positional')?.[0];
}

function assertTarget(
  command: Command,
  values: Readonly<Record<string, unknown>>,
  mode: RuleMode,
): void {
  const { sender, reporter, room, event, item, media } = sampleIds;
  const target = values[targetOf(command, values) ?? ''];
  const targets: readonly unknown[] = Array.isArray(target) ? target : [target];
  const reported: readonly unknown[] = [sender, room, { room, event }, Number(item), media];
  if (targets.length > 1) {
    throw new UsageError('A line acts on one account.', {
      advice: 'Write one line for each account.',
    });
  }
  if (mode === 'act' && targets[0] === reporter) {
    throw new UsageError('A rule can’t act on the reporter by itself.', {
      advice: 'Use `mode: propose`, so that a person decides.',
    });
  }
  if (targets[0] !== reporter && !reported.some((one) => isDeepStrictEqual(one, targets[0]))) {
    throw new UsageError('The command must act on the reported user, message, room or file.', {
      advice: 'Use `{sender}`, `{event}` or `{room}`.',
    });
  }
  const alias = Object.entries(command.args)
    .filter(([, { kind }]) => kind === 'room')
    .map(([key]) => values[key])
    .map((value) => (typeof value === 'string' ? parseRoomAlias(value) : undefined))
    .find((value) => value !== undefined);
  if (alias !== undefined) {
    throw new UsageError(`\`${alias}\` is an alias, which may later point to another room.`, {
      advice: 'Use the room ID.',
    });
  }
}
