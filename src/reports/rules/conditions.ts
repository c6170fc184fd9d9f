import { compilePattern } from '../../config/pattern.ts';
import type { Conditions, RuleConfig } from '../../config/rules.ts';
import { durationMs } from '../../core/duration.ts';
import { matchesGlob } from '../../core/glob.ts';
import { textsOf } from '../../services/reports/reported-content.ts';
import type { ReportedContent } from '../../services/reports/reported-content.ts';
import type { ReportInput, RuleInput } from './rule-input.ts';

/** Whether a rule is about an item, whoever has reported it. */
export type ItemTest = (item: RuleInput) => boolean;

/** Whether a report counts for a rule, whatever it is about and however old it is. */
export type ReportTest = (report: ReportInput) => boolean;

interface Range {
  readonly atLeast?: number | string | undefined;
  readonly atMost?: number | string | undefined;
}

/** The bounds are numbers, or durations such as `1h`. */
function inRange({ atLeast, atMost }: Range): (value: number) => boolean {
  const bound = (value: number | string | undefined, otherwise: number) =>
    value === undefined ? otherwise : typeof value === 'string' ? durationMs(value) : value;
  const min = bound(atLeast, Number.NEGATIVE_INFINITY);
  const max = bound(atMost, Number.POSITIVE_INFINITY);
  return (value) => value >= min && value <= max;
}

/** All conditions on what is reported and who sent it. A value that is not known never meets a condition. */
export function itemTest({ when, about }: Pick<RuleConfig, 'when' | 'about'>): ItemTest {
  const tests = [
    about === undefined ? undefined : aboutTest(about),
    senderTest(when.sender),
    senderAgeTest(when.senderAccountAge),
    roomTest(when.room),
    mediaTest(when.mediaType),
    earlierTest(when.earlierItems),
    tagTest(when.tags, ({ sender, senderTags }) => (sender === null ? undefined : senderTags)),
    tagTest(when.roomTags, ({ room, roomTags }) => (room === null ? undefined : roomTags)),
    timeTest(when.timeOfDay),
    // The most expensive test comes last.
    contentTest(when.content),
  ].filter((test) => test !== undefined);
  return (item) => tests.every((test) => test(item));
}

function aboutTest(about: 'message' | 'user'): ItemTest {
  const kind = about === 'message' ? 'event' : 'user';
  return (item) => item.kind === kind;
}

function senderTest(wanted: Conditions['sender']): ItemTest | undefined {
  if (wanted === undefined) {
    return undefined;
  }
  if (typeof wanted === 'string') {
    return ({ sender, isSenderLocal }) => sender !== null && isSenderLocal === (wanted === 'local');
  }
  return ({ sender }) => sender !== null && wanted.some((glob) => matchesGlob(glob, sender));
}

function senderAgeTest(wanted: Conditions['senderAccountAge']): ItemTest | undefined {
  if (wanted === undefined) {
    return undefined;
  }
  const isInRange = inRange(wanted);
  return ({ senderCreatedAt, now }) =>
    // Clocks differ: an account may seem to be created in the future.
    senderCreatedAt !== null && isInRange(Math.max(0, now - senderCreatedAt));
}

function roomTest(globs: Conditions['room']): ItemTest | undefined {
  return (
    globs &&
    (({ room, roomAlias }) =>
      [room, roomAlias].some(
        (name) => name !== null && globs.some((glob) => matchesGlob(glob, name)),
      ))
  );
}

function mediaTest(wanted: Conditions['mediaType']): ItemTest | undefined {
  if (wanted === undefined) {
    return undefined;
  }
  const matches = mediaTypeTest(wanted);
  return ({ content }) => content !== null && mediaTypesOf(content).some(matches);
}

/** Whether a media type or msgtype matches one of the globs. Case makes no difference. */
export function mediaTypeTest(globs: readonly string[]): (mediaType: string) => boolean {
  const wanted = globs.map((glob) => glob.toLowerCase());
  return (mediaType) => wanted.some((glob) => matchesGlob(glob, mediaType.toLowerCase()));
}

