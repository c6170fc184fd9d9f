import { canChange } from '../../chat/command/declaration.ts';
import type { Command, Danger } from '../../chat/command/declaration.ts';
import type { ConfirmationPolicy, Settings } from '../settings.ts';
import type { Parsed } from '../stages.ts';

/** Who has to agree before something of this danger is done. */
export function policyFor(
  danger: Danger,
  settings: Pick<Settings, 'confirmation'>,
): ConfirmationPolicy {
  return danger === 'destructive' || danger === 'critical' ? settings.confirmation[danger] : 'none';
}

/**
 * Who has to agree before this is done. A person who names several targets is always shown them first,
 * however harmless the command is: a word of prose may have been read as a target.
 */
export function policyOf(
  { command, danger, invocation }: Pick<Parsed, 'command' | 'danger' | 'invocation'>,
  settings: Pick<Settings, 'confirmation'>,
): ConfirmationPolicy {
  const policy = policyFor(danger, settings);
  return policy === 'none' &&
    danger !== 'read' &&
    invocation.actor.kind === 'person' &&
    namesSeveral(command, invocation.arguments)
    ? 'requester'
    : policy;
}

/** Whether several targets were given that may be words of prose; report numbers can't be. */
function namesSeveral(command: Command, given: Readonly<Record<string, unknown>>): boolean {
  return (
    canChange(command) &&
    Object.entries(command.args).some(([key, { place, kind, options }]) => {
      const value = given[key];
      return (
        place === 'positional' &&
        options.many === true &&
        kind !== 'item' &&
        Array.isArray(value) &&
        value.length > 1
      );
    })
  );
}
