import { compilePattern } from '../../config/pattern.ts';
import type { Conditions, RuleConfig } from '../../config/rules.ts';
import { durationMs } from '../../core/duration.ts';
import { matchesGlob } from '../../core/glob.ts';
import { textsOf } from '../../services/reports/reported-content.ts';
import type { RuleInput, RuleReport, ReportedContent } from './rule-input.ts';

/** Whether an item is such as a rule is about, whoever has reported it. */
export type ItemTest = (item: RuleInput) => boolean;

/** Whether a report counts for a rule, whatever it reports and however old it is. */
export type ReportTest = (report: RuleReport) => boolean;

interface Range {
  readonly atLeast?: number | string | undefined;
  readonly atMost?: number | string | undefined;
}

/** Numbers, or durations in milliseconds. */
function inRange({ atLeast, atMost }: Range): (value: number) => boolean {
  const bound = (value: number | string | undefined, otherwise: number) =>
    value === undefined ? otherwise : typeof value === 'string' ? durationMs(value) : value;
  const least = bound(atLeast, Number.NEGATIVE_INFINITY);
  const most = bound(atMost, Number.POSITIVE_INFINITY);
  return (value) => value >= least && value <= most;
}

/** All conditions on what is reported and by whom it was sent. What is not known fits none of them. */
export function itemTest({ when, about }: Pick<RuleConfig, 'when' | 'about'>): ItemTest {
  const tests = [
    about === undefined ? undefined : aboutTest(about),
    senderTest(when.sender),
    senderAgeTest(when.senderAccountAge),
    roomTest(when.room),
    mediaTest(when.mediaType),
    earlierTest(when.earlierItems),
    timeTest(when.timeOfDay),
    // The costliest comes last.
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
  const fits = inRange(wanted);
  return ({ senderCreatedAt, now }) =>
    // By clocks that differ, an account can be younger than nothing.
    senderCreatedAt !== null && fits(Math.max(0, now - senderCreatedAt));
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
  const fits = mediaTypeTest(wanted);
  return ({ content }) => content !== null && mediaTypesOf(content).some(fits);
}

/** Whether a media type, or a msgtype, is one of those that are wanted. Case makes no difference. */
export function mediaTypeTest(globs: readonly string[]): (mediaType: string) => boolean {
  const wanted = globs.map((glob) => glob.toLowerCase());
  return (mediaType) => wanted.some((glob) => matchesGlob(glob, mediaType.toLowerCase()));
}

/** What the sender calls it; a type's parameters say nothing here. Stickers have no msgtype. */
function mediaTypesOf({ type, msgtype, mimetype }: ReportedContent): string[] {
  return [msgtype ?? type, mimetype?.split(';', 1)[0]?.trim()].filter((name) => name !== undefined);
}

function earlierTest(wanted: Conditions['earlierItems']): ItemTest | undefined {
  const fits = wanted && inRange(wanted);
  return fits && (({ sender, earlierItems }) => sender !== null && fits(earlierItems));
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
    // Times of this form sort as text. From 22:00 to 06:00 goes over midnight.
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

/** Where the rule says nothing of it, reporters must be so old. */
const defaultReporterAge = '24h';
/** So many settled reports make a record. */
const shortestRecord = 3;
/** Whose reports lead to something more seldom is no witness. */
const lowestReliability = 0.25;

/**
 * The conditions on a single report and on who has sent it. For what changes something there are some
 * that no rule can do without.
 */
export function reportTest({ when, mode }: Pick<RuleConfig, 'when' | 'mode'>): ReportTest {
  const isWatching = mode === 'observe';
  const age = when.reporterAccountAge?.atLeast ?? (isWatching ? undefined : defaultReporterAge);
  const youngestMs = age === undefined ? undefined : durationMs(age);
  const least = when.reporterReliability?.atLeast;
  const reason = when.reason && compilePattern(when.reason.matches);
  const fitsScore = when.score && inRange(when.score);
  return (report) =>
    !report.reporterRestricted &&
    (youngestMs === undefined || isOlder(report, youngestMs)) &&
    (isWatching || !isUnreliable(report)) &&
    (least === undefined || (reliabilityOf(report) ?? 0) >= least) &&
    (fitsScore === undefined || (report.score !== null && fitsScore(report.score))) &&
    // Last: what strangers wrote can be long.
    (reason === undefined || (report.reason !== null && reason.isIn(report.reason)));
}

/** When they reported: an account does not come of age by waiting for others. */
function isOlder({ receivedTs, reporterCreatedAt }: RuleReport, ageMs: number): boolean {
  return reporterCreatedAt !== null && receivedTs - reporterCreatedAt >= ageMs;
}

function isUnreliable(report: RuleReport): boolean {
  const { resolved, dismissed } = report.reporterRecord;
  return resolved + dismissed >= shortestRecord && (reliabilityOf(report) ?? 0) < lowestReliability;
}

/** The share of their reports that led to something; undefined where none is settled. */
function reliabilityOf({ reporterRecord: { resolved, dismissed } }: RuleReport) {
  return resolved + dismissed === 0 ? undefined : resolved / (resolved + dismissed);
}
