import { describe, expect, test } from 'vitest';

import type { RuleInput } from '../../../src/reports/rules/rule-input.ts';
import { dayMs, hourMs, item, mallory, minuteMs, now, report, ruleOf, user } from './rule-input.ts';

type When = Parameters<typeof ruleOf>[0]['when'];

const matches = (
  when: When,
  input: Partial<RuleInput> = {},
  more: Parameters<typeof ruleOf>[0] = {},
) => ruleOf({ ...more, ...(when === undefined ? {} : { when }) }).evaluate(item(input)).matches;

const text = { type: 'm.room.message', msgtype: 'm.text', isEncrypted: false };

describe('the sender', () => {
  test.each([
    ['local', { isSenderLocal: true }, true],
    ['remote', { isSenderLocal: true }, false],
    ['local', { isSenderLocal: false }, false],
    ['remote', { isSenderLocal: false }, true],
    ['remote', { sender: null, isSenderLocal: false }, false],
    ['local', { sender: null, isSenderLocal: true }, false],
    ['@mal*:localhost', {}, true],
    ['@MAL*:localhost', {}, false],
    ['@ben:*', {}, false],
    ['*', { sender: null }, false],
    [['@ben:*', '@mallory:*'], {}, true],
    ['@mal lory:localhost', { sender: user('@mal lory:localhost') }, true],
    ['@mal*lory:localhost', { sender: user('@mal\u200B\nlory:localhost') }, true],
    ['@:*', { sender: user('@:localhost') }, true],
  ])('%j of %j: %s', (sender, input, expected) => {
    expect(matches({ sender }, input)).toBe(expected);
  });

  test.each([
    [{ atMost: '1d' }, now - dayMs, true],
    [{ atMost: '1d' }, now - dayMs - 1, false],
    [{ atLeast: '1d' }, now - dayMs, true],
    [{ atLeast: '1d' }, now - dayMs + 1, false],
    [{ atLeast: '1h', atMost: '2h' }, now - 90 * minuteMs, true],
    [{ atLeast: '1h', atMost: '2h' }, now - 3 * hourMs, false],
    // The homeserver's clock is ahead.
    [{ atMost: '1d' }, now + hourMs, true],
    [{ atLeast: '1s' }, now + hourMs, false],
    [{ atMost: '1d' }, null, false],
    [{ atLeast: '1d' }, null, false],
  ])('an age of %j, registered at %s: %s', (senderAccountAge, senderCreatedAt, expected) => {
    expect(matches({ senderAccountAge }, { senderCreatedAt })).toBe(expected);
  });

  test.each([
    [{ atLeast: 1 }, 0, false],
    [{ atLeast: 1 }, 1, true],
    [{ atMost: 0 }, 0, true],
    [{ atMost: 0 }, 1, false],
  ])('earlier items %j of %s: %s', (earlierItems, number, expected) => {
    expect(matches({ earlierItems }, { earlierItems: number })).toBe(expected);
    expect(matches({ earlierItems }, { earlierItems: number, sender: null })).toBe(false);
  });
});

describe('tags', () => {
  test.each([
    [{ anyOf: ['spammer', 'bot'] }, ['bot', 'other'], true],
    [{ anyOf: 'spammer' }, ['spammers'], false],
    [{ anyOf: ['spammer'] }, [], false],
    [{ noneOf: ['trusted'] }, [], true],
    [{ noneOf: ['trusted'] }, ['spammer', 'trusted'], false],
    [{ anyOf: ['spammer'], noneOf: ['trusted'] }, ['spammer'], true],
    [{ anyOf: ['spammer'], noneOf: ['trusted'] }, ['spammer', 'trusted'], false],
  ])('%j, tagged %j: %s', (tags, names, expected) => {
    expect(matches({ tags }, { senderTags: names, roomTags: ['spammer'] })).toBe(expected);
    expect(matches({ roomTags: tags }, { roomTags: names, senderTags: ['spammer'] })).toBe(
      expected,
    );
  });

  test('nothing holds for an unknown sender, or outside of rooms', () => {
    const noneOf = ['trusted'];
    expect(matches({ tags: { noneOf } }, { sender: null })).toBe(false);
    expect(matches({ roomTags: { noneOf } }, { room: null, roomAlias: null })).toBe(false);
  });
});

