import { isDeepStrictEqual } from 'node:util';

import type { Command, GroupedCommand, Role } from '../../chat/command/declaration.ts';
import { canChange, dangerOf, roleFor, subjectOf } from '../../chat/command/properties.ts';
import { UsageError } from '../../core/errors.ts';
import { parseRoomAlias } from '../../core/ids.ts';
import type { RuleMode } from '../../store/tables/reports/rule-matches.ts';
import {
  assertFlags,
  assertPossible,
  namedLine,
  readTemplate,
  sampleIds,
} from '../lines/template.ts';
import type { LineContext, LineTemplate } from '../lines/template.ts';

/** What is needed to read the lines of rules. */
export type RuleLineContext = LineContext & {
  /** The roles that the configuration sets for commands, instead of the declared ones. */
  readonly commandRoles: Readonly<Record<string, Role>>;
};

/** The commands on items that rules may use. */
const ownCommands: ReadonlySet<string> = new Set(['claim', 'resolve', 'dismiss']);
/**
 * A rule may not override anything and has no file; instead of a dry run there is mode `observe`. Strangers choose
 * which rooms are in a space.
 */
const forbiddenFlags: ReadonlySet<string> = new Set([
  'override-protection',
  'from-file',
  'dry-run',
  'at',
  'in',
  'with-children',
]);

/**
 * Reads a line of a rule as if it were run, with samples for the placeholders.
 *
 * A line must act on what was reported: a fixed target would be affected whoever is reported. It must not act
 * on the reporter, which would punish reporting.
 *
 * @throws UsageError why no rule may run it, or why nobody could
 */
export function readRuleTemplate(
  text: string,
  mode: RuleMode,
  context: RuleLineContext,
): LineTemplate {
  const line = namedLine(text, context);
  const { command, tokens } = line;
  assertRuleCommand(command);
  assertPossible(command, context);
  assertFlags(tokens, forbiddenFlags, 'Rules');
  const { template, read } = readTemplate(line, ['item', 'media'], context);
  assertRole(command, read.values, context);
  assertTarget(command, read.values, mode);
  return template;
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

function assertRole(
  command: Command,
  values: Readonly<Record<string, unknown>>,
  { commandRoles }: Pick<RuleLineContext, 'commandRoles'>,
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
    (command.args[subject]?.place === 'positional' || [values[subject] ?? []].flat().length > 0);
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
    .flatMap(([key]) => [values[key]].flat())
    .map((value) => (typeof value === 'string' ? parseRoomAlias(value) : undefined))
    .find((value) => value !== undefined);
  if (alias !== undefined) {
    throw new UsageError(`\`${alias}\` is an alias, which may later point to another room.`, {
      advice: 'Use the room ID.',
    });
  }
}
