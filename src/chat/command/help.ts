import type { UsageError } from '../../core/errors.ts';
import { cut, nearest } from '../../core/text.ts';
import { bold, code, facts, line } from '../answers/answer.ts';
import type { Answer, Block, Content } from '../answers/answer.ts';
import { count } from '../answers/phrases.ts';
import type { HomeserverName } from '../reading/values.ts';
import { flagName } from './arguments.ts';
import type { Argument } from './arguments.ts';
import { groups } from './declaration.ts';
import type { Command, Danger, Group, Registry, Role } from './declaration.ts';
import { topics } from './help-topics.ts';
import { takesOn } from './on-homeserver.ts';
import {
  argumentsOf,
  isVerbatim,
  leastDangerOf,
  maxDangerOf,
  placeholderOf,
  roleFor,
  subjectOf,
  takesMany,
} from './properties.ts';

/** More characters of choices than this make a usage line hard to read. */
const maxChoicesLength = 80;

/**
 * @param instead what can be given instead of the value
 * @param unless the arguments that stand for the value and are not named in `instead`
 */
function shape(
  key: string,
  argument: Argument,
  instead = '',
  unless = argument.options.unless ?? [],
): string {
  const { choices, many, optional, required } = argument.options;
  if (argument.place === 'positional') {
    const word = `${placeholderOf(key, argument)}${many === true ? '…' : ''}${instead}`;
    return optional === true || unless.length > 0 ? `[${word}]` : word;
  }
  const name = flagName(key);
  if (argument.kind === 'boolean') {
    return `[--${argument.options.default === true ? 'no-' : ''}${name}]`;
  }
  const all = choices?.join('|') ?? '';
  // The description names the choices, too.
  const value =
    all === '' || all.length > maxChoicesLength
      ? (argument.options.placeholder ?? valueName(argument))
      : all;
  const typed = argument.options.bare === true ? `[--${name}]` : `--${name}`;
  // Several users follow one flag; other flags are repeated.
  const isList = many === true && argument.kind === 'account';
  const whole = `${typed} ${value}${isList ? '…' : ''}`;
  return `${required === true ? whole : `[${whole}]`}${many === true && !isList ? '…' : ''}`;
}

function valueName({ kind }: Argument): string {
  const names: Partial<Record<Argument['kind'], string>> = {
    integer: 'N',
    duration: '24h',
    date: '7d',
    account: 'USER',
    user: 'USER',
    identity: 'USER',
    room: 'ROOM',
  };
  return names[kind] ?? 'TEXT';
}

/** Flags that help lists. Usage lines leave them out, so that they are easier to read. */
const rareFlags = new Set(['overrideProtection', 'at', 'in', 'from']);
/** Commands that can't run later may have flags of these names with another meaning: `messages --at`. */
const scheduleFlags = new Set(['at', 'in']);

/** Flags that stand for users. Usage lines name them beside the users. */
const batchFlags = new Set(['fromFile', 'matching']);

/** A longer usage line hides what an error is about. */
const maxUsageLength = 160;

/**
 * The usage line of an error. Of a long one, only the argument that the error is about, or else those without flags:
 * `!audit … [--until 7d] … (all: !help audit)`
 */
export function usageFor(
  command: Command,
  prefix: string,
  { argument: about, word = '' }: Pick<UsageError, 'argument' | 'word'>,
): string {
  const whole = usage(command, prefix);
  if (whole.length <= maxUsageLength) {
    return whole;
  }
  const declared = Object.entries(argumentsOf(command));
  const flags = declared.filter(([, { place }]) => place === 'flag');
  const typed = /^-+(?:no-)?([^=]+)/u.exec(word)?.[1];
  const name =
    about ??
    (typed &&
      nearest(
        typed,
        flags.map(([key]) => flagName(key)),
      ));
  const one = declared.find(([key]) => key === name || flagName(key) === name);
  const shown = one === undefined ? declared.filter(([, { place }]) => place !== 'flag') : [one];
  return [
    `${prefix}${command.name}`,
    ...(one?.[1].place === 'flag' ? ['…'] : []),
    ...shown.map(([key, argument]) => shape(key, argument)),
    `… (all: ${prefix}help ${command.name})`,
  ].join(' ');
}

/** `!deactivate USER…|--matching "FILTERS"|--from-file [--erase] [--reason TEXT] [--dry-run]` */
export function usage(command: Command, prefix: string): string {
  const declared = argumentsOf(command);
  const subject = subjectOf(command);
  const users =
    takesMany(command) && declared[subject ?? '']?.place === 'positional' ? subject : undefined;
  const others = (declared[users ?? '']?.options.unless ?? []).filter(
    (key) => declared[key]?.place === 'positional',
  );
  const instead = [
    ...others.map((key) => `|${placeholderOf(key, declared[key] as Argument)}…`),
    '|--matching "FILTERS"|--from-file',
  ].join('');
  const ofPlace = (place: Argument['place']) =>
    Object.entries(declared).filter(([, argument]) => argument.place === place);
  const inOrder = isVerbatim(command)
    ? [...ofPlace('flag'), ...ofPlace('positional')]
    : Object.entries(declared);
  const shapes = inOrder
    .filter(
      ([key, { options }]) =>
        !others.includes(key) &&
        (!rareFlags.has(key) ||
          options.required === true ||
          (scheduleFlags.has(key) && key in command.args)) &&
        (users === undefined || !batchFlags.has(key)),
    )
    .map(([key, argument]) =>
      shape(
        key,
        argument,
        key === users ? instead : '',
        argument.options.unless?.filter((name) => !others.includes(name)),
      ),
    );
  return [`${prefix}${command.name}`, ...shapes].join(' ');
}

