import { isDeepStrictEqual } from 'node:util';

import { canChange, dangerOf, roleFor, subjectOf } from '../../chat/command/declaration.ts';
import type { Command, GroupedCommand, Role } from '../../chat/command/declaration.ts';
import { flagParts, isFlag } from '../../chat/command/parse-flags.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import type { Registry } from '../../chat/command/registry.ts';
import { matrixToLink } from '../../chat/reading/references.ts';
import { tokenize } from '../../chat/reading/tokenize.ts';
import type { Token } from '../../chat/reading/tokenize.ts';
import { UsageError } from '../../core/errors.ts';
import { parseRoomAlias } from '../../core/ids.ts';
import type { RuleMode } from '../../store/tables/rule-matches.ts';
import { placeholderNames, placeholdersIn, substituted } from './placeholders.ts';
import type { Placeholder } from './placeholders.ts';

/** What reading a rule's lines needs to know of its surroundings. */
export interface LineSurroundings {
  readonly registry: Registry;
  readonly serverName: string;
  readonly prefix: string;
  /** The role that a command needs, where the configuration says another than the declaration. */
  readonly commandRoles: Readonly<Record<string, Role>>;
}

/** A line of a rule, as it was configured. */
export interface LineTemplate {
  readonly text: string;
  readonly command: Command;
  /** The words behind the command's name, with placeholders. */
  readonly tokens: readonly Token[];
  readonly placeholders: ReadonlySet<Placeholder>;
  /** The item, or the message's file, is filled in where the line leaves it out. */
  readonly filledIn: ReadonlySet<string>;
  readonly surroundings: LineSurroundings;
}

/** Stand for what rules will find, while their lines are checked. */
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

/** What `claim`, `resolve` and `dismiss` do to an item, a rule may do too. */
const ownCommands: ReadonlySet<string> = new Set(['claim', 'resolve', 'dismiss']);
/** A rule insists on nothing and has no file; what only says what would happen is mode observe. */
const refusedFlags: ReadonlySet<string> = new Set(['override-protection', 'from-file', 'dry-run']);

/**
 * Reads a line of a rule as if it were run, with samples for what it will find.
 *
 * A line must act on what was reported: a target that is written out would be hit whoever is
 * reported. Acting on the reporter by itself would punish reporting.
 *
 * @throws UsageError why no rule may run it, or why nobody could
 */
export function readTemplate(
  text: string,
  mode: RuleMode,
  surroundings: LineSurroundings,
): LineTemplate {
  const [name, ...tokens] = tokenize(text);
  const command = commandNamed(name?.text ?? '', surroundings);
  assertRuleCommand(command);
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
    const words = substituted(tokens, sampleWords);
    const read = readArguments(command, words, { ...surroundings, now, fillIn: sample });
    command.check?.(read.values, now);
    return read.values;
  });
  assertRole(command, values, surroundings);
  assertTarget(command, values, mode);
  return { text, command, tokens, placeholders, filledIn, surroundings };
}

/** @throws UsageError there is none */
export function commandNamed(
  name: string,
  { registry, prefix }: Pick<LineSurroundings, 'registry' | 'prefix'>,
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
    throw new UsageError(`\`${name}\` is for people; no rule may run it.`, { word: name });
  }
  if (!canChange(command)) {
    throw new UsageError(`\`${name}\` changes nothing; nobody would see its answer.`, {
      word: name,
      advice: 'To be told of what fits, write `alert: true`.',
    });
  }
}

function assertFlags(tokens: readonly Token[]): void {
  for (const token of tokens.filter(isFlag)) {
    const { name } = flagParts(token);
    if (refusedFlags.has(name.replace(/^no-/u, ''))) {
      throw new UsageError(`No rule may use \`--${name}\`.`, { word: token.text });
    }
    if (name.includes('{')) {
      throw new UsageError(`\`${token.text}\`: a placeholder can’t name a flag.`, {
        word: token.text,
      });
    }
  }
}

/** Says `{sender}` where an error would name the sample. */
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
  { commandRoles }: LineSurroundings,
): void {
  const danger = dangerOf(command, values);
  if (danger === 'read') {
    throw new UsageError(`\`${command.name}\` changes nothing like this.`);
  }
  if (
    danger === 'critical' ||
    roleFor(command, danger) === 'admin' ||
    commandRoles[command.name] === 'admin'
  ) {
    throw new UsageError(`\`${command.name}\` is for admins like this; no rule may run it.`);
  }
}

/** Accounts by the argument that holds them, else the first argument by position. */
function targetOf(command: Command): string | undefined {
  return (
    subjectOf(command) ??
    Object.entries(command.args).find(([, { place }]) => place === 'positional')?.[0]
  );
}

function assertTarget(
  command: Command,
  values: Readonly<Record<string, unknown>>,
  mode: RuleMode,
): void {
  const { sender, reporter, room, event, item, media } = sampleIds;
  const target = values[targetOf(command) ?? ''];
  const targets: readonly unknown[] = Array.isArray(target) ? target : [target];
  const reported: readonly unknown[] = [sender, room, { room, event }, Number(item), media];
  if (targets.length > 1) {
    throw new UsageError('One line acts on one account.', { advice: 'Write a line for each.' });
  }
  if (mode === 'act' && targets[0] === reporter) {
    throw new UsageError('No rule acts on who has reported by itself.', {
      advice: 'Use `mode: propose`, so that people decide.',
    });
  }
  if (targets[0] !== reporter && !reported.some((one) => isDeepStrictEqual(one, targets[0]))) {
    throw new UsageError('It does not act on what was reported.', {
      advice: 'Write `{sender}`, `{event}` or `{room}` for whom or what it is about.',
    });
  }
  const alias = Object.entries(command.args)
    .filter(([, { kind }]) => kind === 'room')
    .map(([key]) => values[key])
    .map((value) => (typeof value === 'string' ? parseRoomAlias(value) : undefined))
    .find((value) => value !== undefined);
  if (alias !== undefined) {
    throw new UsageError(`\`${alias}\` is an alias, which can come to mean another room.`, {
      advice: 'Write the room’s ID.',
    });
  }
}
