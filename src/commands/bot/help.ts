import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Command } from '../../chat/command/declaration.ts';
import {
  commandsAbout,
  groupNamed,
  helpFor,
  helpForAll,
  helpForGroup,
  helpForWord,
} from '../../chat/command/help.ts';
import { TargetError } from '../../core/errors.ts';

type Found =
  | { readonly kind: 'one'; readonly command: Command; readonly others: readonly Command[] }
  | { readonly kind: 'several'; readonly commands: readonly Command[] };

export default defineCommand({
  name: 'help',
  aliases: ['commands'],
  synonyms: ['h', 'info', 'man', 'manual', 'usage'],
  summary: 'Lists the commands, or explains one',
  args: {
    topic: positional(
      'word',
      'A command, a group (accounts, devices, media, rooms, reports, server, bot), or a word to search for',
      {
        optional: true,
      },
    ),
  },
  danger: 'read',
  example: 'help deactivate',
  async run({ args, registry, prefix }): Promise<Found | undefined> {
    const { topic } = args;
    if (topic === undefined || groupNamed(topic) !== undefined) {
      return undefined;
    }
    const name = topic.startsWith(prefix) ? topic.slice(prefix.length) : topic;
    const command = registry.find(name);
    if (command === undefined) {
      const guess = registry.guess(name);
      const [first] = guess?.commands ?? [];
      const meant = guess?.kind === 'synonym' ? guess.commands : [];
      const found = [...new Set([...meant, ...commandsAbout(registry, name)])];
      if (found.length > 0) {
        return { kind: 'several', commands: found };
      }
      throw new TargetError(
        'unknown',
        `there is no command \`${name}\``,
        first === undefined
          ? `\`${prefix}help\` lists all commands, and \`${prefix}help accounts\` says what those of a group are for.`
          : `Did you mean \`${prefix}help ${first.name}\`?`,
      );
    }
    const others = commandsAbout(registry, name).filter((other) => other !== command);
    return { kind: 'one', command, others };
  },
  answer({ args, registry, prefix }, found) {
    if (found !== undefined) {
      return found.kind === 'several'
        ? helpForWord(args.topic ?? '', found.commands, prefix)
        : helpFor(found.command, prefix, found.others);
    }
    const group = groupNamed(args.topic ?? '');
    return group === undefined
      ? helpForAll(registry, prefix)
      : helpForGroup(registry, group, prefix);
  },
});
