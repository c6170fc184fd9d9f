import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { environmentName, loadConfig, scalarKeys } from '../../src/config/load.ts';
import { durationMs } from '../../src/core/duration.ts';
import { SetupError } from '../../src/core/errors.ts';

const exampleFile = new URL('../../config/example.yaml', import.meta.url);
const example = readFileSync(exampleFile, 'utf8');

const minimal = `
homeserver:
  url: https://matrix.example.com/
  accessToken: syt_secret
managementRoom: '!room:example.com'
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function written(text: string): string {
  const file = path.join(folder, 'lawspeaker.yaml');
  writeFileSync(file, text);
  return file;
}

const load = (text: string, environment: NodeJS.ProcessEnv = {}) =>
  loadConfig(written(text), environment);

const faultOf = (text: string, environment?: NodeJS.ProcessEnv) =>
  faultIn(written(text), environment);

function faultIn(file: string, environment: NodeJS.ProcessEnv = {}): SetupError {
  try {
    loadConfig(file, environment);
  } catch (error) {
    if (error instanceof SetupError) {
      return error;
    }
    throw error;
  }
  throw new Error('was loaded');
}

/** Runs as a user whom permissions apply to: root can read everything. */
function asOrdinaryUser<Result>(user: number, work: () => Result): Result {
  const own = process.geteuid?.() ?? user;
  process.seteuid?.(user);
  try {
    return work();
  } finally {
    process.seteuid?.(own);
  }
}

/** The value at a path such as `roles.viewer.powerLevel`. */
const at = (value: unknown, key: string): unknown =>
  key
    .split('.')
    .reduce<unknown>(
      (inner, name) => (inner as Record<string, unknown> | undefined)?.[name],
      value,
    );

describe('the example', () => {
  test('is loaded once its placeholders are filled in, with the defaults alone', () => {
    const config = loadConfig(exampleFile.pathname, {
      LAWSPEAKER_HOMESERVER_ACCESS_TOKEN: 'syt_secret',
    });
    const defaults = load(minimal);
    expect({ ...config, homeserver: undefined, managementRoom: undefined }).toEqual({
      ...defaults,
      homeserver: undefined,
      managementRoom: undefined,
    });
  });

  const required = new Set(['homeserver.url', 'homeserver.accessToken', 'managementRoom']);
  const withDefault = scalarKeys().filter(({ key }) => !required.has(key));

  test.each(withDefault.map(({ key }) => key))('documents %s with its default', (key) => {
    const shown = at(parse(example), key);
    expect(shown).toEqual(at(load(minimal), key));
    // Where there is no default, in a comment.
    const name = key.split('.').at(-1) ?? '';
    const pattern = new RegExp(`^ *${shown === undefined ? '# *' : ''}${name}: \\S`, 'mu');
    expect(example).toMatch(pattern);
  });

  test.each([...required])('documents %s', (key) => {
    expect(at(parse(example), key)).toBeTypeOf('string');
  });

  test('has a comment above every key', () => {
    const lines = example.split('\n');
    const bare = lines.filter(
      (line, number) =>
        /^ {2}\w+: \S/u.test(line) &&
        !/^ *#/u.test(lines[number - 1] ?? '') &&
        // Two of a kind share theirs.
        !/^ {2}\w+: \S/u.test(lines[number - 1] ?? ''),
    );
    expect(bare.filter((line) => !/powerLevel|users: \[\]|path:/u.test(line))).toEqual([]);
  });
});

test('defaults', () => {
  const config = load(minimal);
  expect(config).toMatchObject({
    homeserver: { url: 'https://matrix.example.com' },
    commands: { prefix: '!', maxAge: '5m', announce: false },
    confirmation: { expiresAfter: '10m', destructive: 'requester', critical: 'requester' },
    roles: {
      viewer: { powerLevel: 0, users: [] },
      moderator: { powerLevel: 50 },
      admin: { powerLevel: 100 },
      commands: {},
    },
    protected: { users: [] },
    database: { path: 'data/lawspeaker.db' },
    audit: { anchorEvery: { entries: 100, time: '15m' } },
    reports: {
      pollInterval: '5s',
      rules: [],
      maxActionsPerHour: 10,
      remindAfter: '4h',
      onCall: [],
      maxCardsPerMinute: 6,
      proposalExpiresAfter: '12h',
    },
    log: { level: 'info', format: 'json' },
  });
  expect(durationMs(config.commands.maxAge)).toBe(300_000);
});

test('nobody can change what was loaded', () => {
  const config = load(`${minimal}roles:\n  admin:\n    users: ['@ana:x']\n`);
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' ||
    value === null ||
    (Object.isFrozen(value) && Object.values(value).every(frozen));
  expect(frozen(config)).toBe(true);
  expect(() => Object.assign(config.roles.admin, { powerLevel: 0 })).toThrow(TypeError);
});

describe('faults', () => {
  test.each([
    ['commnds:\n  prefix: "?"', '  commnds: unknown key (did you mean commands?)'],
    ['commands:\n  prefx: "?"', '  commands.prefx: unknown key (did you mean prefix?)'],
    ['commands: yes', '  commands: must have keys below it, not a single value'],
    ['commands:\n  prefix: 5', '  commands.prefix: must be 1 to 3 punctuation characters'],
    ['commands:\n  prefix: law', '  commands.prefix: must be 1 to 3 punctuation characters'],
    ['commands:\n  prefix: ""', '  commands.prefix: is empty'],
    [
      'commands:\n  prefix: #',
      '  commands.prefix: is empty (values that start with ! # @ or * need quotes)',
    ],
    ['commands:\n  maxAge: 5', '  commands.maxAge: must be a duration such as 30s'],
    [
      'audit:\n  keepContentFor: 365',
      '  audit.keepContentFor: must be a duration such as 30s, 5m, 1h or 7d (365 has no unit: for days, write 365d)',
    ],
    ['commands:\n  maxAge: 5 minutes', '  commands.maxAge: must be a duration such as 30s'],
    [
      'confirmation:\n  critical: two',
      '  confirmation.critical: must be none, requester or other (line 7)',
    ],
    [
      'confirmation:\n  critical: others',
      '  confirmation.critical: must be none, requester or other (did you mean other?) (line 7)',
    ],
    [
      'roles:\n  admin:\n    powerLevel: high',
      '  roles.admin.powerLevel: must be a number (line 8)',
    ],
    [
      'roles:\n  admin:\n    powerLevel: "99"',
      '  roles.admin.powerLevel: must be a number: leave the quotes out',
    ],
    ['roles:\n  admin:\n    powerLevel: 99.5', '  roles.admin.powerLevel: must be a whole number'],
    [
      'roles:\n  admin:\n    users: "@ana:x"',
      '  roles.admin.users: must be a list, such as [a, b], not a single value',
    ],
    ['reports:\n  enabled: yes', '  reports.enabled: must be true or false (line 7)'],
    [
      'reports:\n  enabled: "true"',
      '  reports.enabled: must be true or false: leave the quotes out',
    ],
    ['audit:\n  witness: "#heads"', '  audit.witness: must be a room ID (!…), an alias'],
    ['audit:\n  anchorEvery:\n    time: 30s', '  audit.anchorEvery.time: must be at least 1m'],
    ['audit:\n  anchorEvery:\n    time: 2d', '  audit.anchorEvery.time: must be at most 1d'],
    ['audit:\n  anchorEvery:\n    entries: 0', '  audit.anchorEvery.entries: must be at least 1'],
    ['reports: [1]', '  reports: must have keys below it, not a list'],
    ['database:\n  path: [x]', '  database.path: must be text, not a list'],
    [
      'adminUrl: "http://x"',
      '  adminUrl: unknown key (did you mean homeserver.adminUrl? Check the indentation)',
    ],
    ['access_token: x', '  access_token: unknown key (line 6)'],
    [
      'roles:\n  admin:\n    users: ["@ana:x", ana]',
      '  roles.admin.users.1: "ana" is not a user ID',
    ],
    [
      'roles:\n  commands:\n    whois: god',
      '  roles.commands.whois: must be viewer, moderator or admin',
    ],
    ['protected:\n  users: [5]', '  protected.users.0: must be text: put it in quotes'],
    ['log:\n  level: loud', '  log.level: must be trace, debug, info, warn, error or silent'],
    ['database:\n  path: ""', '  database.path: is empty'],
    [
      'http:\n  listen: 9090',
      '  http.listen: must be off, or host:port such as 127.0.0.1:9090 or "[::1]:9090" (line 7)',
    ],
    [
      'web:\n  enabled: true',
      '  web.enabled: needs http.listen, the address that serves the page (line 7)',
    ],
    [
      'http:\n  listen: 0.0.0.0:9090\nweb:\n  enabled: true',
      '  web.publicUrl: is missing: others can reach http.listen, so the page must know the address that people open (or set LAWSPEAKER_WEB_PUBLIC_URL)',
    ],
    [
      'web:\n  publicUrl: http://mod.example.com',
      '  web.publicUrl: must be https: others on the network could read the page and its cookie',
    ],
    [
      'web:\n  publicUrl: https://example.com/mod',
      '  web.publicUrl: must be only a scheme, a host and maybe a port',
    ],
    ['web:\n  publicUrl: mod.example.com', '  web.publicUrl: must be an http(s) URL'],
    ['__proto__:\n  admin: true', '__proto__: unknown key'],
  ])('%j', (more, line) => {
    const { message, advice } = faultOf(`${minimal}${more}\n`);
    expect(message).toContain(line);
    expect(message.split('\n')).toHaveLength(2);
    expect(message.split('\n')[0]).toContain('lawspeaker.yaml');
    expect(advice).toContain('config/example.yaml');
  });

  test.each([
    'http:\n  listen: "[::1]:9090"\nweb:\n  enabled: true',
    'http:\n  listen: 127.0.0.1:9090\nweb:\n  enabled: true\n  publicUrl: https://mod.example.com/',
    'http:\n  listen: 0.0.0.0:9090\nweb:\n  enabled: true\n  publicUrl: http://localhost:9090',
  ])('none in %j', (more) => {
    expect(load(`${minimal}${more}\n`).web.enabled).toBe(true);
  });

  test('one line each', () => {
    const { message } = faultOf('homeserver:\n  url: nowhere\nx: 1\ny: 2\nlog:\n  level: loud\n');
    expect(message.split('\n').slice(1).sort()).toEqual([
      '  homeserver.accessToken: is missing (or set LAWSPEAKER_HOMESERVER_ACCESS_TOKEN) (line 1)',
      '  homeserver.url: must be an http(s) URL (line 2)',
      expect.stringMatching(/^ {2}log\.level: .* \(line 6\)$/u),
      '  managementRoom: is missing (or set LAWSPEAKER_MANAGEMENT_ROOM)',
      '  x: unknown key (line 3)',
      '  y: unknown key (line 4)',
    ]);
  });

  test('what is missing says how to set it, where it can be set', () => {
    expect(faultOf('managementRoom: "!r:x"\n').message).toMatch(/homeserver: is missing$/u);
    expect(faultOf('').message).toContain('managementRoom: is missing (or set');
  });

  test('a room without quotes, which YAML reads as something else', () => {
    const server = 'homeserver: {url: "https://x", accessToken: t}\n';
    for (const room of ['#room:example.com', '']) {
      expect(faultOf(`${server}managementRoom: ${room}\n`).message).toContain(
        'managementRoom: is empty (values that start with ! # @ or * need quotes)',
      );
    }
    expect(faultOf(`${server}managementRoom: '@room:example.com'\n`).message).toContain(
      'managementRoom: must be a room ID',
    );
  });

  test.each([
    ['managementRoom: !room:example.com', 'line 1, column 17: a value that starts with !.'],
    ['a:\n  - *-bot:example.com', 'line 2, column 5: a value that starts with *.'],
    ['a:\n  - @bot:example.com', 'line 2, column 5: a value that starts with @.'],
    ['a:\n\tb: 1', 'line 2, column 1: a tab at the start of the line.'],
    ['a: 1\nb: "open\nc: 2\n', 'line 2, column 4: a quote that is not closed.'],
    ['a: 1\na: 2', 'line 2, column 1: a key that is there twice.'],
    ['a: b: c', 'line 1, column 4: a value with a colon and a space in it, or with keys below it.'],
    ['a:\n  b: 1\n c: 2\n', 'line 3, column 1: wrong indentation.'],
    ['a: 1\n---\nb: 2', 'line 2, column 1: a second document.'],
    ['a: "C:\\data"', String.raw`line 1, column 7: a \ in double quotes.`],
    ["a: 'it's'", 'line 1, column 8: Unexpected scalar at node end.'],
    ['{', 'line 1, column 2: Flow map must end with a }.'],
  ])('in YAML are shown with their place: %j', (text, mistake) => {
    const { message, advice } = faultOf(text);
    expect(message).toMatch(/^\/.*lawspeaker\.yaml is not valid YAML: /u);
    expect(message).toContain(`YAML: ${mistake}`);
    expect(advice).toMatch(/\.$/u);
  });

  test.each([
    'a: *unknown',
    '\t- x',
    `a: &a [x,x]\nb: &b [${'*a,'.repeat(50)}*a]\nc: &c [${'*b,'.repeat(50)}*b]\nd: [${'*c,'.repeat(50)}*c]`,
  ])('that is no YAML: %j', (text) => {
    const { message } = faultOf(text);
    expect(message).toMatch(/^.*lawspeaker\.yaml is not valid YAML: .+$/u);
    expect(message).not.toContain('\n');
  });

  test.each(['- a\n- b\n', 'just text\n', '5\n'])('that has no keys: %j', (text) => {
    expect(faultOf(text).message).toContain('must consist of keys and values');
  });

  test('a file that is not there, or can’t be read', () => {
    const missing = path.join(folder, 'missing.yaml');
    expect(() => loadConfig(missing, {})).toThrow(SetupError);
    expect(() => loadConfig(missing, {})).toThrow(
      `Can’t read the configuration ${missing}: it does not exist.`,
    );
    expect(faultIn(missing).advice).toMatch(/^Run lawspeaker init/u);
    expect(() => loadConfig(folder, {})).toThrow(
      `Can’t read the configuration ${folder}: it is a folder.`,
    );
    expect(faultIn(folder).advice).toMatch(/^Name the file with --config/u);
  });

  test('a file that is elsewhere is named, and never replaced', () => {
    const other = written(minimal);
    const advice = `There is one at ${other}. To use it: --config ${other}`;
    expect(faultIn(path.join(folder, 'lawspeaker.yml')).advice).toBe(advice);
    expect(faultIn(path.join(folder, 'bot.yaml')).advice).toBe(advice);
    expect(faultIn(folder).advice).toBe(advice);
  });

  test('a file of another user', () => {
    const file = written(minimal);
    chmodSync(folder, 0o755);
    chmodSync(file, 0o000);
    const isRoot = process.geteuid?.() === 0;
    const user = isRoot ? 65_534 : (process.geteuid?.() ?? 0);
    const read = () => asOrdinaryUser(user, () => faultIn(file));
    expect(read()).toMatchObject({
      message: `Can’t read the configuration ${file}: permission denied.`,
      advice: isRoot
        ? `The bot runs as user ${user}. Run: chown ${user} ${file} && chmod 600 ${file}`
        : `Run: chmod 600 ${file}`,
    });
    chmodSync(folder, 0o000);
    expect(read().advice).toContain(`which can’t enter the folder ${folder}.`);
    chmodSync(folder, 0o700);
  });

  test('no fault shows a secret', () => {
    const { message, advice = '' } = faultOf(
      'homeserver:\n  url: 5\n  accessToken: [syt_secret]\nmanagementRoom: "!r:x"\n',
    );
    expect(message + advice).not.toContain('syt_secret');
  });
});

describe('the environment', () => {
  test('has a name for each key', () => {
    expect(environmentName('homeserver.accessToken')).toBe('LAWSPEAKER_HOMESERVER_ACCESS_TOKEN');
    expect(environmentName('managementRoom')).toBe('LAWSPEAKER_MANAGEMENT_ROOM');
    const names = scalarKeys().map(({ key }) => environmentName(key));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining([
        'LAWSPEAKER_HOMESERVER_URL',
        'LAWSPEAKER_HOMESERVER_ADMIN_URL',
        'LAWSPEAKER_COMMANDS_MAX_AGE',
        'LAWSPEAKER_CONFIRMATION_EXPIRES_AFTER',
        'LAWSPEAKER_ROLES_MODERATOR_POWER_LEVEL',
        'LAWSPEAKER_DATABASE_PATH',
        'LAWSPEAKER_LOG_LEVEL',
      ]),
    );
    expect(names.every((name) => /^LAWSPEAKER_[A-Z_]+$/u.test(name))).toBe(true);
  });

  test('overrides the file', () => {
    const config = load(minimal, {
      LAWSPEAKER_HOMESERVER_ACCESS_TOKEN: 'other',
      LAWSPEAKER_MANAGEMENT_ROOM: '#room:example.com',
      LAWSPEAKER_COMMANDS_PREFIX: '?',
      LAWSPEAKER_ROLES_MODERATOR_POWER_LEVEL: '60',
      LAWSPEAKER_LOG_LEVEL: 'debug',
      PATH: '/bin',
    });
    expect(config).toMatchObject({
      homeserver: { accessToken: 'other' },
      managementRoom: '#room:example.com',
      commands: { prefix: '?', maxAge: '5m', announce: false },
      roles: { moderator: { powerLevel: 60 } },
      log: { level: 'debug' },
    });
  });

  test('with an empty value gets no advice about the file', () => {
    const { message } = faultOf(minimal, { LAWSPEAKER_MANAGEMENT_ROOM: '' });
    expect(message.split('\n').slice(1)).toEqual([
      '  managementRoom: is empty (LAWSPEAKER_MANAGEMENT_ROOM)',
    ]);
  });

  test('suffices alone', () => {
    const config = load('', {
      LAWSPEAKER_HOMESERVER_URL: 'http://127.0.0.1:8008',
      LAWSPEAKER_HOMESERVER_ACCESS_TOKEN: '12345',
      LAWSPEAKER_MANAGEMENT_ROOM: '!room:x',
    });
    expect(config.homeserver).toEqual({
      url: 'http://127.0.0.1:8008',
      accessToken: '12345',
      requestTimeout: '30s',
    });
  });

  test('is checked as the file is', () => {
    expect(faultOf(minimal, { LAWSPEAKER_ROLES_ADMIN_POWER_LEVEL: 'high' }).message).toContain(
      '  roles.admin.powerLevel: ',
    );
    expect(faultOf(minimal, { LAWSPEAKER_COMMANDS_MAX_AGE: '5' }).message).toContain(
      '  commands.maxAge: ',
    );
  });

  test('gives a secret by file', () => {
    const file = path.join(folder, 'token');
    writeFileSync(file, 'syt_from_file\n');
    const name = 'LAWSPEAKER_HOMESERVER_ACCESS_TOKEN';
    expect(load(minimal, { [`${name}_FILE`]: file }).homeserver.accessToken).toBe('syt_from_file');
    const both = faultOf(minimal, { [`${name}_FILE`]: file, [name]: 'direct' }).message;
    expect(both.split('\n').slice(1)).toEqual([
      `  ${name}: ${name}_FILE is set as well: unset one of the two`,
    ]);
    const { message } = faultOf(minimal, { [`${name}_FILE`]: `${file}.none` });
    expect(message).toBe(`Can’t read ${file}.none (ENOENT), which ${name}_FILE names.`);
    writeFileSync(file, '\n');
    expect(faultOf(minimal, { [`${name}_FILE`]: file }).message).toContain(
      'homeserver.accessToken',
    );
  });

  test.each([
    ['LAWSPEAKER_HOMESERVERS_ACCESS_TOKEN', ' (did you mean LAWSPEAKER_HOMESERVER_ACCESS_TOKEN?)'],
    ['LAWSPEAKER_ACCESS_TOKEN', ' (did you mean LAWSPEAKER_HOMESERVER_ACCESS_TOKEN?)'],
    [
      'LAWSPEAKER_HOMESERVER_ACCESS_TOKEN_FILES',
      ' (did you mean LAWSPEAKER_HOMESERVER_ACCESS_TOKEN_FILE?)',
    ],
    ['LAWSPEAKER_LOG_LEVEL_FILE', ' (only secrets can come from a file: set LAWSPEAKER_LOG_LEVEL)'],
    ['LAWSPEAKER_ROLES_ADMIN_USERS', ''],
  ])('does not ignore %s', (name, guess) => {
    const { message } = faultOf(minimal, { [name]: 'syt_secret' });
    expect(message.split('\n').slice(1)).toEqual([
      `  ${name}: unknown environment variable${guess}`,
    ]);
  });

  test('may hold what others set: init, the tests, and Kubernetes for a service of this name', () => {
    const names = [
      'LAWSPEAKER_INIT_ADMIN_TOKEN',
      'LAWSPEAKER_TEST_PROFILE',
      'LAWSPEAKER_SERVICE_HOST',
      'LAWSPEAKER_SERVICE_PORT_HTTP',
      'LAWSPEAKER_PORT',
      'LAWSPEAKER_PORT_9090_TCP_ADDR',
      'LAWSPEAKER_DB_SERVICE_PORT',
      'LAWSPEAKER_DB_PORT_5432_TCP',
    ];
    expect(() => load(minimal, Object.fromEntries(names.map((name) => [name, 'x'])))).not.toThrow();
  });
});

describe('mas', () => {
  const withMas = (lines: string) =>
    load(`${minimal}\nmas:\n  url: http://127.0.0.1:8081/\n${lines}`);

  test('has a client, a token, or nothing but the URL', () => {
    expect(withMas('').mas).toEqual({ url: 'http://127.0.0.1:8081' });
    expect(withMas('  clientId: A\n  clientSecret: b').mas).toMatchObject({ clientSecret: 'b' });
    expect(withMas('  accessToken: mpt_a').mas).toMatchObject({ accessToken: 'mpt_a' });
  });

  test.for([
    ['  clientId: A', 'mas.clientId: needs clientSecret'],
    ['  clientSecret: b', 'mas.clientSecret: needs clientId'],
    ['  clientId: A\n  clientSecret: b\n  accessToken: c', 'mas.accessToken: give either this'],
    ['  token: c', 'mas.token: unknown key'],
  ] as const)('refuses %j', ([lines, message]) => {
    expect(() => withMas(lines)).toThrow(message);
  });
});
