import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Command } from '../../chat/command/declaration.ts';
import {
  groupNamed,
  helpFor,
  helpForAll,
  helpForGroup,
  helpForSynonym,
} from '../../chat/command/help.ts';
import { TargetError } from '../../core/errors.ts';

export default defineCommand({
  name: 'help',
  aliases: ['commands'],
  synonyms: ['h', 'info', 'man', 'manual', 'usage'],
  summary: 'Lists the commands, or explains one',
  args: {
    topic: positional(
      'word',
      'A command, or a group: accounts, devices, media, rooms, server, bot',
      {
        optional: true,
      },
    ),
  },
  danger: 'read',
  example: 'help deactivate',
  async run({ args, registry, prefix }): Promise<Command | Command[] | undefined> {
    const { topic } = args;
    if (topic === undefined || groupNamed(topic) !== undefined) {
      return undefined;
    }
    const name = topic.startsWith(prefix) ? topic.slice(prefix.length) : topic;
    const command = registry.find(name);
    if (command === undefined) {
      const guess = registry.guess(name);
      const [first] = guess?.commands ?? [];
      if (guess?.kind === 'synonym') {
        return [...guess.commands];
      }
      throw new TargetError(
        'unknown',
        `there is no command \`${name}\``,
        first === undefined
          ? `See \`${prefix}help\`.`
          : `Did you mean \`${prefix}help ${first.name}\`?`,
      );
    }
    return command;
  },
  answer({ args, registry, prefix }, found) {
    if (found !== undefined) {
      return Array.isArray(found)
        ? helpForSynonym(args.topic ?? '', found, prefix)
        : helpFor(found, prefix);
    }
    const group = groupNamed(args.topic ?? '');
    return group === undefined
      ? helpForAll(registry, prefix)
      : helpForGroup(registry, group, prefix);
  },
});
