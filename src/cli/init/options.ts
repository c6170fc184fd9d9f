import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { parseDocument } from 'yaml';

import { SetupError } from '../../core/errors.ts';
import { parseRoomAlias, parseRoomId, parseUserId } from '../../core/ids.ts';
import type { RoomAlias, RoomId } from '../../core/ids.ts';
import { systemCodeOf } from '../../core/system-error.ts';
import { WrongAnswerError } from './asking.ts';
import { keptAnswers } from './kept-answers.ts';
import type { Answers } from './kept-answers.ts';

export const initHelp = `Usage: lawspeaker init [options]

Sets the bot up: makes its account, its management room and its configuration, and checks them. Asks for
what is missing. You can run it again: it keeps what is there and continues where it stopped.

  --homeserver URL         where the homeserver's client API answers
  --admin-url URL          where /_synapse/admin answers, if that is elsewhere

How it makes the bot's account (one of these):
  --admin-user USER        log in as this server admin; asks for the password
  --admin-token TOKEN      use a server admin's access token
  --registration-secret-file FILE
                           use registration_shared_secret: a file that contains only the secret, or
                           Synapse's homeserver.yaml

  --bot-name NAME          the bot's user name (default: lawspeaker). If the account exists, asks for its
                           password
  --room ROOM              an existing room as management room: its ID or alias (default: a new one)
  --admin USER…            invite these people as admins, with power level 100. The server admin whose
                           account is used is invited as well
  --moderator USER…        invite these people as moderators, with power level 50
  --encrypted              encrypt the new room; see docs/encryption.md
  --config FILE            the configuration to write (default: config/lawspeaker.yaml)
  --non-interactive        never ask: fail if something is missing
  --help

Several people: separate them by commas or spaces (in quotes), or repeat the option. For a user of this
homeserver, the user name is enough.

Each option can be set by the environment: --admin-url is LAWSPEAKER_INIT_ADMIN_URL. These are secrets, and
are never printed:
  LAWSPEAKER_INIT_ADMIN_PASSWORD, LAWSPEAKER_INIT_ADMIN_TOKEN, LAWSPEAKER_INIT_REGISTRATION_SECRET,
  LAWSPEAKER_INIT_BOT_PASSWORD and LAWSPEAKER_INIT_BOT_TOKEN (of an account that exists)
Each of them can end in _FILE instead, and name a file that contains the secret.`;

/** What `lawspeaker init` was asked for. Undefined members are asked for when they are needed. */
export interface InitOptions {
  readonly help: boolean;
  readonly isInteractive: boolean;
  readonly homeserver: string | undefined;
  readonly adminUrl: string | undefined;
  readonly adminUser: string | undefined;
  readonly adminPassword: string | undefined;
  readonly adminToken: string | undefined;
  readonly registrationSecret: string | undefined;
  readonly botName: string;
  readonly botPassword: string | undefined;
  readonly botToken: string | undefined;
  readonly room: RoomId | RoomAlias | undefined;
  /** User IDs, or user names of this homeserver. */
  readonly admins: readonly string[];
  readonly moderators: readonly string[];
  readonly isEncrypted: boolean;
  readonly configFile: string;
  /** What an earlier run was told. The other members contain it, unless something else is given now. */
  readonly kept: Answers;
}

const prefix = 'LAWSPEAKER_INIT_';
const localpartPattern = /^[a-z0-9._=/+-]{1,200}$/u;

/**
 * Reads the command line of `init`. The environment gives what the command line does not.
 *
 * @throws SetupError an option is unknown or has an invalid value
 */
export function readInitOptions(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
): InitOptions {
  const values = parse(argv);
  const text = (option: string, flag: string | undefined) =>
    present(flag) ?? present(environment[environmentName(option)]);
  const people = (option: string, flags: readonly string[] | undefined) => {
    const given = flags?.join(' ') ?? environment[environmentName(option)];
    return given === undefined ? undefined : readPeople(given, `--${option}: `);
  };
  const isOn = (option: string, flag: boolean) =>
    flag || ['1', 'true', 'yes'].includes(environment[environmentName(option)] ?? '');
  const secret = (option: string) => secretIn(environment, environmentName(option));

  const room = text('room', values.room);
  const adminUser = text('admin-user', values['admin-user']);
  const configFile = text('config', values.config) ?? 'config/lawspeaker.yaml';
  const kept = keptAnswers(configFile);
  const registrationFile = present(values['registration-secret-file']);
  const adminToken = present(values['admin-token']) ?? secret('admin-token');
  const registrationSecret =
    registrationFile === undefined
      ? secret('registration-secret')
      : registrationSecretIn(registrationFile, '--registration-secret-file');
  return {
    help: values.help,
    isInteractive: !isOn('non-interactive', values['non-interactive']),
    ...addressesIn(
      {
        homeserver: text('homeserver', values.homeserver),
        adminUrl: text('admin-url', values['admin-url']),
      },
      kept,
    ),
    // Another way that is given now comes first.
    adminUser:
      (adminUser === undefined ? undefined : readUserName(adminUser, '--admin-user: ')) ??
      (adminToken === undefined && registrationSecret === undefined ? kept.adminUser : undefined),
    adminPassword: secret('admin-password'),
    adminToken,
    registrationSecret,
    botName: readBotName(text('bot-name', values['bot-name']) ?? kept.botName ?? 'lawspeaker'),
    botPassword: secret('bot-password'),
    botToken: secret('bot-token'),
    room: room === undefined ? kept.room : readRoom(room),
    admins: people('admin', values.admin) ?? kept.admins ?? [],
    moderators: people('moderator', values.moderator) ?? kept.moderators ?? [],
    isEncrypted: isOn('encrypted', values.encrypted) || kept.isEncrypted === true,
    configFile,
    kept,
  };
}

