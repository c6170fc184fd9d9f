import { describe, expect, test } from 'vitest';

import type { Command } from '../../../src/chat/command/declaration.ts';
import { commandTokens, readArguments } from '../../../src/chat/command/read-arguments.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';
import { SetupError } from '../../../src/core/errors.ts';
import {
  actionLine,
  createCardActions,
  isPossibleAbout,
  whyNotAbout,
} from '../../../src/reports/cards/card-actions.ts';
import type { CardAction } from '../../../src/reports/cards/card-actions.ts';
import { masTraits, synapseTraits } from '../../../src/services/accounts/traits.ts';
import type { ReportItem } from '../../../src/store/tables/reports/report-items.ts';
import { now, surroundings } from '../rules/rule-input.ts';

type Configured = Readonly<Record<string, string | null>>;

function faultsOf(configured: Configured, context = surroundings): string[] {
  try {
    createCardActions(configured, context);
  } catch (error) {
    if (error instanceof SetupError) {
      return error.message.split('\n').slice(1);
    }
    throw error;
  }
  return [];
}

const legend = (configured: Configured, context = surroundings) =>
  createCardActions(configured, context).map(({ emoji, label }) => `${emoji} ${label}`);

function actionOf(line: string): CardAction {
  const [action] = createCardActions({ '👻': off, '🔨': off, '🙈': off, '🚨': line }, surroundings);
  if (action === undefined) {
    throw new TypeError('no action');
  }
  return action;
}
const off = 'off';

const message: ReportItem = {
  id: 12,
  kind: 'event',
  subject: '$message',
  roomId: '!lobby:localhost',
  roomName: null,
  sender: '@mallory:localhost',
  senderCreatedAt: null,
  content: null,
  state: 'open',
  reports: 1,
  lastReportAt: 0,
  createdAt: 0,
  openedAt: 0,
  reopened: 0,
  claimedBy: null,
  claimedAt: null,
  closedBy: null,
  closedAt: null,
  note: null,
  isBacklog: false,
  card: 'own',
  cardAt: 0,
  cardRevision: 1,
  tagChanges: 0,
  server: 'localhost',
};
const user: ReportItem = {
  ...message,
  kind: 'user',
  subject: '@mallory:localhost',
  roomId: null,
};

