import { idWord } from '../reading/values.ts';
import type { Registry } from './registry.ts';

/**
 * For an action that can't be undone: the line that gives back a part of what it took, and what that line does
 * and doesn't.
 *
 * @param targets of the action
 * @returns undefined if no command gives back anything
 */
export function partialUndo(
  registry: Pick<Registry, 'find'>,
  prefix: string,
  { command, targets }: { readonly command: string; readonly targets: readonly string[] },
): string | undefined {
  const other = registry.find(registry.find(command)?.partlyUndoneBy ?? '');
  if (other === undefined || targets.length === 0) {
    return undefined;
  }
  const line = `${prefix}${other.name} ${targets.map(idWord).join(' ')}`;
  const sentence = (what: string, parts: readonly string[] | undefined) =>
    parts === undefined ? '' : ` ${what}: ${parts.join('; ')}.`;
  return [
    `To give back a part of it: \`${line}\`.`,
    sentence('Will', other.does),
    sentence('Will not', other.doesNot),
  ].join('');
}
