import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { loadConfig, placesOf } from '../../src/config/load.ts';
import { compilePattern } from '../../src/config/pattern.ts';
import { SetupError } from '../../src/core/errors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-rules-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Its last line is the fifth. */
const before = `homeserver:
  url: https://matrix.example.com/
  accessToken: syt_secret
managementRoom: '!room:example.com'
reports:
`;

function load(text: string, environment: NodeJS.ProcessEnv = {}) {
  const file = path.join(folder, 'lawspeaker.yaml');
  writeFileSync(file, text);
  return loadConfig(file, environment);
}

/** The faults, a line each. */
function faultsOf(text: string, environment?: NodeJS.ProcessEnv): string[] {
  try {
    load(text, environment);
  } catch (error) {
    if (error instanceof SetupError) {
      return error.message.split('\n').slice(1);
    }
    throw error;
  }
  throw new Error('was loaded');
}

/** From the sixth line on: a rule that watches, under these conditions. */
const rule = (when: string, more = '') =>
  `${before}  rules:
    - name: watch
      when: ${when}
      alert: true
${more}`;

const ofIssue = `${before}  rules:
    - name: fresh-account-mass-reported
      when:
        distinctReporters: { atLeast: 3, within: 1h }
        reporterAccountAge: { atLeast: 7d }
        senderAccountAge: { atMost: 2d }
        sender: local
        reason: { matches: "spam|scam" }
      then: ["shadow-ban {sender} --for 24h"]
      mode: act          # or propose (a pending confirmation), or observe
`;

test('the rule of the guide is read as it is written', () => {
  expect(load(ofIssue).reports.rules).toEqual([
    {
      name: 'fresh-account-mass-reported',
      when: {
        distinctReporters: { atLeast: 3, within: '1h' },
        reporterAccountAge: { atLeast: '7d' },
        senderAccountAge: { atMost: '2d' },
        sender: 'local',
        reason: { matches: 'spam|scam' },
      },
      then: ['shadow-ban {sender} --for 24h'],
      mode: 'act',
      alert: false,
    },
  ]);
});

test('a rule that does not say what it does watches', () => {
  const [read] = load(rule('{ room: "#lobby:x" }')).reports.rules;
  expect(read).toMatchObject({
    mode: 'observe',
    then: [],
    alert: true,
    when: { room: ['#lobby:x'] },
  });
});

test.each([
  '{ distinctReporters: { atLeast: 1 } }',
  '{ reporterReliability: { atLeast: 0.5 } }',
  '{ senderAccountAge: { atLeast: 1d, atMost: 1d } }',
  '{ sender: remote }',
  '{ sender: "@*:evil.example" }',
  '{ sender: "@mal lory:x" }',
  '{ sender: ["@a:x", "*:y"] }',
  '{ score: { atMost: -50 } }',
  '{ score: { atLeast: -100, atMost: 0 } }',
  '{ room: ["!room:x", "#*:x"] }',
  '{ content: { matches: "(?i)free.{0,20}coins" } }',
  '{ mediaType: image/* }',
  '{ mediaType: [m.image, "video/*"] }',
  '{ earlierItems: { atLeast: 1 } }',
  '{ tags: { anyOf: known-spammer } }',
  '{ tags: { anyOf: [known-spammer, bot-farm] }, roomTags: { noneOf: [test] } }',
  '{ signups: { atLeast: 20, within: 10m } }',
  '{ signups: { atLeast: 1, within: 7d } }',
  '{ timeOfDay: { from: 22:00, to: 06:00 } }',
  '{ timeOfDay: { from: "22:00", to: "06:00", zone: Europe/Berlin } }',
])('conditions such as %s', (when) => {
  expect(() => load(rule(when))).not.toThrow();
});