describe('the message', () => {
  test.each([
    ['!lobby:localhost', {}, true],
    ['#lobby:localhost', {}, true],
    ['#lob*', {}, true],
    ['*:elsewhere', {}, false],
    [['#x:y', '!lobby:*'], {}, true],
    ['#lobby:localhost', { roomAlias: null }, false],
    ['*', { room: null, roomAlias: null }, false],
  ])('room %j of %j: %s', (room, input, expected) => {
    expect(matches({ room }, input)).toBe(expected);
  });

  test.each([
    [{ ...text, body: 'Get FREE coins' }, true],
    [{ ...text, body: 'coins' }, false],
    [{ ...text, body: '' }, false],
    [text, false],
    [{ type: 'm.room.encrypted', isEncrypted: true }, false],
    [null, false],
  ])('content %j: %s', (content, expected) => {
    expect(matches({ content: { matches: 'free.*coins' } }, { content })).toBe(expected);
  });

  test.each([
    ['image/*', { ...text, msgtype: 'm.image', mimetype: 'image/png' }, true],
    ['image/*', { ...text, msgtype: 'm.file', mimetype: 'IMAGE/PNG; charset=x' }, true],
    ['IMAGE/*', { ...text, msgtype: 'm.file', mimetype: 'image/png' }, true],
    ['image/*', { ...text, msgtype: 'm.image' }, false],
    ['m.image', { ...text, msgtype: 'm.image' }, true],
    [['video/*', 'm.image'], { ...text, msgtype: 'm.image' }, true],
    ['m.sticker', { type: 'm.sticker', isEncrypted: false }, true],
    ['image/png', { ...text, mimetype: 'ximage/png' }, false],
    ['image/*', text, false],
    ['image/*', null, false],
  ])('media type %j of %j: %s', (mediaType, content, expected) => {
    expect(matches({ mediaType }, { content })).toBe(expected);
  });

  test('messages or users', () => {
    const when = { sender: 'local' } as const;
    expect(matches(when, {}, { about: 'message' })).toBe(true);
    expect(matches(when, {}, { about: 'user' })).toBe(false);
    const reported = {
      kind: 'user',
      event: null,
      room: null,
      roomAlias: null,
      content: null,
    } as const;
    expect(matches(when, reported, { about: 'user' })).toBe(true);
    expect(matches(when, reported, { about: 'message' })).toBe(false);
    expect(matches(when, reported)).toBe(true);
  });
});

describe('the time of day', () => {
  const at = (hours: number, minutes: number, month = 10) =>
    Date.UTC(2026, month, 21, hours, minutes);
  test.each([
    [{ from: '09:00', to: '17:00' }, at(8, 59), false],
    [{ from: '09:00', to: '17:00' }, at(9, 0), true],
    [{ from: '09:00', to: '17:00' }, at(16, 59), true],
    [{ from: '09:00', to: '17:00' }, at(17, 0), false],
    // Over midnight.
    [{ from: '22:00', to: '06:00' }, at(21, 59), false],
    [{ from: '22:00', to: '06:00' }, at(22, 0), true],
    [{ from: '22:00', to: '06:00' }, at(0, 0), true],
    [{ from: '22:00', to: '06:00' }, at(5, 59), true],
    [{ from: '22:00', to: '06:00' }, at(6, 0), false],
    [{ from: '00:00', to: '06:00' }, at(0, 0), true],
    [{ from: '22:00', to: '00:00' }, at(23, 59), true],
    [{ from: '22:00', to: '00:00' }, at(0, 0), false],
    // An hour ahead in winter, two in summer.
    [{ from: '22:00', to: '06:00', zone: 'Europe/Berlin' }, at(21, 0), true],
    [{ from: '22:00', to: '06:00', zone: 'Europe/Berlin' }, at(20, 59), false],
    [{ from: '22:00', to: '06:00', zone: 'Europe/Berlin' }, at(20, 0, 6), true],
    [{ from: '22:00', to: '06:00', zone: 'Asia/Kolkata' }, at(16, 30), true],
    [{ from: '22:00', to: '06:00' }, Number.MAX_SAFE_INTEGER, false],
  ])('%j at %s: %s', (timeOfDay, time, expected) => {
    const reports = [report('ana', { receivedTs: time - 1000 })];
    expect(matches({ timeOfDay }, { now: time, reports })).toBe(expected);
  });
});

