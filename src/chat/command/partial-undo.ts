import { idWord } from '../reading/values.ts';
import type { Registry } from './declaration.ts';

/** More accounts than this are not named in a line. */
const maxNamed = 10;

/**
 * For an action that can't be undone: the command line that gives back a part of what it took, and what that
 * command does and doesn't do. If the line would name too many accounts, the command takes them from a file.
 *
 * @param targets the targets of the action
 * @param operation the operation that the action belongs to
 * @returns undefined if no command gives back anything
 */
export function partialUndo(
  registry: Pick<Registry, 'find'>,
  prefix: string,
  {
    command,
    targets,
    operation,
  }: {
    readonly command: string;
    readonly targets: readonly string[];
    readonly operation?: number | undefined;
  },
): string | undefined {
  const other = registry.find(registry.find(command)?.partlyUndoneBy ?? '');
  const isLong = targets.length > maxNamed;
  if (other === undefined || targets.length === 0 || (isLong && operation === undefined)) {
    return undefined;
  }
  const how = isLong
    ? `send \`${prefix}audit export --operation ${operation} --format csv\`, and reply to the file with \`${prefix}${other.name} --from-file\``
    : `\`${prefix}${other.name} ${targets.map(idWord).join(' ')}\``;
  const sentence = (what: string, parts: readonly string[] | undefined) =>
    parts === undefined ? '' : ` ${what}: ${parts.join('; ')}.`;
  return [
    `To give back a part of it: ${how}.`,
    sentence('Will', other.does),
    sentence('Will not', other.doesNot),
  ].join('');
}