/** The types that the sender gives, without parameters. Stickers have no msgtype. */
function mediaTypesOf({ type, msgtype, mimetype }: ReportedContent): string[] {
  return [msgtype ?? type, mimetype?.split(';', 1)[0]?.trim()].filter((name) => name !== undefined);
}

function earlierTest(wanted: Conditions['earlierItems']): ItemTest | undefined {
  const isInRange = wanted && inRange(wanted);
  return isInRange && (({ sender, earlierItems }) => sender !== null && isInRange(earlierItems));
}

/** @param tagsOf the tags that are tested; undefined if it is not known who or what could have them */
function tagTest(
  wanted: Conditions['tags'],
  tagsOf: (item: RuleInput) => readonly string[] | undefined,
): ItemTest | undefined {
  if (wanted === undefined) {
    return undefined;
  }
  const { anyOf, noneOf = [] } = wanted;
  return (item) => {
    const tags = tagsOf(item);
    return (
      tags !== undefined &&
      (anyOf === undefined || anyOf.some((name) => tags.includes(name))) &&
      !noneOf.some((name) => tags.includes(name))
    );
  };
}

function timeTest(wanted: Conditions['timeOfDay']): ItemTest | undefined {
  if (wanted === undefined) {
    return undefined;
  }
  const { from, to, zone } = wanted;
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  return ({ now }) => {
    if (Number.isNaN(new Date(now).getTime())) {
      return false;
    }
    const time = format.format(now);
    // Times in this format sort as text. From 22:00 to 06:00 includes midnight.
    return from < to ? time >= from && time < to : time >= from || time < to;
  };
}

function contentTest(wanted: Conditions['content']): ItemTest | undefined {
  if (wanted === undefined) {
    return undefined;
  }
  const pattern = compilePattern(wanted.matches);
  return ({ content }) => content !== null && textsOf(content).some((text) => pattern.isIn(text));
}

/** The minimum age of a reporter's account, unless the rule sets one. */
const defaultReporterAge = '24h';
/** A reporter's record counts from this many closed items on. */
const minRecord = 3;
/** Reports by people whose share of resolved items is lower do not count. */
const minReliability = 0.25;

/**
 * The conditions on a single report and its reporter. Some of them always apply to rules that act or
 * propose.
 */
export function reportTest({ when, mode }: Pick<RuleConfig, 'when' | 'mode'>): ReportTest {
  const isObserving = mode === 'observe';
  const age = when.reporterAccountAge?.atLeast ?? (isObserving ? undefined : defaultReporterAge);
  const minAgeMs = age === undefined ? undefined : durationMs(age);
  const least = when.reporterReliability?.atLeast;
  const reason = when.reason && compilePattern(when.reason.matches);
  const isScore = when.score && inRange(when.score);
  return (report) =>
    !report.reporterRestricted &&
    (minAgeMs === undefined || isOlder(report, minAgeMs)) &&
    (isObserving || !isUnreliable(report)) &&
    (least === undefined || (reliabilityOf(report) ?? 0) >= least) &&
    (isScore === undefined || (report.score !== null && isScore(report.score))) &&
    // The most expensive test comes last: reasons can be long.
    (reason === undefined || (report.reason !== null && reason.isIn(report.reason)));
}

/** The age at the time of the report: reporting early and waiting must not help. */
function isOlder({ receivedTs, reporterCreatedAt }: ReportInput, ageMs: number): boolean {
  return reporterCreatedAt !== null && receivedTs - reporterCreatedAt >= ageMs;
}

function isUnreliable(report: ReportInput): boolean {
  const { resolved, dismissed } = report.reporterRecord;
  return resolved + dismissed >= minRecord && (reliabilityOf(report) ?? 0) < minReliability;
}

/** The share of their closed items that were resolved; undefined if none is closed. */
function reliabilityOf({ reporterRecord: { resolved, dismissed } }: ReportInput) {
  return resolved + dismissed === 0 ? undefined : resolved / (resolved + dismissed);
}
