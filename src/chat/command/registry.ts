import { present } from '../../core/present.ts';
import { nearest } from '../../core/text.ts';
import { dangers } from './declaration.ts';
import type { Command, GroupedCommand, Registry } from './declaration.ts';
import { changesOnlyRecords, withPrefix } from './properties.ts';

/** No name is longer. */
const maxNameLength = 40;

/**
 * @param prefix the prefix of commands in this room; declarations write `!`
 * @throws TypeError two commands share a name or alias, or a synonym is a command's name
 */
export function createRegistry(declared: readonly GroupedCommand[], prefix = '!'): Registry {
  const commands = declared.map((command) => inRoomWith(prefix, command));
  const byName = new Map<string, GroupedCommand>();
  for (const command of commands) {
    for (const name of [command.name, ...(command.aliases ?? [])]) {
      const other = byName.get(name);
      if (other !== undefined) {
        throw new TypeError(
          `${fileOf(other)} and ${fileOf(command)} both declare the name ${name}`,
        );
      }
      byName.set(name, command);
    }
  }
  const bySynonym = synonymsOf(commands, byName);
  const plain = (word: string) => word.slice(0, maxNameLength).normalize('NFKC').toLowerCase();
  return {
    all: [...commands].sort((one, other) => one.name.localeCompare(other.name)),
    find: (name) => (name.length > maxNameLength ? undefined : byName.get(plain(name))),
    guess(word) {
      if (word.length > maxNameLength) {
        return undefined;
      }
      const meant =
        bySynonym.get(plain(word)) ??
        nearest(plain(word), [...byName.keys()]) ??
        bySynonym.get(nearest(plain(word), [...bySynonym.keys()]) ?? '');
      if (typeof meant !== 'string') {
        return meant && { kind: 'synonym', commands: meant };
      }
      const command = byName.get(meant);
      return command && { kind: 'typo', commands: [command] };
    },
  };
}

/** The command, with the commands that its texts mention as they are typed in the room. */
function inRoomWith(prefix: string, command: GroupedCommand): GroupedCommand {
  if (prefix === '!') {
    return command;
  }
  const { does, doesNot, effect } = command;
  const all = (texts: readonly string[] | undefined) =>
    texts?.map((text) => withPrefix(text, prefix));
  return {
    ...command,
    ...present({
      does: all(does),
      doesNot: all(doesNot),
      effect: effect === undefined ? undefined : withPrefix(effect, prefix),
    }),
    args: Object.fromEntries(
      Object.entries(command.args).map(([key, argument]) => [
        key,
        { ...argument, description: withPrefix(argument.description, prefix) },
      ]),
    ),
  };
}

/** The names of the commands that change only what the bot itself keeps. */
export function recordCommandsIn({ all }: Pick<Registry, 'all'>): string[] {
  return all.filter(changesOnlyRecords).map(({ name }) => name);
}

/** For each synonym, the commands that it may mean, the least dangerous first. */
function synonymsOf(
  commands: readonly GroupedCommand[],
  byName: ReadonlyMap<string, GroupedCommand>,
): ReadonlyMap<string, readonly Command[]> {
  const bySynonym = new Map<string, Command[]>();
  for (const command of commands) {
    for (const synonym of command.synonyms ?? []) {
      const named = byName.get(synonym);
      if (named !== undefined) {
        throw new TypeError(
          `${synonym} is the name of ${fileOf(named)}: remove it from the synonyms in ${fileOf(command)}`,
        );
      }
      bySynonym.set(synonym, [...(bySynonym.get(synonym) ?? []), command]);
    }
  }
  const rank = ({ danger }: Command) =>
    typeof danger === 'function' ? 1 : dangers.indexOf(danger);
  for (const meant of bySynonym.values()) {
    meant.sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
  }
  return bySynonym;
}

/** Where a command is declared, for errors. */
function fileOf({ group, name }: GroupedCommand): string {
  return `src/commands/${group}/${name}.ts`;
}
