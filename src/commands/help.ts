import { positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { helpFor, helpForAll } from '../command/help.ts';
import { TargetError } from '../errors.ts';

export default defineCommand({
  name: 'help',
  aliases: ['commands'],
  group: 'bot',
  summary: 'Lists the commands, or explains one',
  args: { command: positional('word', 'The command to explain', { optional: true }) },
  danger: 'read',
  example: 'help deactivate',
  async run({ args, registry, prefix }) {
    if (args.command === undefined) {
      return undefined;
    }
    const name = args.command.startsWith(prefix) ? args.command.slice(prefix.length) : args.command;
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
  answer: ({ registry, prefix }, command) =>
    command === undefined ? helpForAll(registry, prefix) : helpFor(command, prefix),
});
