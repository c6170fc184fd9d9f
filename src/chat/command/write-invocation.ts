import { writeDuration } from '../../core/duration.ts';
import { quote } from '../reading/tokenize.ts';
import { idWord, matrixToLink } from '../reading/values.ts';
import { flagName } from './arguments.ts';
import type { Command } from './declaration.ts';
import type { Invocation, Json } from './invocation.ts';

/** Writes an invocation as a command line, without the prefix, that is read as the same invocation. */
export function writeInvocation(
  command: Command,
  invocation: Pick<
    Invocation,
    'arguments' | 'reason' | 'dryRun' | 'overrideProtection' | 'forMs' | 'notBefore'
  >,
): string {
  const positionals: string[] = [];
  const flags: string[] = [];
  for (const [key, argument] of Object.entries(command.args)) {
    const value = invocation.arguments[key];
    const values =
      value === undefined || value === null
        ? []
        : Array.isArray(value)
          ? (value as Json[])
          : [value];
    for (const one of values) {
      if (argument.place === 'positional') {
        positionals.push(writeWord(argument.kind, one));
      } else if (argument.kind === 'boolean') {
        if (one !== argument.fallback) {
          flags.push(`--${one === true ? '' : 'no-'}${flagName(key)}`);
        }
      } else if (one !== argument.fallback) {
        flags.push(`--${flagName(key)}=${writeWord(argument.kind, one)}`);
      }
    }
  }
  if (invocation.reason !== undefined) {
    flags.push(`--reason=${quote(invocation.reason)}`);
  }
  if (invocation.notBefore !== undefined) {
    flags.push(`--at=${writeValue('date', invocation.notBefore)}`);
  }
  if (invocation.forMs !== undefined) {
    flags.push(`--for=${writeDuration(invocation.forMs)}`);
  }
  if (invocation.overrideProtection === true) {
    flags.push('--override-protection');
  }
  if (invocation.dryRun) {
    flags.push('--dry-run');
  }
  return [command.name, ...positionals, ...flags].join(' ');
}

/** The invocation without arguments that hold personal data. */
export function withoutPersonal(command: Command | undefined, invocation: Invocation): Invocation {
  const kept = Object.entries(invocation.arguments).filter(
    ([key]) => command?.args[key]?.options.personal !== true,
  );
  return { ...invocation, arguments: Object.fromEntries(kept) };
}

function writeWord(kind: string, value: Json): string {
  const text = writeValue(kind, value);
  return ['account', 'user', 'room', 'target'].includes(kind) ? idWord(text) : quote(text);
}

/** One value as people write it. */
export function writeValue(kind: string | undefined, value: Json): string {
  if (kind === 'duration') {
    return writeDuration(Number(value));
  }
  if (kind === 'date') {
    return new Date(Number(value)).toISOString();
  }
  if (kind === 'event' && typeof value === 'object' && value !== null && 'event' in value) {
    const { room, event } = value as { room: string; event: string };
    return matrixToLink(room, event);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