describe('who counts as a reporter', () => {
  const two = { distinctReporters: { atLeast: 2 } };

  test('different people, however often each', () => {
    expect(matches(two, { reports: [report('ana'), report('ana'), report('ana')] })).toBe(false);
    expect(matches(two, { reports: [report('ana'), report('ben')] })).toBe(true);
    expect(matches(two, { reports: [] })).toBe(false);
  });

  test('nobody who reports themselves', () => {
    expect(matches(two, { reports: [report('ana'), report(mallory)] })).toBe(false);
  });

  test('nobody who is restricted', () => {
    expect(
      matches(two, { reports: [report('ana'), report('ben', { reporterRestricted: true })] }),
    ).toBe(false);
  });

  test.each([
    ['observe', {}, null, true],
    ['observe', {}, 0, true],
    ['propose', {}, null, false],
    ['propose', {}, dayMs - 1, false],
    ['propose', {}, dayMs, true],
    ['act', {}, dayMs - 1, false],
    ['act', {}, dayMs, true],
    ['act', { reporterAccountAge: { atLeast: '7d' } }, 7 * dayMs - 1, false],
    ['act', { reporterAccountAge: { atLeast: '7d' } }, 7 * dayMs, true],
    ['observe', { reporterAccountAge: { atLeast: '7d' } }, 7 * dayMs - 1, false],
    ['observe', { reporterAccountAge: { atLeast: '7d' } }, null, false],
    // Written out, a rule may ask for less.
    ['act', { reporterAccountAge: { atLeast: '1h' } }, 2 * hourMs, true],
    ['act', { reporterAccountAge: { atLeast: '1h' } }, null, false],
  ] as const)('mode %s, %j, an account of %s ms: %s', (mode, when, age, expected) => {
    const receivedTs = now - minuteMs;
    const reporterCreatedAt = age === null ? null : receivedTs - age;
    const reports = [report('ana'), report('ben', { receivedTs, reporterCreatedAt })];
    expect(matches({ ...two, ...when }, { reports }, { mode })).toBe(expected);
  });

  test('an account’s age is what it was when it reported', () => {
    const receivedTs = now - 30 * dayMs;
    const old = report('ben', { receivedTs, reporterCreatedAt: receivedTs - hourMs });
    expect(matches(two, { reports: [old, report('ana')] }, { mode: 'act' })).toBe(false);
  });

  test.each([
    ['act', 0, 2, true],
    ['act', 0, 3, false],
    ['act', 1, 3, true],
    ['act', 1, 4, false],
    ['propose', 0, 3, false],
    ['observe', 0, 30, true],
  ] as const)(
    'mode %s, %s resolved and %s dismissed: %s',
    (mode, resolved, dismissed, expected) => {
      const reports = [report('ana'), report('ben', { reporterRecord: { resolved, dismissed } })];
      expect(matches(two, { reports }, { mode })).toBe(expected);
    },
  );

  test.each([
    [0.5, 1, 1, true],
    [0.5, 1, 2, false],
    [0.5, 0, 0, false],
    [0, 0, 0, true],
    [1, 5, 0, true],
    [1, 5, 1, false],
  ])(
    'reliability of at least %s, %s resolved and %s dismissed: %s',
    (atLeast, resolved, dismissed, expected) => {
      const reports = [report('ana', { reporterRecord: { resolved, dismissed } })];
      expect(matches({ reporterReliability: { atLeast } }, { reports })).toBe(expected);
    },
  );
});