const dangers: Record<Danger, string> = {
  read: 'Read-only',
  change: 'Needs no confirmation',
  destructive: 'Asks for confirmation',
  critical: 'Critical: asks for confirmation',
};

const audiences: Record<Role, string> = {
  viewer: 'Anyone in the room can use it.',
  moderator: 'Moderators and admins can use it.',
  admin: 'Only admins can use it.',
};

/** Who can use it, whether it asks for confirmation, and whether it can be undone, in sentences. */
export function conditions(command: Command, prefix: string): string {
  const [least, max] = [leastDangerOf(command), maxDangerOf(command)];
  const [role, maxRole] = [roleFor(command, least), roleFor(command, max)];
  const isHarmless = (danger: Danger) => danger === 'read' || danger === 'change';
  const asksSometimes = isHarmless(least) && !isHarmless(max);
  return [
    role !== maxRole && asksSometimes
      ? 'Who can use it, and whether it asks for confirmation, depends on its flags.'
      : [
          role === maxRole ? audiences[role] : 'Who can use it depends on its flags.',
          command.effect ??
            (asksSometimes
              ? 'Whether it asks for confirmation depends on its flags.'
              : `${dangers[max]}${command.audited === true ? ', but recorded in the audit log' : ''}.`),
        ].join(' '),
    command.reversible === false ? 'It can’t be undone.' : '',
    command.undo === undefined ? '' : `${prefix}undo reverses it.`,
    typeof command.protects === 'object'
      ? `It works on protected accounts, too: ${command.protects.nobody}.`
      : '',
  ]
    .filter(Boolean)
    .join(' ');
}

/** At most this many homeservers are named. */
const maxHomeservers = 5;

/** What help says about the flag that argument declarations don't have. */
function onFlag(homeservers: readonly HomeserverName[]): Content {
  const names = homeservers.slice(0, maxHomeservers).map(({ name }) => name);
  return [
    code('--on'),
    `: The homeserver, if no ID says it: ${names.join(', ')}${homeservers.length > maxHomeservers ? ', …' : ''} (default: ${names[0] ?? ''})`,
  ];
}

/** At most this many similar commands are named. */
const maxSimilar = 5;

/** The answer to `help COMMAND`, made from the declaration. */
export function helpFor(
  command: Command,
  prefix: string,
  similar: readonly Command[] = [],
  homeservers: readonly HomeserverName[] = [],
): Answer {
  const body: Block[] = [line('Usage: ', code(usage(command, prefix)))];
  const described: readonly Content[] = [
    ...Object.entries(argumentsOf(command)).map(([key, argument]) => [
      code(argument.place === 'flag' ? `--${flagName(key)}` : placeholderOf(key, argument)),
      `: ${argument.description}`,
    ]),
    ...(homeservers.length > 1 && takesOn(command) ? [onFlag(homeservers)] : []),
  ];
  if (described.length > 0) {
    body.push({ kind: 'list', items: described });
  }
  if (takesMany(command)) {
    body.push(line(`${prefix}help matching has examples for many accounts.`));
  }
  if (command.does !== undefined) {
    body.push(line(bold('Does: '), command.does.join('; ')));
  }
  if (command.doesNot !== undefined) {
    body.push(line(bold('Does not: '), command.doesNot.join('; ')));
  }
  body.push(
    line(
      [
        conditions(command, prefix),
        command.aliases === undefined ? '' : `Also: ${command.aliases.join(', ')}.`,
      ]
        .filter(Boolean)
        .join(' '),
    ),
    line('Example: ', code(`${prefix}${command.example}`)),
  );
  if (similar.length > 0) {
    const names = similar.slice(0, maxSimilar).map(({ name }) => code(`${prefix}${name}`));
    const [first, ...rest] = names;
    body.push(facts(['See also: ', first ?? ''], ...rest));
  }
  return {
    mark: 'ℹ️',
    title: [bold(command.name), `: ${command.summary}`],
    body,
  };
}

/** The commands of each group that `help` names. More would not fit on the screen of a phone. */
const mostUsed: Readonly<Record<Group, readonly string[]>> = {
  accounts: ['deactivate', 'redact-user', 'suspend', 'takedown', 'user', 'users'],
  devices: ['delete-device', 'devices', 'end-sessions', 'sessions'],
  media: ['delete-media', 'media', 'quarantine', 'room-media'],
  rooms: ['ban', 'delete-room', 'kick', 'mute', 'redact', 'room', 'rooms'],
  reports: ['claim', 'dismiss', 'reopen', 'report', 'reports', 'resolve'],
  notes: ['note', 'notes', 'tag', 'untag'],
  server: ['create-token', 'federation', 'server-notice', 'tokens', 'version'],
  bot: ['audit', 'history', 'jobs', 'pending', 'status', 'undo'],
};