describe('faults name key and line', () => {
  test.each([
    ['{}', 'when: must have at least one condition (line 8)'],
    ['', 'when: is empty'],
    ['{ sendr: local }', 'when.sendr: unknown key (did you mean sender?) (line 8)'],
    [
      '{ distinctReporters: 3 }',
      'when.distinctReporters: must have keys below it, not a single value',
    ],
    [
      '{ distinctReporters: { atLeast: 0 } }',
      'when.distinctReporters.atLeast: must be at least 1 ',
    ],
    [
      '{ distinctReporters: { atLeast: 2.5 } }',
      'when.distinctReporters.atLeast: must be a whole number ',
    ],
    [
      '{ distinctReporters: { atLeast: 5000 } }',
      'when.distinctReporters.atLeast: must be at most 1000 ',
    ],
    [
      '{ distinctReporters: { within: 1h } }',
      'when.distinctReporters.atLeast: is missing (line 8)',
    ],
    [
      '{ distinctReporters: { atLeast: 2, within: 0h } }',
      'when.distinctReporters.within: must be a duration',
    ],
    [
      '{ distinctReporters: { atLeast: 2, for: 1h } }',
      'when.distinctReporters.for: unknown key (line 8)',
    ],
    [
      '{ reporterAccountAge: { atLeast: 7 } }',
      'when.reporterAccountAge.atLeast: must be a duration',
    ],
    ['{ reporterReliability: { atLeast: 60 } }', 'when.reporterReliability.atLeast: '],
    ['{ senderAccountAge: {} }', 'when.senderAccountAge: needs atLeast or atMost (line 8)'],
    [
      '{ senderAccountAge: { atLeast: 2d, atMost: 36h } }',
      'when.senderAccountAge: atLeast (2d) is larger than atMost (36h) (line 8)',
    ],
    ['{ score: { atLeast: 1, atMost: 0 } }', 'when.score: atLeast (1) is larger than atMost (0)'],
    ['{ score: { atLeast: low } }', 'when.score.atLeast: must be a number'],
    ['{ sender: here }', 'when.sender: must be local, remote, or globs of user IDs'],
    ['{ sender: [] }', 'when.sender: must name at least one'],
    ['{ sender: 5 }', 'when.sender: '],
    ['{ sender: ["@a:x", local] }', 'when.sender'],
    ['{ room: lobby }', 'when.room: must be a room ID, an alias, or a glob of them (line 8)'],
    ['{ room: ["!a:x", 5] }', 'when.room.1: must be text: put it in quotes'],
    ['{ mediaType: "image / png" }', 'when.mediaType: must be a media type such as image/*'],
    ['{ reason: spam }', 'when.reason: must have keys below it, not a single value'],
    ['{ reason: { matches: "" } }', 'when.reason.matches: is empty'],
    [
      '{ reason: { matches: "spam(" } }',
      'when.reason.matches: is not a valid RE2 pattern: missing closing ): `spam(` (line 8)',
    ],
    [
      '{ content: { matches: "a(?=b)" } }',
      'when.content.matches: is not a valid RE2 pattern: invalid or unsupported Perl syntax: `(?=`',
    ],
    [
      '{ content: { matches: "(a)\\\\1" } }',
      'when.content.matches: is not a valid RE2 pattern: invalid escape sequence',
    ],
    [
      '{ content: { matches: "((a{30}b){30}c){30}" } }',
      'when.content.matches: is not a valid RE2 pattern: ',
    ],
    ['{ earlierItems: { atLeast: -1 } }', 'when.earlierItems.atLeast: '],
    ['{ tags: [spammer] }', 'when.tags: '],
    ['{ tags: {} }', 'when.tags: needs anyOf or noneOf'],
    ['{ tags: { anyOf: [] } }', 'when.tags.anyOf: must name at least one'],
    [
      '{ tags: { anyOf: [Known Spammer] } }',
      'when.tags.anyOf.0: must be a tag: lower-case letters',
    ],
    ['{ roomTags: { allOf: [a] } }', 'when.roomTags.allOf: '],
    ['{ timeOfDay: { from: 22:00 } }', 'when.timeOfDay.to: is missing (line 8)'],
    ['{ timeOfDay: { from: 24:00, to: 06:00 } }', 'when.timeOfDay.from: must be a time of day'],
    ['{ timeOfDay: { from: 6, to: 06:00 } }', 'when.timeOfDay.from: must be a time of day'],
    ['{ timeOfDay: { from: 06:00, to: 06:00 } }', 'when.timeOfDay: from and to must differ'],
    [
      '{ timeOfDay: { from: 22:00, to: 06:00, zone: Mars/Olympus } }',
      'when.timeOfDay.zone: must be a time zone such as Europe/Berlin (line 8)',
    ],
  ])('%s', (when, fault) => {
    const faults = faultsOf(rule(when));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`  reports.rules.0.${fault}`);
    expect(faults[0]).toMatch(/ \(line 8\)$/u);
  });

  test.each([
    ['name: Watch', 'name: must be lower-case letters and digits, with - or _ between them'],
    ['name: two words', 'name: must be lower-case letters'],
    ['name: -x', 'name: must be lower-case letters'],
    [`name: ${'x'.repeat(41)}`, 'name: must be at most 40 characters'],
    ['name: 5', 'name: must be text: put it in quotes'],
    ['name: x\n      mode: auto', 'mode: must be act, propose or observe'],
    ['name: x\n      alert: soon', 'alert: must be true or false'],
    ['name: x\n      then: shadow-ban {sender}', 'then: must be a list, such as [a, b]'],
    ['name: x\n      then: [5]', 'then.0: must be text: put it in quotes'],
    ['name: x\n      then: [""]', 'then.0: is empty'],
    [
      'name: x\n      then: []',
      'then: must have at least one line, unless the rule has alert: true',
    ],
    ['name: x\n      about: room', 'about: must be message or user'],
    ['name: x\n      whn: {}', 'whn: unknown key (did you mean when?)'],
  ])('%j', (written, fault) => {
    const faults = faultsOf(
      `${before}  rules:\n    - when: { sender: local }\n      ${written}\n${written.includes('then:') ? '' : '      then: ["shadow-ban {sender}"]\n'}`,
    );
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`  reports.rules.0.${fault}`);
    expect(faults[0]).toMatch(/ \(line [89]\)$/u);
  });

  test('two rules of one name', () => {
    expect(
      faultsOf(
        rule(
          '{ sender: local }',
          '    - name: watch\n      alert: true\n      when: { sender: local }\n',
        ),
      ),
    ).toEqual(['  reports.rules.1.name: another rule is called watch, too (line 10)']);
  });

  test('what is missing belongs to the line of what holds it', () => {
    expect(
      faultsOf(`${before}  rules:\n    - when: { sender: local }\n      alert: true\n`),
    ).toEqual(['  reports.rules.0.name: is missing (line 7)']);
  });

  test('also where it is an alias, or in a block', () => {
    const text = `${before}  onCall: &ids
    - '@ana:x'
    - ben
  rules: []
roles:
  admin:
    users: *ids
`;
    expect(faultsOf(text)).toEqual([
      '  roles.admin.users.1: "ben" is not a user ID (line 8)',
      '  reports.onCall.1: "ben" is not a user ID (line 8)',
    ]);
  });

  test('what the environment sets is said to be from there', () => {
    expect(
      faultsOf(`${before}  pollInterval: 5s\n`, { LAWSPEAKER_REPORTS_POLL_INTERVAL: 'often' }),
    ).toEqual([
      '  reports.pollInterval: must be a duration such as 30s, 5m, 1h or 7d (LAWSPEAKER_REPORTS_POLL_INTERVAL)',
    ]);
  });

  test.each([
    ['pollInterval: 2h', 'pollInterval: must be at most 1h'],
    ['maxActionsPerHour: -1', 'maxActionsPerHour: must be at least 0'],
    ['maxActionsPerHour: many', 'maxActionsPerHour: must be a number'],
    ['maxCardsPerMinute: 0', 'maxCardsPerMinute: '],
    ['onCall: ana', 'onCall: must be a list, such as [a, b]'],
    ['onCall: [ana]', 'onCall.0: "ana" is not a user ID'],
    ['remindAfter: 4 hours', 'remindAfter: must be a duration'],
    ['proposalExpiresAfter: never', 'proposalExpiresAfter: must be a duration'],
    ['rules: {}', 'rules: '],
    ['actions: [lock]', 'actions: must have keys below it, not a list'],
    ['actions: { 🔒: 3 }', 'actions.🔒: must be text: put it in quotes'],
    ['actions: { 🔒: [lock] }', 'actions.🔒: must be text, not a list'],
  ])('%s', (written, fault) => {
    const faults = faultsOf(`${before}  ${written}\n`);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`  reports.${fault}`);
    expect(faults[0]).toMatch(/ \(line 6\)$/u);
  });
});

