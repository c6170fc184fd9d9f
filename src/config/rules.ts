import { z } from 'zod';

import { dayMs, durationMs, durationText, minuteMs } from '../core/duration.ts';
import { tagNamePattern, tagNameRule } from '../core/tag-name.ts';
import { compilePattern } from './pattern.ts';
import { plainErrors } from './plain-errors.ts';

const ruleModes = ['act', 'propose', 'observe'] as const;

/** One text or a list of texts, read into a list. The `words` have a meaning of their own and stay as they are. */
function oneOrMore<Word extends string = never>(
  item: z.ZodType<string, string>,
  words: readonly Word[] = [],
) {
  return z
    .custom<string | readonly string[]>(() => true)
    .transform((value: unknown, context): Word | readonly string[] => {
      const word = words.find((one) => one === value);
      if (word !== undefined) {
        return word;
      }
      const isList = Array.isArray(value);
      const items: readonly unknown[] = isList ? value : [value];
      if (items.length === 0) {
        context.addIssue({ code: 'custom', message: 'must name at least one' });
      }
      return items.flatMap((one, at) => {
        const read = item.safeParse(one, { error: plainErrors });
        for (const { message } of read.error?.issues ?? []) {
          context.addIssue({ code: 'custom', message, path: isList ? [at] : [] });
        }
        return read.success ? [read.data] : [];
      });
    });
}

const glob = (first: RegExp, message: string) =>
  z
    .string()
    .max(255, 'must be at most 255 characters')
    // Spaces around a glob are a mistake; inside it, they can be part of an ID.
    .regex(/^\S(?:[^]*\S)?$/u, message)
    .regex(first, message);

const userGlob = glob(
  /^[@*?]/u,
  'must be local, remote, or globs of user IDs such as @*-bot:example.com',
);
const roomGlob = glob(/^[!#*?]/u, 'must be a room ID, an alias, or a glob of them');
const mediaGlob = glob(
  /^\S+$/u,
  'must be a media type such as image/*, or a msgtype such as m.image',
);

const pattern = z
  .string()
  .min(1)
  .max(2000, 'must be at most 2000 characters')
  .superRefine((source, context) => {
    try {
      compilePattern(source);
    } catch (error) {
      if (!(error instanceof SyntaxError)) {
        throw error;
      }
      context.addIssue({ code: 'custom', message: `is not a valid RE2 pattern: ${error.message}` });
    }
  });

const matches = z.strictObject({ matches: pattern });

/** From `atLeast` to `atMost`. One of the two is enough. */
function range<Value extends number | string>(value: z.ZodType<Value, Value>) {
  return z
    .strictObject({ atLeast: value.optional(), atMost: value.optional() })
    .superRefine(({ atLeast, atMost }, context) => {
      if (atLeast === undefined && atMost === undefined && context.issues.length === 0) {
        context.addIssue({ code: 'custom', message: 'needs atLeast or atMost' });
      }
      if (atLeast !== undefined && atMost !== undefined && size(atLeast) > size(atMost)) {
        context.addIssue({
          code: 'custom',
          message: `atLeast (${atLeast}) is larger than atMost (${atMost})`,
        });
      }
    });
}

function size(value: number | string): number {
  return typeof value === 'string' ? durationMs(value) : value;
}

const wholeNumber = z.number().int();

const notAClockTime = 'must be a time of day such as 22:00';
const clockTime = z.string(notAClockTime).regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/u, notAClockTime);

const zone = z.string().refine(isZone, 'must be a time zone such as Europe/Berlin');

function isZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const tagName = z.string().regex(tagNamePattern, `must be a tag: ${tagNameRule}`);

/** One of these tags, none of those, or both. */
const tags = z
  .strictObject({ anyOf: oneOrMore(tagName).optional(), noneOf: oneOrMore(tagName).optional() })
  .superRefine(({ anyOf, noneOf }, context) => {
    if (anyOf === undefined && noneOf === undefined && context.issues.length === 0) {
      context.addIssue({ code: 'custom', message: 'needs anyOf or noneOf' });
    }
  });

const timeOfDay = z
  .strictObject({ from: clockTime, to: clockTime, zone: zone.default('UTC') })
  .refine(({ from, to }) => from !== to, 'from and to must differ');

/** More accounts than this in one window are not counted. */
const maxSignUps = 500;

const signUpWindow = durationText.refine(
  (text) => durationMs(text) >= minuteMs && durationMs(text) <= 7 * dayMs,
  'must be from 1m to 7d',
);

/** What an item of the report queue must meet to match; all of it. Or, alone, `signups`. */
const conditions = z
  .strictObject({
    distinctReporters: z
      .strictObject({
        // The store reads the reports of at most this many people.
        atLeast: wholeNumber.min(1).max(1000),
        within: durationText.optional(),
      })
      .optional(),
    reporterAccountAge: z.strictObject({ atLeast: durationText }).optional(),
    reporterReliability: z.strictObject({ atLeast: z.number().min(0).max(1) }).optional(),
    senderAccountAge: range(durationText).optional(),
    sender: oneOrMore(userGlob, ['local', 'remote']).optional(),
    reason: matches.optional(),
    score: range(wholeNumber).optional(),
    room: oneOrMore(roomGlob).optional(),
    content: matches.optional(),
    mediaType: oneOrMore(mediaGlob).optional(),
    earlierItems: range(wholeNumber.min(0)).optional(),
    /** Of the sender. */
    tags: tags.optional(),
    roomTags: tags.optional(),
    timeOfDay: timeOfDay.optional(),
    signups: z
      .strictObject({ atLeast: wholeNumber.min(1).max(maxSignUps), within: signUpWindow })
      .optional(),
  })
  .superRefine((when, context) => {
    const isEmpty = Object.values(when).every((condition) => condition === undefined);
    // A misspelled key has been reported already.
    if (isEmpty && context.issues.length === 0) {
      context.addIssue({ code: 'custom', message: 'must have at least one condition' });
    }
  });

const rule = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[a-z0-9]+(?:[-_][a-z0-9]+)*$/u,
        'must be lower-case letters and digits, with - or _ between them',
      )
      .max(40, 'must be at most 40 characters'),
    when: conditions,
    then: z.array(z.string().min(1).max(4000)).max(20).default([]),
    /** `observe` by default. */
    mode: z.enum(ruleModes).optional(),
    /** Whether to mention the people on call. By default, only rules on sign-ups do. */
    alert: z.boolean().optional(),
    about: z.enum(['message', 'user']).optional(),
  })
  .superRefine((written, context) => {
    const { when, then, alert } = written;
    if (when.signups !== undefined) {
      for (const { path, message } of signUpFaults(written)) {
        context.addIssue({ code: 'custom', path, message });
      }
      return;
    }
    if (then.length === 0 && alert !== true) {
      context.addIssue({
        code: 'custom',
        path: ['then'],
        message: 'must have at least one line, unless the rule has alert: true',
      });
    }
  })
  .transform(({ mode = 'observe', alert, ...rest }) => ({
    ...rest,
    mode,
    alert: alert ?? rest.when.signups !== undefined,
  }));