describe('what is configured', () => {
  test('is added to the defaults, and replaces or removes them', () => {
    expect(legend({})).toEqual(['👻 shadow-ban', '🔨 deactivate', '🙈 redact']);
    expect(
      legend({ '🔨': 'deactivate {sender} --erase', '👻': off, '🔒': 'lock {sender}' }),
    ).toEqual(['🔨 deactivate --erase', '🙈 redact', '🔒 lock']);
    expect(legend({ '👻': null, '🔨': '', '🙈': ' off ' })).toEqual([]);
  });

  test('may have the prefix, and flags that the legend shows', () => {
    expect(legend({ '👻': '!suspend {sender} --for 3d --reason "report {report}"' })[0]).toBe(
      '👻 suspend --for=3d',
    );
    // Some clients send the emoji with the variation selector, some without.
    expect(legend({ '🕵️': 'user {sender}' }).at(-1)).toBe('🕵️ user');
    expect(legend({ '🧨': 'block-room {room}', '🧹': 'redact {event}' }).slice(-2)).toEqual([
      '🧨 block-room',
      '🧹 redact',
    ]);
  });

  test('the example of the guide is read', () => {
    const guide = {
      '🚫': 'ban {sender} {room}',
      '🔇': 'suspend {sender} --for 1d --reason "report {report}"',
      '🔨': 'deactivate {sender} --erase',
      '🔎': 'user {sender}',
      '👻': 'off',
    };
    expect(legend(guide)).toEqual([
      '🔨 deactivate --erase',
      '🙈 redact',
      '🚫 ban',
      '🔇 suspend --for=1d',
      '🔎 user',
    ]);
    const ban = createCardActions(guide, surroundings).find(({ label }) => label === 'ban');
    expect(ban && actionLine(ban, message, { reporter: undefined, now })).toBe(
      'ban @mallory:localhost !lobby:localhost',
    );
    expect(ban && whyNotAbout(ban, user)).toBe('the report names no room');
  });

  test('may leave out what the report fills in', () => {
    expect(
      faultsOf({ '🔒': 'lock', '🚧': 'quarantine', '🧨': 'block-room', '🗂': 'claim' }),
    ).toEqual([]);
  });

  test.each<[string, string, string]>([
    ['🔒', 'lok {sender}', 'There is no command `lok`. Did you mean `lock`?'],
    ['🔒', '!lok {sender}', 'There is no command `lok`. Did you mean `lock`?'],
    ['🔒', 'lock {sender} --foo', '--foo'],
    ['🔒', 'lock {user}', '`{user}` is not a placeholder. The placeholders are `{sender}`,'],
    ['🔒', 'lock {sender} {room}', '{room}'],
    ['🔒', 'lock {sender} --reason "spam', 'Missing closing quote'],
    ['🔒', 'lock {sender} --for soon', '`soon` is not a valid duration'],
    ['🔒', 'lock @ana:localhost', '`lock` has nothing to do with the report. Use `{sender}`'],
    ['🔒', 'stats', '`stats` has nothing to do with the report.'],
    ['🔒', 'lock --matching "created:1d"', 'Actions on cards can’t use `--matching`.'],
    ['🔒', 'lock {sender} --override-protection', 'can’t use `--override-protection`'],
    ['🔒', 'lock --from-file', 'can’t use `--from-file`'],
    ['🔒', 'delete-room {room} --with-children', 'can’t use `--with-children`'],
    ['🔒', 'lock {sender} --{room}', 'a placeholder can’t name a flag'],
    ['lock', 'lock {sender}', 'must be one emoji'],
    ['🔒🔒', 'lock {sender}', 'must be one emoji'],
    ['', 'lock {sender}', 'must be one emoji'],
    ['🙋', 'lock {sender}', 'always stands for claim. Choose another emoji'],
    ['🙋🏽', off, 'always stands for claim'],
    ['🗑️', off, 'always stands for dismiss'],
    ['✅', off, 'always stands for resolve'],
  ])('%s: %s can’t be', (emoji, line, fault) => {
    const faults = faultsOf({ [emoji]: line });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(`  reports.actions.${emoji}: `);
    expect(faults[0]).toContain(fault);
  });

  test('names each reaction once, and not too many', () => {
    expect(faultsOf({ '🕵': 'user {sender}', '🕵️': 'user {sender}' })).toEqual([
      '  reports.actions.🕵️: is the same reaction as 🕵',
    ]);
    const many = Object.fromEntries(['🔒', '🚧', '🧨', '🧹', '🚨'].map((key) => [key, 'lock']));
    expect(faultsOf(many)).toEqual([
      '  reports.actions: a card offers at most 7 actions, and with the defaults these are 8. Remove one, for example with 👻: off',
    ]);
    expect(faultsOf({ ...many, '👻': off })).toEqual([]);
  });

  test('must be possible on the homeserver; a default that is not is not offered', () => {
    const onMas = { ...surroundings, traitsOf: () => masTraits };
    expect(faultsOf({ '🔒': 'shadow-ban {sender}' }, onMas)).toEqual([
      '  reports.actions.🔒: `shadow-ban`: shadow-banning has no effect on a homeserver with the Matrix Authentication Service. Suspend the account instead.',
    ]);
    expect(createCardActions({}, onMas).map(({ isPossible }) => isPossible)).toEqual([
      false,
      true,
      true,
    ]);
  });
});

describe('of several homeservers, one may lack what an action does', () => {
  const two = 'two.example';
  const both = {
    ...surroundings,
    homeservers: ['localhost', two].map((serverName) => ({ name: serverName, serverName })),
    traitsOf: (serverName: string) => (serverName === two ? masTraits : synapseTraits),
  };
  const [shadowBan] = createCardActions({}, both);
  const offered = (changes: Partial<ReportItem>) =>
    shadowBan && isPossibleAbout(shadowBan, { ...message, ...changes });

  test('it can be configured, and is offered about the accounts of the other', () => {
    expect(faultsOf({ '🔒': 'shadow-ban {sender}' }, both)).toEqual([]);
    expect(shadowBan?.isPossible).toBe(true);
    expect(offered({})).toBe(true);
    expect(offered({ sender: `@mallory:${two}` })).toBe(false);
  });

  test('the account counts, and not where the report came from', () => {
    expect(offered({ server: two })).toBe(true);
    expect(offered({ sender: `@mallory:${two}`, server: 'localhost' })).toBe(false);
  });

  test('an action on the reporter goes by the homeserver of the report', () => {
    const [onReporter] = createCardActions({ '👻': 'shadow-ban {reporter}' }, both);
    const about = (changes: Partial<ReportItem>) =>
      onReporter && isPossibleAbout(onReporter, { ...message, ...changes });
    expect(about({ server: two })).toBe(false);
    expect(about({ sender: `@mallory:${two}` })).toBe(true);
  });
});

