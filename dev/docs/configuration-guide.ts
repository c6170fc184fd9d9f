import { readFile } from 'node:fs/promises';

import type { z } from 'zod';

import { definitionOf, environmentName, scalarKeys, secretKeys } from '../../src/config/load.ts';
import { configSections } from '../../src/config/schema.ts';

/** When to change a key, or several that belong together. Every key of the schema is here once. */
const whenToChange: readonly (readonly [keys: readonly string[], advice: string])[] = [
  [['homeserver.url'], 'Always set it.'],
  [
    ['homeserver.adminUrl'],
    'Set it if `lawspeaker check-config` says that something other than Synapse answers, or that the admin API is missing. Name the address where Synapse itself listens.',
  ],
  [
    ['homeserver.accessToken'],
    'Always set it; `lawspeaker init` does. Change it when you [rotate the token](running.md#rotate-the-token).',
  ],
  [
    ['homeserver.requestTimeout'],
    'Increase it if your homeserver or proxy can take longer than 30 seconds to finish a change ([why](reliability.md#the-homeserver)).',
  ],
  [
    ['mas.url', 'mas.clientId', 'mas.clientSecret', 'mas.accessToken'],
    'Set it if `lawspeaker check-config` says that the homeserver delegates accounts: [mas.md](mas.md) shows how.',
  ],
  [
    ['homeservers'],
    'Set it instead of `homeserver` and `mas` if the people in the room moderate several homeservers: [scaling.md](scaling.md#several-homeservers).',
  ],
  [
    ['managementRoom'],
    'Always set it. Change it when the room is upgraded: the bot names the new one.',
  ],
  [['commands.prefix'], 'Change it if another bot in the room reacts to the same character.'],
  [
    ['commands.maxAge'],
    'Increase it if commands that were sent during an outage should still be carried out; decrease it if moderators would rather send them again.',
  ],
  [
    ['commands.announce'],
    'Set it to `true` if people in the room use gomuks or another client that completes the commands of bots. Read [Completion in clients](commands-in-clients.md) first.',
  ],
  [['confirmation.expiresAfter'], 'Increase it if a second person needs time to read and confirm.'],
  [
    ['confirmation.destructive', 'confirmation.critical'],
    'Set `other` if no moderator should be able to do this alone. Then you need at least two people with the role.',
  ],
  [
    ['bulk.parallelism'],
    'How many accounts of one operation are dealt with at the same time. Decrease it if a large operation slows your homeserver down. The bot itself does fewer at a time while the homeserver is slow.',
  ],
  [
    [
      'roles.viewer.powerLevel',
      'roles.viewer.users',
      'roles.moderator.powerLevel',
      'roles.moderator.users',
      'roles.admin.powerLevel',
      'roles.admin.users',
    ],
    'Change `powerLevel` if your room uses other levels. List users to give them a role that their power level doesn’t.',
  ],
  [['roles.commands'], 'Add a command to give it to more people, or to fewer.'],
  [['protected.users'], 'Add bridges, other bots and staff accounts.'],
  [['secrets.keepFor'], 'Decrease it if people read their direct rooms at once.'],
  [
    ['encryption.enabled'],
    'Set it to `true` if the management room is encrypted. Read [encryption.md](encryption.md) first.',
  ],
  [['encryption.path'], 'Change it if the keys should be on another disk.'],
  [
    ['database.path'],
    'Change it if the database should be on another disk. Use a local disk, never NFS.',
  ],
  [
    ['database.url'],
    'Set it if you run a PostgreSQL anyway and want the database there: [running.md](running.md#postgresql). Leave out `database.path` then. SQLite is faster for one bot, and there is less to look after.',
  ],
  [
    ['audit.witness'],
    'Set it to a room where another homeserver’s administrators are, or to a file that the bot’s machine can only add to: [audit.md](audit.md#witnesses). Write the whole path of a file: a relative one starts at the folder in which you start the bot. The bot creates the file with its first head, but not the folder. Heads in a place that you stop using are still compared as long as the bot can read them.',
  ],
  [
    ['audit.anchorEvery.entries', 'audit.anchorEvery.time'],
    'Decrease them if fewer rows may be cut off unseen. People see a head in the management room once a day, however often the bot writes one.',
  ],
  [
    ['audit.keepContentFor'],
    'Set it if the law or your policy limits how long you may keep personal data: [privacy.md](privacy.md#after-a-time).',
  ],
  [['http.listen'], 'Set it to use [monitoring](monitoring.md) or `lawspeaker healthcheck`.'],
  [
    ['web.enabled'],
    'Set it to `true` if people would rather look at a page than read answers in the room: [web.md](web.md).',
  ],
  [
    ['web.publicUrl'],
    'Set it if you put a proxy in front of the page. You must if `http.listen` is not an address that only this machine can reach.',
  ],
  [['reports.enabled'], 'Set it to `false` if another tool handles reports.'],
  [['reports.pollInterval'], 'Increase it to spare a slow homeserver.'],
  [
    ['reports.rules'],
    'Add rules when you know what moderators decide by hand: [reports.md](reports.md).',
  ],
  [
    ['reports.maxActionsPerHour'],
    'Increase it if the room says that rules have reached the limit, and what they did was right.',
  ],
  [['reports.remindAfter'], 'Match it to how soon you want somebody to look.'],
  [['reports.onCall'], 'List the people who should be notified.'],
  [
    ['reports.actions'],
    'Add what you often type in reply to a card, and remove what nobody should reach with one tap: [reports.md](reports.md#actions-on-cards).',
  ],
  [['reports.maxCardsPerMinute'], 'Decrease it if a flood of reports makes the room hard to read.'],
  [['reports.proposalExpiresAfter'], 'Increase it if nobody is in the room at night.'],
  [
    ['reports.keepContentFor'],
    'Set it if reported texts must be deleted after a time: [privacy.md](privacy.md#after-a-time).',
  ],
  [['log.level'], 'Set `debug` to look for a fault, and `warn` for a quiet log.'],
  [['log.format'], 'Set `pretty` to read the log in a terminal.'],
];