describe('reasons and scores are those of reports that count', () => {
  const when = { distinctReporters: { atLeast: 2 }, reason: { matches: 'spam' } };

  test('an attacker’s own reason does not combine with what others say', () => {
    const reports = [
      report('ana', { reason: 'rude' }),
      report('ben', { reason: 'off topic' }),
      report('eve', { reason: 'spam' }),
    ];
    expect(matches(when, { reports })).toBe(false);
    expect(matches(when, { reports: [...reports, report('dan', { reason: 'SPAMMER' })] })).toBe(
      true,
    );
  });

  test('nor a score with another’s reason', () => {
    const both = { ...when, distinctReporters: { atLeast: 1 }, score: { atMost: -50 } };
    expect(
      matches(both, {
        reports: [
          report('ana', { reason: 'spam', score: 0 }),
          report('ben', { reason: 'x', score: -100 }),
        ],
      }),
    ).toBe(false);
    expect(matches(both, { reports: [report('ana', { reason: 'spam', score: -50 })] })).toBe(true);
    expect(matches(both, { reports: [report('ana', { reason: 'spam', score: -49 })] })).toBe(false);
    expect(matches(both, { reports: [report('ana', { reason: 'spam', score: null })] })).toBe(
      false,
    );
  });

  test('no reason is none', () => {
    expect(
      matches({ reason: { matches: '.' } }, { reports: [report('ana', { reason: null })] }),
    ).toBe(false);
    expect(
      matches({ reason: { matches: '.' } }, { reports: [report('ana', { reason: '' })] }),
    ).toBe(false);
  });
});

describe('the window', () => {
  const when = { distinctReporters: { atLeast: 2, within: '1h' } };
  const ago = (who: string, ms: number) => report(who, { receivedTs: now - ms });

  test.each([
    [[hourMs, 0], true],
    [[hourMs + 1, 0], false],
    // Within an hour of each other, but long ago.
    [[3 * hourMs, 3 * hourMs - 1000], false],
    // The homeserver's clock is ahead: the window moves and does not grow.
    [[0, -hourMs], true],
    [[1, -hourMs], false],
  ])('reports %j ms ago: %s', ([first = 0, second = 0], expected) => {
    expect(matches(when, { reports: [ago('ana', first), ago('ben', second)] })).toBe(expected);
  });

  test('is not moved by a report that does not count', () => {
    const reports = [ago('ana', hourMs), ago('ben', 0)];
    const later = report('eve', { receivedTs: now + hourMs, reporterRestricted: true });
    expect(matches(when, { reports: [...reports, later] })).toBe(true);
  });
});

describe('the evaluation', () => {
  test('names the newest reporter who counts', () => {
    const rule = ruleOf({ when: { distinctReporters: { atLeast: 2 } } });
    const input = item({
      reports: [
        report('ana', { receivedTs: now - 3000 }),
        report('ben', { receivedTs: now - 2000 }),
        report('eve', { receivedTs: now - 1000, reporterRestricted: true }),
      ],
    });
    expect(rule.evaluate(input)).toEqual({
      matches: true,
      reporter: user('@ben:localhost'),
      missing: undefined,
    });
  });

  test('says what is missing where it is reporters alone', () => {
    const rule = ruleOf({
      when: { distinctReporters: { atLeast: 3 }, sender: 'local', reason: { matches: 'spam' } },
    });
    const reports = [report('ana'), report('ben')];
    const missing = { reporters: { have: 2, need: 3 } };
    expect(rule.evaluate(item({ reports }))).toEqual({
      matches: false,
      reporter: undefined,
      missing,
    });
    expect(rule.evaluate(item({ reports, isSenderLocal: false })).missing).toBeUndefined();
    // Nobody says anything that the rule is about.
    expect(
      rule.evaluate(item({ reports: [report('ana', { reason: 'rude' })] })).missing,
    ).toBeUndefined();
  });
});