/** What a rule on sign-ups must not have: it is about no report, and does nothing but alert. */
function signUpFaults({
  when,
  then,
  mode,
  alert,
  about,
}: {
  readonly when: object;
  readonly then: readonly string[];
  readonly mode?: string | undefined;
  readonly alert?: boolean | undefined;
  readonly about?: string | undefined;
}): { readonly path: string[]; readonly message: string }[] {
  const onlyAlerts = 'a rule on signups only alerts those on call';
  return [
    ...Object.keys(when)
      .filter((name) => name !== 'signups')
      .map((name) => ({
        path: ['when', name],
        message: 'is a condition on reports, and signups is not about reports. Write two rules',
      })),
    ...(then.length === 0 ? [] : [{ path: ['then'], message: `must be left out: ${onlyAlerts}` }]),
    ...(mode === undefined || mode === 'observe'
      ? []
      : [{ path: ['mode'], message: `must be left out: ${onlyAlerts}` }]),
    ...(alert === false
      ? [{ path: ['alert'], message: `must be true or left out: ${onlyAlerts}` }]
      : []),
    ...(about === undefined
      ? []
      : [{ path: ['about'], message: 'must be left out: signups is not about reports' }]),
  ];
}

/** `reports.rules` */
export const rulesSchema = z.array(rule).superRefine((rules, context) => {
  for (const [at, { name }] of rules.entries()) {
    if (rules.findIndex((other) => other.name === name) < at) {
      context.addIssue({
        code: 'custom',
        path: [at, 'name'],
        message: `another rule is called ${name}, too`,
      });
    }
  }
});

/** A rule of the configuration. Durations are text: read them with `durationMs`. */
export type RuleConfig = z.output<typeof rule>;
export type Conditions = RuleConfig['when'];