/** The answer to `help`: a line for each group, with the number of its commands and the most used ones. */
export function helpForAll(registry: Registry, prefix: string): Answer {
  return {
    mark: 'ℹ️',
    title: [
      bold(`${registry.all.length} commands. `),
      code(`${prefix}help rooms`),
      ' lists a group, ',
      code(`${prefix}help ban`),
      ' explains a command, ',
      code(`${prefix}help WORD`),
      ' searches',
    ],
    body: groupNames.flatMap((group): Block[] => {
      const members = membersOf(registry, group);
      const shown = members.filter(({ name }) => mostUsed[group].includes(name));
      return members.length === 0
        ? []
        : [
            line(
              bold(groupWord(group)),
              ` (${members.length}): `,
              [
                ...shown.map(({ name }) => name),
                ...(shown.length < members.length ? ['…'] : []),
              ].join(' · '),
            ),
          ];
    }),
    next: topics.filter(({ isRare }) => isRare !== true).map(({ name }) => `help ${name}`),
  };
}

/** The name of a group as people type it after `help`, with a capital. */
function groupWord(group: Group): string {
  return group.charAt(0).toUpperCase() + group.slice(1);
}

/**
 * The commands that a word may be about: first those with the word in a name or synonym, then those that
 * are described with it.
 */
export function commandsAbout(registry: Registry, word: string): Command[] {
  const wanted = word.normalize('NFKC').toLowerCase();
  if (!/[\p{L}\p{N}]{2}/u.test(wanted)) {
    return [];
  }
  const startsWord = (text: string) =>
    ` ${text.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, ' ')}`.includes(` ${wanted}`);
  const isNamed = ({ name, aliases = [], synonyms = [] }: Command) =>
    [name, ...aliases, ...synonyms].some(startsWord);
  const named = registry.all.filter(isNamed);
  const described = registry.all.filter(
    (command) => !isNamed(command) && [command.summary, ...(command.does ?? [])].some(startsWord),
  );
  return [...named, ...described];
}

/** The answer to `help GROUP`: what each of its commands is for. */
export function helpForGroup(registry: Registry, group: Group, prefix: string): Answer {
  const members = membersOf(registry, group);
  // A command may be called like its group.
  const isCommand = members.some(({ name }) => name === group);
  return {
    mark: 'ℹ️',
    title: [bold(groups[group]), `: ${count(members.length, 'command')}`],
    body: [{ kind: 'list', items: members.map((command) => inOneLine(command, prefix)) }],
    next: isCommand ? [`help ${prefix}${group}`] : [],
  };
}

/** The answer to `help WORD` if no command has that name, but some may be what the person wants. */
export function helpForWord(word: string, commands: readonly Command[], prefix: string): Answer {
  const [first] = commands;
  return {
    mark: 'ℹ️',
    title: [
      'There is no command ',
      code(`${prefix}${cut(word, 40)}`),
      '. ',
      bold('What you may be looking for:'),
    ],
    body: [{ kind: 'list', items: commands.map((command) => inOneLine(command, prefix)) }],
    next: first === undefined ? [] : [`help ${first.name}`],
  };
}

/** The answer to `help --FLAG`: the commands that take it, and what it does there; undefined if none takes it. */
export function helpForFlag(registry: Registry, name: string, prefix: string): Answer | undefined {
  const byMeaning = new Map<string, string[]>();
  for (const command of registry.all) {
    const [, argument] =
      Object.entries(argumentsOf(command)).find(
        ([key, { place }]) => place === 'flag' && flagName(key) === name.toLowerCase(),
      ) ?? [];
    if (argument !== undefined) {
      const { description } = argument;
      byMeaning.set(description, [...(byMeaning.get(description) ?? []), command.name]);
    }
  }
  const commands = [...byMeaning.values()].flat();
  const [first] = commands;
  return first === undefined
    ? undefined
    : {
        mark: 'ℹ️',
        title: [code(`--${cut(name, 40)}`), ` is a flag of ${count(commands.length, 'command')}`],
        body: [
          {
            kind: 'list',
            items: [...byMeaning].map(([description, names]) => [
              `${description}: `,
              names.map((one) => `${prefix}${one}`).join(' · '),
            ]),
          },
        ],
        next: [`help ${first}`],
      };
}

function inOneLine({ name, summary }: Command, prefix: string): Content {
  return [code(`${prefix}${name}`), ` ${summary}`];
}

const groupNames = Object.keys(groups) as Group[];

/** The group of this name, if there is one. */
export function groupNamed(name: string): Group | undefined {
  return groupNames.find((group) => group === name.toLowerCase());
}

function membersOf(registry: Registry, group: Group): Command[] {
  return registry.all.filter((command) => command.group === group);
}