/** The text of `docs/configuration.md`, made from the schema and the comments of `config/example.yaml`. */
export async function configurationGuide(): Promise<string> {
  const example = await readFile(new URL('../../config/example.yaml', import.meta.url), 'utf8');
  const comments = commentsIn(example);
  const keys = keysIn(configSections, []);
  const explained = whenToChange.flatMap(([group]) => group);
  if (explained.join() !== keys.map(({ key }) => key).join()) {
    throw new Error(
      `whenToChange must name these keys in this order: ${keys.map(({ key }) => key).join(', ')}`,
    );
  }
  const settable = new Set(scalarKeys().map(({ key }) => key));
  const schemas = new Map(keys.map(({ key, schema }) => [key, schema]));
  const row = (key: string) =>
    `- \`${key}\`: ${described(schemas.get(key), key)}. ${settable.has(key) ? variables(key) : 'Only in the file.'}`;
  const sections = Object.keys(configSections.shape).map((section) => [
    `## ${section}`,
    ...whenToChange
      .filter(([[first = '']]) => first.split('.')[0] === section)
      .flatMap(([group, advice]) => [
        ...(group[0] === section ? [] : [`### ${headingOf(group)}`]),
        comments(group[0] ?? ''),
        group.map(row).join('\n'),
        `**When to change it:** ${advice}`,
      ]),
  ]);
  return [
    '# Configuration',
    '`npm run docs` generates this page from the schema in `src/config/schema.ts` and the comments of `config/example.yaml`, and a test keeps it current.',
    'The bot reads one YAML file: `config/lawspeaker.yaml`, or the one that `--config FILE` names. `lawspeaker init` writes it; [config/example.yaml](../config/example.yaml) shows every key with its default. The environment has precedence over the file. The bot reads both when it starts: restart it after a change, and run `lawspeaker check-config` before. An unknown key or a wrong value stops the start; [troubleshooting.md](troubleshooting.md) explains the messages.',
    'Durations are a number and a unit: `30s`, `5m`, `1h`, `7d`, `2w`. Values that start with `!`, `#`, `@` or `*` need quotes.',
    ...sections.flat(),
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/u, '\n');
}

