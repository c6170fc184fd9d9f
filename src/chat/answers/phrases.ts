import { dayMs, hourMs, minuteMs } from '../../core/duration.ts';

/** How answers write numbers and times, and what several of them say. */

/** Of a job of the homeserver's own that has not ended yet. */
export const continuesByItself =
  'The homeserver continues by itself. I’ll check regularly and post the result here.';

const steps = [
  ['year', 'y', 31_557_600_000],
  ['month', 'mo', 2_629_800_000],
  ['week', 'w', 7 * dayMs],
  ['day', 'd', dayMs],
  ['hour', 'h', hourMs],
  ['minute', 'm', minuteMs],
  ['second', 's', 1000],
] as const;

/** A duration to the nearest whole of one unit: 59.7 minutes are an hour. Undefined below a second. */
function inOneUnit(durationMs: number) {
  for (const [at, [unit, short, unitMs]] of steps.entries()) {
    const [, , smallerMs = 0] = steps[at + 1] ?? [];
    if (durationMs >= unitMs - smallerMs / 2) {
      return { number: Math.round(durationMs / unitMs), unit, short };
    }
  }
  return undefined;
}

/** `3 days`, `1 hour` */
export function span(durationMs: number): string {
  const { number, unit } = inOneUnit(Math.abs(durationMs)) ?? { number: 0, unit: 'second' };
  return count(number, unit);
}

/** A duration that somebody has set; not rounded: `90 minutes` */
export function exactSpan(durationMs: number): string {
  const [unit, , unitMs] = steps.find(([, , ms]) => durationMs % ms === 0) ?? ['second', 's', 1000];
  return count(durationMs / unitMs, unit);
}

/** `3 days ago`, `in 2 hours`, `just now`. */
export function ago(atMs: number, nowMs: number): string {
  const difference = nowMs - atMs;
  if (Math.abs(difference) < 1000) {
    return 'just now';
  }
  return difference > 0 ? `${span(difference)} ago` : `in ${span(difference)}`;
}

/** How long ago, such as `3d`: for lists whose entries must each fit on one line, also on a phone. */
export function agoShort(atMs: number, nowMs: number): string {
  const rounded = inOneUnit(nowMs - atMs);
  return rounded === undefined ? 'now' : `${rounded.number}${rounded.short}`;
}

/** `3 days ago (2026-11-18 09:12 UTC)`; `never` for null or undefined. */
export function when(atMs: number | null | undefined, nowMs: number): string {
  return typeof atMs === 'number' ? `${ago(atMs, nowMs)} (${dateTime(atMs)})` : 'never';
}

/** `2026-11-18 09:12 UTC` */
export function dateTime(atMs: number): string {
  const date = new Date(atMs);
  return Number.isNaN(date.getTime())
    ? 'at an impossible time'
    : date
        .toISOString()
        .replace(/:\d\d\.\d{3}Z$/u, ' UTC')
        .replace('T', ' ');
}

/** `20:51 UTC` */
export function clock(atMs: number): string {
  return dateTime(atMs).replace(/^\S+ (?=\S+ UTC$)/u, '');
}

/** `1,204` */
export function whole(number: number): string {
  return number.toLocaleString('en-US');
}

/** `1 device`, `3 devices`, `1,204 messages` */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${whole(number)} ${number === 1 ? noun : plural}`;
}

/** Like `count`, but `no devices` for 0. */
export function amount(number: number, noun: string, plural = `${noun}s`): string {
  return number === 0 ? `no ${plural}` : count(number, noun, plural);
}

/** `412 kB`, `12.4 MB` */
export function size(bytes: number): string {
  for (const [unit, unitBytes] of [
    ['TB', 1e12],
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const) {
    // 999,950 bytes are a megabyte as people read it, not 1000 kB.
    if (bytes >= 0.9995 * unitBytes) {
      const amount = bytes / unitBytes;
      return `${amount >= 100 ? Math.round(amount) : Number(amount.toFixed(1))} ${unit}`;
    }
  }
  return count(bytes, 'byte');
}

/** `#12`, or `#12 to #15`: entries of the audit log. */
export function entries(first: number, last: number): string {
  return first === last ? `#${first}` : `#${first} to #${last}`;
}

/** Homeservers: `one.example`, `one.example and two.example`, `one.example and 3 other homeservers` */
export function nameSome([first = '', ...others]: readonly string[]): string {
  const [second] = others;
  return second === undefined
    ? first
    : `${first} and ${others.length === 1 ? second : `${others.length} other homeservers`}`;
}
