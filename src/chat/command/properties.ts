import { flag } from './arguments.ts';
import type { Argument } from './arguments.ts';
import type { Command, Danger, GroupedCommand, Protects, Role } from './declaration.ts';

/** A declared text, in which `!name` stands for a command, with the configured prefix. */
export function withPrefix(text: string, prefix: string): string {
  return text.replaceAll(/!(?=[a-z])/gu, () => prefix);
}

/**
 * The danger of one invocation. Missing arguments have their defaults. If a line can't be read, no arguments
 * are known.
 */
export function dangerOf(command: Command, args: Readonly<Record<string, unknown>>): Danger {
  return typeof command.danger === 'function'
    ? command.danger(withDefaults(command, args))
    : command.danger;
}

/** The arguments with the defaults of those that are missing. If a line can't be read, all are. */
export function withDefaults(
  { args: declared }: Pick<Command, 'args'>,
  args: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const defaults = Object.entries(declared).map(([key, { fallback }]) => [key, fallback]);
  return { ...(Object.fromEntries(defaults) as Record<string, unknown>), ...args };
}

/** The danger of an invocation without flags. Flags only add to it. */
export function leastDangerOf(command: Command): Danger {
  return dangerOf(command, {});
}

/** The danger of the most dangerous invocation. */
export function maxDangerOf({ danger, maxDanger }: Command): Danger {
  return typeof danger === 'function' ? (maxDanger ?? 'critical') : danger;
}

/** Whether any invocation of this command changes something. */
export function canChange(command: Command): boolean {
  return command.danger !== 'read';
}

/** Whether any invocation of this command changes something on a homeserver, and not only what the bot keeps. */
export function canChangeHomeserver(command: Command): boolean {
  const { endpoints = [] } = command;
  return canChange(command) && endpoints.some((endpoint) => !endpoint.startsWith('GET '));
}

/**
 * Whether it changes only what the bot itself keeps about reports, users and rooms: the homeserver notices nothing, and
 * nothing happens to anybody.
 */
export function changesOnlyRecords(command: GroupedCommand): boolean {
  const { group } = command;
  return (
    canChange(command) &&
    (group === 'notes' || group === 'reports') &&
    !canChangeHomeserver(command)
  );
}

/** The role that an invocation needs, unless the configuration says otherwise. */
export function roleFor(command: Command, danger: Danger): Role {
  if (command.role !== undefined) {
    return command.role;
  }
  return danger === 'read' ? 'viewer' : danger === 'critical' ? 'admin' : 'moderator';
}

/** The arguments that hold users whom a command creates or forgets, or in whose name it acts. */
export function identitiesOf(command: Command): string[] {
  return Object.entries(command.args)
    .filter(([, { kind }]) => kind === 'identity')
    .map(([key]) => key);
}

/** Whether it acts on accounts, or on files, which accounts own. */
function actsOnSomebody(command: Command): boolean {
  const actsOnFiles = Object.values(command.args).some(({ kind }) => kind === 'media');
  return subjectOf(command) !== undefined || actsOnFiles;
}

/** Which protected accounts, and files of theirs, an invocation must not act on. */
export function protectsFor(command: Command, args: Readonly<Record<string, unknown>>): Protects {
  const { protects = isDangerous(dangerOf(command, args)) } = command;
  return typeof protects === 'function'
    ? protects(args)
    : typeof protects === 'object'
      ? false
      : protects;
}

/** Whether an invocation may be refused because somebody is protected. */
function canProtect(command: Command): boolean {
  const { protects = isDangerous(maxDangerOf(command)) } = command;
  const mayProtect = typeof protects !== 'object' && protects !== false;
  return (actsOnSomebody(command) && mayProtect) || identitiesOf(command).length > 0;
}

function isDangerous(danger: Danger): boolean {
  return danger === 'destructive' || danger === 'critical';
}

/** The argument that holds the accounts which a command acts on, if it has one. */
export function subjectOf(command: Command): string | undefined {
  return Object.entries(command.args).find(([, { kind }]) => kind === 'account')?.[0];
}

/** Flags of every command that changes something. */
const commonFlags = {
  reason: flag('text', 'Why; stored in the audit log'),
  dryRun: flag('boolean', 'Show what would happen without doing it', { default: false }),
} as const;

/** Flags of commands that act on accounts and their files. */
const protectionFlags = {
  overrideProtection: flag('boolean', 'Also act on protected accounts; critical', {
    default: false,
  }),
} as const;

/** Flags of commands that can run later. */
const scheduleFlags = {
  at: flag('date', 'Run it at this time (UTC, unless it names another zone)', {
    ahead: true,
    placeholder: 'TIME',
  }),
  in: flag('duration', 'Run it after this time', { placeholder: '2h' }),
} as const;

/** Flags of commands that can be undone after a time. */
const timedFlags = {
  for: flag('duration', 'Undo it after this time', { placeholder: '24h' }),
} as const;

/** Flags of commands that act on several accounts. */
const batchFlags = {
  fromFile: flag(
    'boolean',
    'Also the users in the file that the message replies to: one user per line, or CSV with a user_id column',
    { default: false },
  ),
  matching: flag('text', 'Also all accounts that match these filters', {
    placeholder: '"FILTERS"',
  }),
} as const;

/** Whether it can be done for a limited time: it takes `--for 24h`, and then `undo` ends it. */
export function canEnd(command: Command): boolean {
  const { undo, withoutEnd, endsTogether } = command;
  return canChange(command) && withoutEnd !== true && (undo !== undefined || endsTogether === true);
}

/** Whether its accounts may be users of other servers, too. */
export function takesRemote(command: Command): boolean {
  return command.args[subjectOf(command) ?? '']?.options.remote === true;
}

/** Why a command can't be scheduled for later; undefined if it can. */
export function whyNotLater({ answersSecret, audit }: Command): string | undefined {
  if (answersSecret === true) {
    return 'its answer holds a secret for you, which you wait for';
  }
  return (audit?.redact ?? []).length > 0
    ? 'it holds a secret, which would be stored until then'
    : undefined;
}

/** Whether users may also be read from a file, or searched for, for this command. */
export function takesMany(command: Command): boolean {
  const subject = command.args[subjectOf(command) ?? ''];
  return canChange(command) && subject?.options.many === true;
}

/** Whether its text is kept as it was typed: see `ArgumentOptions.verbatim`. */
export function isVerbatim(command: Command): boolean {
  return Object.values(command.args).some(({ options }) => options.verbatim === true);
}

/** All arguments of a command: its own, and those that every changing command has. */
export function argumentsOf(command: Command): Readonly<Record<string, Argument>> {
  return canChange(command)
    ? {
        ...command.args,
        ...(canEnd(command) ? timedFlags : {}),
        ...(whyNotLater(command) === undefined ? scheduleFlags : {}),
        ...(takesMany(command) ? batchFlags : {}),
        ...commonFlags,
        ...(canProtect(command) && command.alwaysProtects !== true ? protectionFlags : {}),
      }
    : command.args;
}

/** A word that stands for an argument's value in usage lines. */
export function placeholderOf(key: string, argument: Argument): string {
  return (
    argument.options.placeholder ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter}`).toUpperCase()
  );
}

/** Whether an action of this command has a line that undoes it, unless it found everything done already. */
export function canBeUndoneIfItChanged({ nothingToDo, undo }: Command): boolean {
  return nothingToDo !== undefined && undo !== undefined;
}