test('actions are lines, or nothing', () => {
  const text = `${before}  actions:
    🚫: lock {sender} --reason spam
    👻: off
    🔨:
    🙈: ''
`;
  const config = load(text);
  expect(config.reports.actions).toEqual({
    '🚫': 'lock {sender} --reason spam',
    '👻': 'off',
    '🔨': null,
    '🙈': '',
  });
  expect(placesOf(config)?.of(['reports', 'actions', '🔨'])).toBe('line 9');
});

test('an action with a prefix and without quotes is not taken for nothing', () => {
  expect(() => load(`${before}  actions:\n    🚫: !lock\n`)).toThrow('a value that starts with !');
});

describe('a rule on sign-ups', () => {
  const signUps = (more: string) =>
    `${before}  rules:\n    - name: wave\n      when: { signups: { atLeast: 20, within: 10m } }\n${more}`;

  test('alerts without being told to', () => {
    expect(load(signUps('')).reports.rules).toEqual([
      {
        name: 'wave',
        when: { signups: { atLeast: 20, within: '10m' } },
        then: [],
        mode: 'observe',
        alert: true,
      },
    ]);
    expect(() => load(signUps('      alert: true\n'))).not.toThrow();
  });

  test.each([
    ['      then: ["lock {sender}"]\n', 'then: must be left out: a rule on signups only alerts', 9],
    ['      mode: act\n', 'mode: must be left out', 9],
    ['      alert: false\n', 'alert: must be true or left out', 9],
    ['      about: user\n', 'about: must be left out: signups is not about reports', 9],
  ])('%s', (more, fault, line) => {
    const faults = faultsOf(signUps(more));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`  reports.rules.0.${fault}`);
    expect(faults[0]).toContain(` (line ${line})`);
  });

  test.each([
    ['{ signups: { atLeast: 20 } }', 'when.signups.within: is missing'],
    ['{ signups: { within: 10m } }', 'when.signups.atLeast: is missing'],
    ['{ signups: 20 }', 'when.signups: must have keys below it, not a single value'],
    ['{ signups: { atLeast: 0, within: 10m } }', 'when.signups.atLeast: must be at least 1'],
    ['{ signups: { atLeast: 501, within: 10m } }', 'when.signups.atLeast: must be at most 500'],
    ['{ signups: { atLeast: 2.5, within: 10m } }', 'when.signups.atLeast: must be a whole number'],
    ['{ signups: { atLeast: 20, within: 10 } }', 'when.signups.within: must be a duration'],
    ['{ signups: { atLeast: 20, within: 30s } }', 'when.signups.within: must be from 1m to 7d'],
    ['{ signups: { atLeast: 20, within: 2w } }', 'when.signups.within: must be from 1m to 7d'],
    ['{ signup: { atLeast: 20, within: 2h } }', 'when.signup: unknown key (did you mean signups?)'],
    [
      '{ signups: { atLeast: 20, within: 10m }, sender: local }',
      'when.sender: is a condition on reports, and signups is not about reports. Write two rules',
    ],
  ])('%s', (when, fault) => {
    const faults = faultsOf(rule(when));
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`  reports.rules.0.${fault}`);
    expect(faults[0]).toMatch(/ \(line \d+\)$/u);
  });
});