/** `admin-url` is LAWSPEAKER_INIT_ADMIN_URL. */
function environmentName(option: string): string {
  return prefix + option.replaceAll('-', '_').toUpperCase();
}

/** The environment without what is for `init` alone. */
export function withoutInit(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !name.startsWith(prefix)),
  );
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        homeserver: { type: 'string' },
        'admin-url': { type: 'string' },
        'admin-user': { type: 'string' },
        'admin-token': { type: 'string' },
        'registration-secret-file': { type: 'string' },
        'bot-name': { type: 'string' },
        room: { type: 'string' },
        admin: { type: 'string', multiple: true },
        moderator: { type: 'string', multiple: true },
        encrypted: { type: 'boolean', default: false },
        config: { type: 'string', short: 'c' },
        'non-interactive': { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    const reason =
      error instanceof Error ? (error.message.split(/\.?(?:\n| To specify)/u)[0] ?? '') : '';
    throw new SetupError(`${reason}.`, 'lawspeaker init --help lists the options.');
  }
}

/** Text that is not empty: an empty value is a missing one. */
function present(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}

function secretIn(environment: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = present(environment[name]);
  const file = present(environment[`${name}_FILE`]);
  if (value !== undefined && file !== undefined) {
    throw new SetupError(`${name} and ${name}_FILE are both set.`, 'Unset one of the two.');
  }
  if (file === undefined) {
    return value;
  }
  return name === environmentName('registration-secret')
    ? registrationSecretIn(file, `${name}_FILE`)
    : readSecretFile(file, `${name}_FILE`);
}

function readSecretFile(file: string, source: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    const code = systemCodeOf(error);
    throw new SetupError(`Can’t read ${file} (${code}), which ${source} names.`);
  }
  if (text === '') {
    throw new SetupError(`${file}, which ${source} names, is empty.`);
  }
  return text;
}

/** The secret in a file of its own, or in Synapse's configuration. */
function registrationSecretIn(file: string, source: string): string {
  const text = readSecretFile(file, source);
  if (!text.includes('\n') && !text.startsWith('registration_shared_secret')) {
    return text;
  }
  const secret: unknown = parseDocument(text, { logLevel: 'silent' }).get(
    'registration_shared_secret',
  );
  if (typeof secret !== 'string' || secret === '') {
    throw new SetupError(
      `${file}, which ${source} names, contains no registration_shared_secret.`,
      'Name a file that contains only the secret, or the file of Synapse’s configuration where it is set.',
    );
  }
  return secret;
}

/**
 * The user name, or user ID, of somebody who logs in.
 *
 * @param source what to begin the message with
 * @throws WrongAnswerError it can't be one; the message doesn't repeat it, because it may be a password
 */
export function readUserName(text: string, source = ''): string {
  if (/\s|:\/\//u.test(text)) {
    throw new WrongAnswerError(
      `${source}A user name contains no blanks and no ://`,
      'Give a user name or a user ID, such as ana or @ana:example.com.',
    );
  }
  return text;
}

/** @returns the localpart; an ID is cut to it, but a URL is refused */
function readBotName(text: string): string {
  const name = text.replace(/^@/u, '').replace(/:(?!\/\/).*$/u, '');
  if (!localpartPattern.test(name)) {
    throw new SetupError(
      `--bot-name: ${JSON.stringify(text)} is not a user name.`,
      'User names consist of lower-case letters, digits, and the characters . _ = / + -',
    );
  }
  return name;
}

function readRoom(text: string): RoomId | RoomAlias {
  const room = parseRoomId(text) ?? parseRoomAlias(text);
  if (room === undefined) {
    throw new SetupError(
      `--room: ${JSON.stringify(text)} is neither a room ID (!…) nor an alias (#name:server).`,
      'In Element, a room’s ID is in its settings, under Advanced. In a shell, put it in single quotes.',
    );
  }
  return room;
}

/**
 * Reads user IDs, or user names of this homeserver, with commas or spaces between them.
 *
 * @param source what to begin the message with
 * @throws WrongAnswerError one of them is neither
 */
export function readPeople(text: string, source = ''): string[] {
  const people = text
    .split(/[\s,;]+/u)
    .filter(Boolean)
    .map((person) => (person.includes(':') ? person : person.replace(/^@/u, '')));
  const wrong = people.find(
    (person) => parseUserId(person) === undefined && !localpartPattern.test(person),
  );
  if (wrong !== undefined) {
    throw new WrongAnswerError(
      `${source}${JSON.stringify(wrong)} is not a user ID, such as @ana:example.com.`,
    );
  }
  return people;
}

/** A kept address of the admin API belongs to the homeserver that it was kept with. */
function addressesIn(
  given: Pick<InitOptions, 'homeserver' | 'adminUrl'>,
  kept: Answers,
): Pick<InitOptions, 'homeserver' | 'adminUrl'> {
  return given.homeserver === undefined
    ? { homeserver: kept.homeserver, adminUrl: given.adminUrl ?? kept.adminUrl }
    : given;
}