/** `homeserver.url`; of several keys, what they have in common: `roles.*.powerLevel`. */
function headingOf(keys: readonly string[]): string {
  return keys.length > 2 ? `${keys[0]?.split('.')[0] ?? ''}.*` : keys.join(', ');
}

function variables(key: string): string {
  const name = environmentName(key);
  return `Environment: \`${name}\`${secretKeys.has(key) ? `, or \`${name}_FILE\` for the path of a file that contains it` : ''}.`;
}

function keysIn(
  schema: z.ZodType,
  path: readonly string[],
): { readonly key: string; readonly schema: z.ZodType }[] {
  let inner = schema;
  for (;;) {
    const { shape, innerType } = definitionOf(inner);
    if (shape !== undefined) {
      return Object.entries(shape).flatMap(([name, member]) => keysIn(member, [...path, name]));
    }
    if (innerType === undefined) {
      return [{ key: path.join('.'), schema }];
    }
    inner = innerType;
  }
}

/** The type and the default of a key. */
function described(schema: z.ZodType | undefined, key: string): string {
  if (schema === undefined) {
    throw new Error(`the schema has no key ${key}`);
  }
  const { type, defaultValue } = definitionOf(schema);
  const fallback =
    type === 'optional'
      ? key === 'homeserver.adminUrl'
        ? 'default: the same as `homeserver.url`'
        : 'not set by default'
      : defaultValue === undefined
        ? 'required'
        : `default: \`${typeof defaultValue === 'string' ? defaultValue : JSON.stringify(defaultValue)}\``;
  return `${typeOf(schema)}; ${fallback}`;
}

function typeOf(schema: z.ZodType): string {
  if (schema.description !== undefined) {
    return schema.description;
  }
  const { type, innerType, in: inner, element, valueType, entries } = definitionOf(schema);
  const next = innerType ?? inner;
  if (next !== undefined) {
    return typeOf(next);
  }
  if (entries !== undefined) {
    return `one of ${Object.values(entries)
      .map((value) => `\`${value}\``)
      .join(', ')}`;
  }
  if (element !== undefined) {
    return `list of ${typeOf(element)}s`;
  }
  if (valueType !== undefined) {
    return `for each command, ${typeOf(valueType)}`;
  }
  return type === 'boolean' ? '`true` or `false`' : type === 'number' ? 'whole number' : 'text';
}

/** The example has these only in comments. */
const commentedOut: ReadonlySet<string> = new Set([
  'homeserver.adminUrl',
  'mas',
  'homeservers',
  'database.url',
  'audit.witness',
  'audit.keepContentFor',
  'reports.keepContentFor',
  'web.publicUrl',
]);

/** The comment of the example about each key. A key without one has that of the key before or above it. */
function commentsIn(example: string): (key: string) => string {
  const comments = new Map<string, string>();
  const path: string[] = [];
  /** The last comment at each depth. */
  const last: string[] = [];
  let lines: string[] = [];
  for (const text of example.split('\n')) {
    const {
      indent = '',
      hash,
      name,
      rest,
    } = /^(?<indent> *)(?<hash># )?(?:(?<name>\w+):(?= |$))?(?<rest>.*)$/u.exec(text)?.groups ?? {};
    const depth = indent.length / 2;
    const key = [...path.slice(0, depth), name].join('.');
    if (name !== undefined && (hash === undefined || commentedOut.has(key))) {
      path.splice(depth, path.length, name);
      last.splice(depth, last.length, lines.join(' ') || (last[depth] ?? last[depth - 1] ?? ''));
      comments.set(key, last[depth] ?? '');
      lines = [];
    } else if (hash !== undefined && rest?.startsWith(' ') !== true) {
      // Comments with more blanks are examples of values.
      lines.push(`${name === undefined ? '' : `${name}:`}${rest ?? ''}`);
    } else if (text === '') {
      lines = [];
    }
  }
  return (key) => {
    const [section = ''] = key.split('.');
    const comment = comments.get(key) ?? comments.get(section) ?? '';
    if (comment === '') {
      throw new Error(`config/example.yaml does not explain ${key}`);
    }
    return comment;
  };
}