describe('a report has or lacks what an action needs', () => {
  test.each<[string, string | undefined, string | undefined]>([
    ['lock {sender}', undefined, undefined],
    ['lock', undefined, undefined],
    ['redact {event}', undefined, 'no message was reported'],
    ['redact', undefined, 'no message was reported'],
    ['block-room {room}', undefined, 'the report names no room'],
    ['lock {sender} --reason "said in {room}"', undefined, 'the report names no room'],
    ['quarantine', 'the message has no file', 'the message has no file'],
    ['tag known-spammer', undefined, undefined],
    ['note seen in {room}', undefined, 'the report names no room'],
    ['lock {sender} --reason "by {reporter}"', undefined, undefined],
  ])('%s', (line, ofMessage, ofUser) => {
    expect(whyNotAbout(actionOf(line), message)).toBe(ofMessage);
    expect(whyNotAbout(actionOf(line), user)).toBe(ofUser);
  });

  test('without a sender, nothing can be done to them', () => {
    expect(whyNotAbout(actionOf('lock'), { ...message, sender: null })).toBe(
      'the sender is not known',
    );
  });

  test('a message with a file has a file', () => {
    const content = JSON.stringify({ type: 'm.room.message', url: 'mxc://localhost/file' });
    expect(whyNotAbout(actionOf('quarantine'), { ...message, content })).toBeUndefined();
  });
});

describe('the line about a report', () => {
  const about = { reporter: '@vera:localhost', now };

  test('has its values in place of the placeholders', () => {
    expect(
      actionLine(
        actionOf('!lock {sender} --reason "#{report} by {reporter}, {event}"'),
        message,
        about,
      ),
    ).toBe(
      'lock @mallory:localhost --reason="#12 by @vera:localhost, https://matrix.to/#/!lobby%3Alocalhost/%24message"',
    );
    expect(actionLine(actionOf('block-room {room}'), message, about)).toBe(
      'block-room !lobby:localhost',
    );
  });

  test('leaves out what it left out', () => {
    expect(actionLine(actionOf('deactivate --erase'), message, about)).toBe('deactivate --erase');
    expect(
      actionLine(
        actionOf('quarantine --reason "report {report}"'),
        {
          ...message,
          content: JSON.stringify({ type: 'm.room.message', url: 'mxc://localhost/file' }),
        },
        about,
      ),
    ).toBe('quarantine --reason="report 12"');
  });

  test.each([
    ['note seen', 'seen', undefined],
    ['note "@bob:x was seen -- twice --dry-run"', '@bob:x was seen -- twice --dry-run', undefined],
    ['note {sender} "reported by {reporter}" --reason card', 'reported by @vera:localhost', 'card'],
  ])('%s keeps its text when it is read', (configured, text, reason) => {
    const { registry } = surroundings;
    const note = registry.find('note') as Command;
    const line = actionLine(actionOf(configured), message, about);
    const fillIn = () => '@somebody-else:localhost';
    const context = { serverName: 'localhost', now, prefix: '!', fillIn };
    expect(readArguments(note, commandTokens(note, line, context), context)).toMatchObject({
      values: { target: '@mallory:localhost', text },
      reason,
      dryRun: false,
    });
  });

  test('is about the sender alone, whatever they call themselves', () => {
    const sender = '@a,@ana:localhost';
    const line = actionLine(actionOf('lock {sender}'), { ...message, sender }, about);
    expect(tokenize(line).map(({ text }) => text)).toEqual(['lock', sender]);
  });

  test('needs somebody else who has reported it, if it names them', () => {
    const action = actionOf('user {reporter}');
    expect(() => actionLine(action, message, { reporter: undefined, now })).toThrow(
      'Nobody but the sender has reported it.',
    );
  });
});
