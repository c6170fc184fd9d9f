import { flagName } from '../../src/chat/command/arguments.ts';
import type { Argument } from '../../src/chat/command/arguments.ts';
import { argumentsOf, groups, placeholderOf } from '../../src/chat/command/declaration.ts';
import type { Command } from '../../src/chat/command/declaration.ts';
import { conditions, usage } from '../../src/chat/command/help.ts';
import { loadCommands } from '../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../src/chat/command/registry.ts';

/** The text of `docs/commands.md`, made from the declarations. */
export async function commandsGuide(): Promise<string> {
  const folder = new URL('../../src/commands/', import.meta.url);
  const { all } = createRegistry(await loadCommands(folder));
  const sections = Object.entries(groups).flatMap(([group, title]) => {
    const members = all.filter((command) => command.group === group);
    return members.length === 0 ? [] : [`## ${title}`, ...members.map(section)];
  });
  return [
    '# Commands',
    '`npm run docs` generates this page from the declarations in `src/commands/`, and a test keeps it current. `!help` shows the same in the room.',
    'Name users as `@name:server`, as a link or pill, or as a bare name of this homeserver; name rooms by ID, alias, link or pill. Punctuation around an ID, such as a full stop, is ignored; quotes keep an ID exactly as written. Several targets are always shown and confirmed first, and a reason follows `--reason`. Every command that changes something takes `--reason TEXT` and `--dry-run`. Commands on accounts also take `--override-protection` (role admin, always confirmed); commands on several accounts take `--from-file`, as a reply to a text file.',
    ...sections,
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/u, '\n');
}

function section(command: Command): string {
  const own = Object.entries(argumentsOf(command)).filter(([key]) => key in command.args);
  return [
    `### ${command.name}`,
    `${command.summary}.${command.aliases === undefined ? '' : ` Also: ${command.aliases.join(', ')}.`}`,
    `\`\`\`text\n${usage(command, '!')}\n\`\`\``,
    ...(own.length === 0 ? [] : [own.map(argumentLine).join('\n')]),
    ...(command.does === undefined ? [] : [`**Does:** ${command.does.join('; ')}.`]),
    ...(command.doesNot === undefined ? [] : [`**Does not:** ${command.doesNot.join('; ')}.`]),
    `${conditions(command, '!')} Example: \`!${command.example}\``,
    ...(command.endpoints === undefined
      ? []
      : [`Calls ${command.endpoints.map((endpoint) => `\`${endpoint}\``).join(', ')}.`]),
  ].join('\n\n');
}

function argumentLine([key, argument]: [string, Argument]): string {
  const name = argument.place === 'flag' ? `--${flagName(key)}` : placeholderOf(key, argument);
  const { choices, default: fallback } = argument.options;
  const details = [
    choices === undefined ? '' : `one of ${choices.join(', ')}`,
    fallback === undefined || typeof fallback === 'boolean' ? '' : `${fallback} by default`,
  ].filter(Boolean);
  return `- \`${name}\`: ${argument.description}${details.length === 0 ? '' : ` (${details.join('; ')})`}`;
}