test('places can be asked for later', () => {
  const places = placesOf(load(ofIssue));
  expect(places?.of(['reports', 'rules', 0, 'then', 0])).toBe('line 14');
  expect(places?.of(['reports', 'rules', 0, 'when', 'reason', 'matches'])).toBe('line 13');
  expect(places?.of(['reports', 'rules', 0, 'alert'])).toBe('line 7');
  expect(places?.of(['nothing'])).toBeUndefined();
  expect(places?.file).toContain('lawspeaker.yaml');
});

describe('patterns', () => {
  test.each([
    ['spam|scam', 'This is SCAM!', true],
    ['spam', 'ham', false],
    ['^spam$', 'x\nspam', false],
    ['(?m)^spam$', 'x\nspam', true],
    ['(?-i)spam', 'SPAM', false],
    ['ſ', 's', true],
    ['straße', 'STRAßE', true],
    ['\\bfree\\b.*\\bcoins\\b', 'get FREE x coins', true],
    ['👍', 'ok 👍', true],
    ['spam', `${'x'.repeat(65_532)}spam`, true],
    ['spam', `${'x'.repeat(65_533)}spam`, false],
  ])('%s in %j: %s', (source, text, isThere) => {
    expect(compilePattern(source).isIn(text)).toBe(isThere);
  });

  test.each(['\uD800', 'a\uDC00b', '\u0000', '\u{E0041}', '\u0301'.repeat(20_000), ''])(
    'odd text is searched as well: %j',
    (text) => {
      expect(compilePattern('nothing of it').isIn(text)).toBe(false);
      expect(compilePattern('^').isIn(text)).toBe(true);
    },
  );

  // A backtracking engine would not come back from any of these.
  test.each([
    ['(a+)+$', `${'a'.repeat(9_999)}!`],
    ['(a|aa)*b', 'a'.repeat(10_000)],
    ['(.*)(.*)(.*)(.*)x', 'y'.repeat(10_000)],
    ['(?:a?){50}a{50}$', `${'a'.repeat(9_999)}b`],
    ['^(([a-z])+.)+[0-9]([a-z])+$', 'a'.repeat(10_000)],
    ['a.{0,900}b', 'a'.repeat(10_000)],
    ['nothing', 'x'.repeat(10_000_000)],
  ])('%s takes time in proportion to the text', (source, text) => {
    const pattern = compilePattern(source);
    const started = performance.now();
    expect(pattern.isIn(text)).toBe(false);
    expect(performance.now() - started).toBeLessThan(1500);
  });
});
