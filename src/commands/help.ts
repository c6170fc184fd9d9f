import { positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { groupNamed, helpFor, helpForAll, helpForGroup } from '../command/help.ts';
import { TargetError } from '../errors.ts';

export default defineCommand({
  name: 'help',
  aliases: ['commands'],
  group: 'bot',
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
  async run({ args, registry, prefix }) {
    const { topic } = args;
    if (topic === undefined || groupNamed(topic) !== undefined) {
      return undefined;
    }
    const name = topic.startsWith(prefix) ? topic.slice(prefix.length) : topic;
    const command = registry.find(name);
    if (command === undefined) {
      const guess = registry.nearest(name);
      throw new TargetError(
        'unknown',
        `there is no command \`${name}\``,
        guess === undefined ? undefined : `Did you mean \`${prefix}help ${guess}\`?`,
      );
    }
    return command;
  },
  answer({ args, registry, prefix }, command) {
    if (command !== undefined) {
      return helpFor(command, prefix);
    }
    const group = groupNamed(args.topic ?? '');
    return group === undefined
      ? helpForAll(registry, prefix)
      : helpForGroup(registry, group, prefix);
  },
});
