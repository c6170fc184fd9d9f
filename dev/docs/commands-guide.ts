import { flagName } from '../../src/chat/command/arguments.ts';
import type { Argument } from '../../src/chat/command/arguments.ts';
import { groups, roles } from '../../src/chat/command/declaration.ts';
import type { Command, Danger, Role } from '../../src/chat/command/declaration.ts';
import { conditions, usage } from '../../src/chat/command/help.ts';
import { loadCommands } from '../../src/chat/command/load-commands.ts';
import {
  argumentsOf,
  dangerOf,
  leastDangerOf,
  placeholderOf,
  roleFor,
} from '../../src/chat/command/properties.ts';
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
    'Name users as `@name:server`, as a link or pill, or as a bare name of this homeserver; name rooms by ID, alias, link or pill. Punctuation around an ID, such as a full stop, is ignored; quotes keep an ID exactly as written. Several targets are always shown and confirmed first, and a reason follows `--reason`. Every command that changes something takes `--reason TEXT` and `--dry-run`. Commands on accounts also take `--override-protection` (role admin, always confirmed); commands on several accounts take `--from-file` and `--matching`, and many commands take `--at`, `--in` and `--for`: [many-accounts.md](many-accounts.md) explains these. If the bot moderates several homeservers, `--on NAME` says which of them a command is about: [scaling.md](scaling.md#several-homeservers).',
    rolesSection(all),
    flagsSection(all),
    ...sections,
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/u, '\n');
}

/** Which role may use which command. */
function rolesSection(commands: readonly Command[]): string {
  const rows = commands.map((command) => {
    const danger = leastDangerOf(command);
    const needed = roles.indexOf(roleFor(command, danger));
    const marks = roles.map((_, at) => (at >= needed ? '✓' : ''));
    const isMore = dangerChanges(command).length > 0;
    return [
      `[${command.name}](#${command.name})`,
      `${danger}${isMore ? ', more [with flags](#how-danger-depends-on-flags)' : ''}`,
      ...marks,
    ];
  });
  return [
    '## Who can use what',
    'By default, from the power level in the management room: viewer 0, moderator 50, admin 100. `roles.commands` gives a command to another role ([configuration.md](configuration.md)). Read changes nothing; change does no lasting harm; destructive destroys something and critical gives power over the server: both ask for confirmation.',
    table(['command', 'danger', ...roles], rows),
  ].join('\n\n');
}

/** What makes a command more dangerous. */
function flagsSection(commands: readonly Command[]): string {
  const rows = commands.flatMap((command) =>
    dangerChanges(command).map(({ written, danger, role }) => [
      command.name,
      leastDangerOf(command),
      `\`${written}\``,
      danger,
      role,
    ]),
  );
  return [
    '## How danger depends on flags',
    'Without flags, a command is as dangerous as the table above says. These flags, and the number of `stop-job`, add to it:',
    table(['command', 'without', 'with', 'is', 'needs role'], rows),
    'For every command: `--dry-run` changes nothing and asks nothing, but needs the same role. Several targets always ask for confirmation. `--override-protection` makes a command critical. `confirm` and `undo` also need the role of the command that they are about.',
  ].join('\n\n');
}

interface DangerChange {
  /** The argument as usage lines write it: `--erase`, or `ID`. */
  readonly written: string;
  readonly danger: Danger;
  readonly role: Role;
}

/** What may be left out and changes the danger of a command, each on its own. */
function dangerChanges(command: Command): DangerChange[] {
  const least = leastDangerOf(command);
  return Object.entries(command.args)
    .filter(([, { place, options }]) => place === 'flag' || options.optional === true)
    .flatMap(([key, argument]) => {
      const danger = dangerOf(command, { [key]: sampleOf(argument) });
      const written =
        argument.place === 'flag' ? `--${flagName(key)}` : placeholderOf(key, argument);
      return danger === least ? [] : [{ written, danger, role: roleFor(command, danger) }];
    });
}

/** A value that a flag may be given. */
function sampleOf({ kind, options, fallback }: Argument): unknown {
  const one =
    kind === 'boolean'
      ? fallback !== true
      : kind === 'integer' || kind === 'duration' || kind === 'date'
        ? 1
        : (options.choices?.[0] ?? 'x');
  return options.many === true ? [one] : one;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** The flags of many commands that `docs/many-accounts.md` explains. */
const explained = new Set(['fromFile', 'matching', 'at', 'in', 'for']);

function section(command: Command): string {
  const all = Object.entries(argumentsOf(command));
  const own = all.filter(([key]) => key in command.args);
  const general = all
    .filter(([key]) => !(key in command.args) && explained.has(key))
    .map(([key]) => `\`--${flagName(key)}\``);
  return [
    `### ${command.name}`,
    `${command.summary}.${command.aliases === undefined ? '' : ` Also: ${command.aliases.join(', ')}.`}`,
    `\`\`\`text\n${usage(command, '!')}\n\`\`\``,
    ...(own.length === 0 ? [] : [own.map(argumentLine).join('\n')]),
    ...(general.length === 0
      ? []
      : [`Also takes ${general.join(', ')}: see [many-accounts.md](many-accounts.md).`]),
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
    fallback === undefined ||
    typeof fallback === 'boolean' ||
    argument.description.includes('default:')
      ? ''
      : `${fallback} by default`,
  ].filter(Boolean);
  return `- \`${name}\`: ${argument.description}${details.length === 0 ? '' : ` (${details.join('; ')})`}`;
}
