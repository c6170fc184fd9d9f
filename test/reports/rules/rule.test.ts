import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { SetupError } from '../../../src/core/errors.ts';
import { parseUserId } from '../../../src/core/ids.ts';
import type { RuleInput, ReportInput } from '../../../src/reports/rules/rule-input.ts';
import { lineFor } from '../../../src/reports/rules/rule-lines.ts';
import { createRules, missingText } from '../../../src/reports/rules/rule.ts';
import { fuzzing, hostileText } from '../../support/hostile.ts';
import {
  dayMs,
  hourMs,
  item,
  mallory,
  massReported,
  minuteMs,
  now,
  report,
  ruleOf,
  rulesConfigured,
  surroundings,
  user,
} from './rule-input.ts';
import type { PartialRule } from './rule-input.ts';

function faultsOf(...rules: readonly PartialRule[]): string[] {
  try {
    createRules(rulesConfigured(...rules), surroundings);
  } catch (error) {
    if (error instanceof SetupError) {
      return error.message.split('\n').slice(1);
    }
    throw error;
  }
  return [];
}

describe('the rule of the guide', () => {
  const rule = ruleOf(massReported);

  test('acts on what it is made for', () => {
    const input = item({ reports: [report('ana'), report('ben'), report('cyd')] });
    const evaluation = rule.evaluate(input);
    expect(evaluation).toEqual({
      matches: true,
      reporter: user('@cyd:localhost'),
      missing: undefined,
    });
    expect(rule.lines.map((line) => lineFor(line, input, evaluation.reporter))).toMatchObject([
      { line: 'shadow-ban @mallory:localhost --for=1d', forMs: dayMs },
    ]);
  });

  test('says how far it is from that', () => {
    const { missing } = rule.evaluate(item({ reports: [report('ana'), report('ben')] }));
    expect(missing && missingText(rule, missing)).toBe(
      'rule fresh-account-mass-reported would act at 3 reporters (2 now)',
    );
  });

  test.each<[string, Partial<RuleInput>]>([
    ['an old account', { senderCreatedAt: now - 3 * dayMs }],
    ['an account of unknown age', { senderCreatedAt: null }],
    ['a remote account', { isSenderLocal: false }],
  ])('leaves %s alone', (_, input) => {
    const reports = [report('ana'), report('ben'), report('cyd')];
    expect(rule.evaluate(item({ ...input, reports }))).toMatchObject({
      matches: false,
      missing: undefined,
    });
  });

  test.each<[string, Partial<ReportInput>]>([
    ['is too young', { reporterCreatedAt: now - 6 * dayMs }],
    ['is of unknown age', { reporterCreatedAt: null }],
    ['is restricted', { reporterRestricted: true }],
    ['has another reason', { reason: 'rude' }],
    ['gives no reason', { reason: null }],
    ['reported long ago', { receivedTs: now - hourMs - 1 }],
    ['reports for nothing', { reporterRecord: { resolved: 1, dismissed: 9 } }],
  ])('takes nobody for a witness who %s', (_, of) => {
    expect(
      rule.evaluate(item({ reports: [report('ana'), report('ben'), report('cyd', of)] })),
    ).toMatchObject({ matches: false, missing: { reporters: { have: 2, need: 3 } } });
  });

  test('a gang of fresh accounts never gets anybody, however many they are', () => {
    const fresh = fc.record({
      name: fc.integer({ min: 0, max: 500 }),
      ageMs: fc.integer({ min: 0, max: 7 * dayMs - 1 }),
      agoMs: fc.integer({ min: 0, max: 2 * hourMs }),
      isKnown: fc.boolean(),
      reason: fc.constantFrom('spam', 'SPAM scam', 'x', null),
      resolved: fc.nat(20),
    });
    const gang = fc.array(fresh, { minLength: 3, maxLength: 200 });
    fc.assert(
      fc.property(gang, ([...members]) => {
        const reports = members.map(({ name, ageMs, agoMs, isKnown, reason, resolved }) =>
          report(`fresh${name}`, {
            receivedTs: now - agoMs,
            reporterCreatedAt: isKnown ? now - agoMs - ageMs : null,
            reporterRecord: { resolved, dismissed: 0 },
            reason,
          }),
        );
        // Two honest people do not make it three.
        const input = item({ reports: [...reports, report('ana'), report('ben')] });
        expect(rule.evaluate(input).matches).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a rule that acts', () => {
  const act = { mode: 'act', then: ['shadow-ban {sender}'] } as const;
  const unsafe =
    '  reports.rules.0.mode: act needs distinctReporters with atLeast: 2 or more, or a content or mediaType condition that ordinary messages don’t meet: what one person claims is not enough. tags with anyOf are enough for lines such as tag, note and claim';

  test.each([
    { distinctReporters: { atLeast: 1 } },
    { sender: 'local' },
    { reason: { matches: 'spam' }, score: { atMost: -100 } },
    { reporterReliability: { atLeast: 1 } },
    { senderAccountAge: { atMost: '1h' }, earlierItems: { atLeast: 5 } },
    // What everybody writes is no condition.
    { content: { matches: '.' } },
    { content: { matches: 'spam|' } },
    { content: { matches: '^' } },
    { content: { matches: '\\w' } },
    { content: { matches: 'e' } },
    { mediaType: 'm.text' },
    { mediaType: ['image/*', 'm.*'] },
    { mediaType: '*' },
    { tags: { noneOf: ['trusted'] } },
    { roomTags: { anyOf: ['quiet'] } },
    // A tag was set once, and says nothing of what is reported now.
    { tags: { anyOf: ['known-spammer'] } },
  ] as const)('must not do so at one person’s word: %j', (when) => {
    expect(faultsOf({ ...act, when })).toEqual([unsafe]);
  });

  test.each([
    { distinctReporters: { atLeast: 2 } },
    { content: { matches: 'free coins' } },
    { content: { matches: 'https?://' } },
    { content: { matches: 'hello' } },
    { mediaType: ['image/*', 'm.sticker'] },
    { tags: { anyOf: ['known-spammer'] }, distinctReporters: { atLeast: 2 } },
    { content: { matches: '.' }, distinctReporters: { atLeast: 2 } },
  ] as const)('may with %j', (when) => {
    expect(faultsOf({ ...act, when })).toEqual([]);
  });

  test('may change the bot’s own records because of a tag, and nothing else', () => {
    const when = { tags: { anyOf: ['known-spammer'] } };
    const records = ['tag {sender} seen --for 30d', 'note {sender} again', 'claim'];
    expect(faultsOf({ mode: 'act', when, then: records })).toEqual([]);
    expect(faultsOf({ mode: 'act', when, then: [...records, 'shadow-ban {sender}'] })).toEqual([
      unsafe,
    ]);
    expect(faultsOf({ mode: 'act', when: { sender: 'local' }, then: records })).toEqual([unsafe]);
  });

  test('or with nothing to do, or where people decide', () => {
    const when = { sender: 'local' } as const;
    expect(faultsOf({ ...act, when, then: [] })).toEqual([]);
    expect(faultsOf({ ...act, when, mode: 'propose' })).toEqual([]);
    expect(faultsOf({ ...act, when, mode: 'observe' })).toEqual([]);
  });
});

test('every fault of every rule has a line, with its place', () => {
  const rules = rulesConfigured(
    { then: ['shadow-ban {sender}', 'shadow-ban @ben:localhost'] },
    { mode: 'act', then: ['login-as {sender}', 'help'] },
  );
  const places = { file: 'lawspeaker.yaml', of: () => 'line 3' };
  const error = (() => {
    try {
      return createRules(rules, { ...surroundings, places });
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(SetupError);
  expect(error instanceof SetupError ? error.message.split('\n') : []).toEqual([
    'lawspeaker.yaml has errors:',
    '  reports.rules.0.then.1: The command must act on the reported user, message, room or file. Use `{sender}`, `{event}` or `{room}`. (line 3)',
    '  reports.rules.1.then.0: `login-as` is only for admins if used like this; rules can’t run it. (line 3)',
    expect.stringMatching(/^ {2}reports\.rules\.1\.then\.1: `help` is for people.* \(line 3\)$/u),
    expect.stringMatching(/^ {2}reports\.rules\.1\.mode: act needs .* \(line 3\)$/u),
  ]);
});

describe('whatever is reported', () => {
  const userIds = fc
    .oneof(
      fc.constantFrom(mallory, user('@ana:localhost'), user('@ben:localhost')),
      fc.integer({ min: 0, max: 9 }).map((number) => parseUserId(`@user${number}:localhost`)),
    )
    .filter((id) => id !== undefined);
  const reports = fc.record<ReportInput>({
    reporter: userIds,
    reporterCreatedAt: fc.option(fc.integer({ min: now - 400 * dayMs, max: now + dayMs })),
    reporterRestricted: fc.boolean(),
    reporterRecord: fc.record({ resolved: fc.nat(5), dismissed: fc.nat(5) }),
    receivedTs: fc.integer({ min: now - 2 * hourMs, max: now + hourMs }),
    reason: fc.option(fc.oneof(fc.constantFrom('spam', 'scam!', 'rude'), hostileText)),
    score: fc.option(fc.integer({ min: -100, max: 0 })),
  });
  const input = fc.record({
    senderCreatedAt: fc.option(fc.integer({ min: now - 5 * dayMs, max: now + dayMs })),
    isSenderLocal: fc.boolean(),
    earlierItems: fc.nat(3),
    content: fc.option(
      fc.record({
        type: fc.constantFrom('m.room.message', 'm.sticker', 'm.room.encrypted'),
        isEncrypted: fc.boolean(),
        msgtype: fc.option(hostileText, { nil: undefined }),
        body: fc.option(hostileText, { nil: undefined }),
        mimetype: fc.option(hostileText, { nil: undefined }),
      }),
    ),
    reports: fc.array(reports, { maxLength: 8 }),
  });
  const modes = ['act', 'propose', 'observe'] as const;
  const rules = modes.flatMap((mode) => [
    ruleOf({ ...massReported, name: `mass-${mode}`, mode }),
    ruleOf({
      name: `near-${mode}`,
      mode,
      then: ['shadow-ban {sender}'],
      when: { distinctReporters: { atLeast: 2, within: '30m' }, score: { atMost: -10 } },
    }),
    ruleOf({
      name: `text-${mode}`,
      mode,
      when: { content: { matches: 'coins|<script|\\d{3}' }, mediaType: ['m.*', '*/*', 'a?'] },
    }),
  ]);

  test('no rule throws, and each says the same of the same', () => {
    fc.assert(
      fc.property(input, (some) => {
        const whole = item(some);
        for (const rule of rules) {
          const evaluation = rule.evaluate(whole);
          expect(evaluation.matches).toBe(evaluation.reporter !== undefined);
          expect(rule.evaluate(structuredClone(whole))).toEqual(evaluation);
          expect(evaluation.reporter).not.toBe(mallory);
        }
      }),
      { numRuns: fuzzing.numRuns / 5 },
    );
  });

  test('a report that counts for nobody changes nothing', () => {
    const worthless = fc
      .tuple(reports, fc.nat(3))
      .map(([some, how]): ReportInput =>
        how === 0
          ? { ...some, reporterRestricted: true }
          : how === 1
            ? { ...some, reporter: mallory }
            : how === 2
              ? { ...some, reporterCreatedAt: null, reason: null, score: null }
              : { ...some, reason: 'nothing of it', score: 0 },
      );
    fc.assert(
      fc.property(input, fc.array(worthless, { minLength: 1, maxLength: 5 }), (some, more) => {
        for (const rule of rules.filter(({ name }) => !name.startsWith('text'))) {
          const before = rule.evaluate(item(some));
          const after = rule.evaluate(item({ ...some, reports: [...some.reports, ...more] }));
          expect(after).toEqual(before);
        }
      }),
      { numRuns: fuzzing.numRuns / 5 },
    );
  });

  test('the order in which reports are given says nothing but who was last', () => {
    fc.assert(
      fc.property(input, (some) => {
        for (const rule of rules) {
          const turned = item({ ...some, reports: some.reports.toReversed() });
          expect(rule.evaluate(turned).matches).toBe(rule.evaluate(item(some)).matches);
        }
      }),
      { numRuns: fuzzing.numRuns / 10 },
    );
  });

  test('a thousand long reports are looked at in a moment', () => {
    const rule = ruleOf({
      ...massReported,
      when: {
        ...massReported.when,
        distinctReporters: { atLeast: 1000 },
        reason: { matches: '(?:s+p+a+m+)+$|(?:free|cheap).{0,50}(?:coins|crypto)' },
      },
    });
    const many = Array.from({ length: 1000 }, (_, at) =>
      report(`user${at}`, {
        receivedTs: now - minuteMs,
        reason: `${'spam'.repeat(400)} free ${'x'.repeat(390)}${at}`,
      }),
    );
    const started = performance.now();
    expect(rule.evaluate(item({ reports: many })).matches).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
