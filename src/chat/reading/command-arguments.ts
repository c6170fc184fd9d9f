import { flag } from '../command/arguments.ts';
import type { Argument } from '../command/arguments.ts';
import { canChange, canProtect, subjectOf } from '../command/declaration.ts';
import type { Command } from '../command/declaration.ts';

/** Flags of every command that changes something. */
const commonFlags = {
  reason: flag('text', 'Why; kept in the audit log'),
  dryRun: flag('boolean', 'Say what would happen, and do nothing', { default: false }),
} as const;

/** Flags of what acts on accounts and their files. */
const protectionFlags = {
  overrideProtection: flag('boolean', 'Do it to a protected account too; critical', {
    default: false,
  }),
} as const;

/** Flags of what can be taken back by itself. */
const timedFlags = {
  for: flag('duration', 'Take it back after this long', { placeholder: '24h' }),
} as const;

/** Flags of what acts on several accounts. */
const batchFlags = {
  fromFile: flag('boolean', 'Also those in the text file that the message replies to', {
    default: false,
  }),
} as const;

/** Whether users may be read from a file for this command. */
export function takesFile(command: Command): boolean {
  const subject = command.args[subjectOf(command) ?? ''];
  return canChange(command) && subject?.options.many === true;
}

/** All that may be given to a command, its own arguments and those of every changing command. */
export function argumentsOf(command: Command): Readonly<Record<string, Argument>> {
  return canChange(command)
    ? {
        ...command.args,
        ...(command.timed === true ? timedFlags : {}),
        ...(takesFile(command) ? batchFlags : {}),
        ...commonFlags,
        ...(canProtect(command) ? protectionFlags : {}),
      }
    : command.args;
}

/** A word that stands for an argument's value in usage lines. */
export function placeholderOf(key: string, argument: Argument): string {
  return (
    argument.options.placeholder ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter}`).toUpperCase()
  );
}
