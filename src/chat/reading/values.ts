import { dayMs, durationMeant, readDuration } from '../../core/duration.ts';
import { UsageError } from '../../core/errors.ts';
import {
  parseEventId,
  parseMxcUri,
  parseRoomAlias,
  parseRoomId,
  parseUserId,
} from '../../core/ids.ts';
import type { EventId, MxcUri, RoomAlias, RoomId, UserId } from '../../core/ids.ts';
import { timeInZone } from '../../core/local-time.ts';
import { cut, nearest } from '../../core/text.ts';
import { quote } from './tokenize.ts';

/** An event in a room. */
interface EventReference {
  readonly room: RoomId;
  readonly event: EventId;
}

/** What each kind of argument is read into. */
export interface ParsedValues {
  /** An account of this homeserver: looked up, and protected, before the command sees it. */
  account: UserId;
  /** Any user ID, known here or not: to search by. Nothing is done to or as this user. */
  user: UserId;
  /**
   * A user whom the command creates, or in whose name it acts: protected before the command sees it, whether
   * the account exists or not.
   */
  identity: UserId;
  /** An alias is resolved before `preview` and `run` see it; `check` may see the alias. */
  room: RoomId;
  /** A user as with `user`, or a room as with `room`. */
  target: UserId | RoomId;
  /** An alias in the link is resolved, too. */
  event: EventReference;
  /** A file of this server or another. */
  media: MxcUri;
  /** Free text. */
  text: string;
  /** One word without blanks: a code, a token, a name. */
  word: string;
  integer: number;
  /** The number of an item of the report queue. */
  item: number;
  boolean: boolean;
  choice: string;
  /** Milliseconds. */
  duration: number;
  /**
   * Milliseconds since 1970; a duration is read as that long ago, or from now if `ahead` is set. It is
   * resolved once, when the command is read, so that what is previewed, done and reconciled is the same
   * however much later that is.
   */
  date: number;
}

export type ArgumentKind = keyof ParsedValues;

/** The part of a declared argument that says how one word of it is read. */
interface ValueSpec {
  readonly place: 'positional' | 'flag';
  readonly kind: ArgumentKind;
  readonly options: {
    readonly choices?: readonly string[];
    readonly min?: number;
    readonly max?: number;
    /** A duration given for a date is counted from now into the future. */
    readonly ahead?: true;
  };
}

/** What a homeserver is called. */
export interface HomeserverName {
  /** In `--on NAME`: short, such as `work`; or the server name. */
  readonly name: string;
  /** The part of its user IDs behind the colon. */
  readonly serverName: string;
}

/** What reading depends on besides the words. */
export interface ReadingContext {
  /** A bare name is a user of this homeserver. */
  readonly serverName: string;
  /** The homeservers that `--on` can name, if there are several. */
  readonly homeservers?: readonly HomeserverName[];
  readonly now: number;
  readonly prefix: string;
  /** The value of a missing argument by its kind, if the message is about something, such as a report. */
  readonly fillIn?: (kind: ArgumentKind) => string | undefined;
}

/** Reads one word as the kind that was declared. @throws UsageError it can't be read as that */
export function readValue(word: string, argument: ValueSpec, context: ReadingContext): unknown {
  switch (argument.kind) {
    case 'account':
    case 'identity':
    case 'user':
      return readUserValue(word, context);
    case 'room':
      return readRoom(word);
    case 'target':
      return readTarget(word, context);
    case 'event':
      return readEvent(word);
    case 'media':
      return readMediaValue(word, context);
    case 'item':
    case 'integer':
      return readInteger(word, argument);
    case 'choice':
      return readChoice(word, argument.options.choices ?? []);
    case 'duration':
      return readDurationValue(word);
    case 'date':
      return readDate(word, context.now, argument.options.ahead === true);
    case 'word':
      if (word === '' || /\s/u.test(word)) {
        throw wrong(word, 'not a single word', 'It can’t contain spaces.');
      }
      return word;
    case 'text':
    case 'boolean':
      return word;
  }
}

function wrong(word: string, what: string, advice?: string): UsageError {
  return new UsageError(`\`${cut(word)}\` is ${what}.`, { word, advice });
}

function readUserValue(word: string, { serverName, prefix }: ReadingContext): UserId {
  const user = readUser(word, serverName);
  if (user !== undefined) {
    return user;
  }
  const media = readMedia(word);
  throw media === undefined
    ? wrong(
        word,
        'not a user',
        `Give \`@name:server\`, a link to the user, or a name on ${serverName}.`,
      )
    : wrong(
        word,
        'a file, not a user',
        `\`${prefix}quarantine ${media}\` makes that one file unavailable.`,
      );
}

function readEvent(word: string) {
  const reference = readReference(word);
  if (reference?.kind !== 'event') {
    throw wrong(word, 'not a link to a message', 'Copy the link from the message in your client.');
  }
  return { room: reference.room, event: reference.event };
}

function readMediaValue(word: string, { prefix }: ReadingContext): MxcUri {
  const media = readMedia(word);
  if (media === undefined) {
    throw wrong(
      word,
      'not a media link',
      readReference(word)?.kind === 'event'
        ? `That is a link to a message. \`${prefix}redact\` shows which file it contains.`
        : 'Give `mxc://server/id` or a download link.',
    );
  }
  return media;
}

function readInteger(word: string, { place, options }: ValueSpec): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options;
  // With the marks that answers, lists and sentences have: `#4, #5.`
  const digits = place === 'positional' ? word.replace(/^#|[.,;]$/gu, '') : word;
  const number = /^-?\d{1,15}$/u.test(digits) ? Number(digits) : Number.NaN;
  if (Number.isNaN(number) || number < min || number > max) {
    throw wrong(
      word,
      options.max === undefined
        ? `not a whole number, ${min} or more`
        : `not a whole number between ${min} and ${max}`,
    );
  }
  return number;
}

function readChoice(word: string, choices: readonly string[]): string {
  const typed = word.toLowerCase();
  if (!choices.includes(typed)) {
    const guess =
      nearest(typed, choices) ??
      (typed.length < 3 ? undefined : choices.find((choice) => choice.startsWith(typed)));
    throw wrong(
      word,
      'not one of the possible values',
      `${guess === undefined ? '' : `Did you mean \`${guess}\`? `}Possible values: ${choices.join(', ')}.`,
    );
  }
  return typed;
}

function readDurationValue(word: string): number {
  const durationMs = readDuration(word);
  if (durationMs === undefined) {
    const meant = durationMeant(word);
    throw wrong(
      word,
      'not a valid duration',
      meant === undefined
        ? 'Use e.g. `30s`, `5m`, `1h`, `7d` or `2w`.'
        : `Did you mean \`${meant}\`?`,
    );
  }
  return durationMs;
}

function readRoom(word: string): RoomId | RoomAlias {
  const reference = readReference(word);
  if (reference?.kind !== 'room') {
    throw wrong(word, 'not a room', 'Give a room ID (`!…`), an alias (`#name:server`) or a link.');
  }
  return reference.room;
}

/** A bare name is a user's: rooms don't have one. */
function readTarget(word: string, { serverName }: ReadingContext): UserId | RoomId | RoomAlias {
  const reference = readReference(word);
  const isUnfinished = reference === undefined && /^[!#$]/u.test(word);
  const target =
    reference?.kind === 'room'
      ? reference.room
      : isUnfinished
        ? undefined
        : readUser(word, serverName);
  if (target === undefined) {
    throw wrong(
      word,
      'neither a user nor a room',
      `Give \`@name:server\`, a name on ${serverName}, \`!…\`, \`#name:server\`, or a link.`,
    );
  }
  return target;
}

/**
 * ISO 8601, also with a space in place of the `T` and before the zone, with `UTC` for `Z`, or with the name of a zone:
 * `2026-11-21 18:40 Europe/Berlin`.
 */
const datePattern =
  /^(\d{4}-\d\d-(\d\d))(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?))?(?: ?(Z|UTC|[+-]\d\d:\d\d)| ([a-z][\w+\-/]*))?$/iu;

/** The last date whose year has four digits. */
const lastDate = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function readDate(word: string, now: number, isAhead: boolean): number {
  const durationMs = readDuration(word);
  if (durationMs !== undefined) {
    return isAhead ? now + durationMs : Math.max(0, now - durationMs);
  }
  const timeOfDay = isAhead ? nextTimeOfDay(word, now) : undefined;
  if (timeOfDay !== undefined) {
    return timeOfDay;
  }
  const [, day, dayOfMonth, time = '00:00', zone, zoneName] = datePattern.exec(word) ?? [];
  // JavaScript takes the 30th of February for the 2nd of March.
  const isDay = day !== undefined && new Date(day).getUTCDate() === Number(dayOfMonth);
  const offset = zone === undefined || /^(?:z|utc)$/iu.test(zone) ? 'Z' : zone;
  const shown = isDay ? Date.parse(`${day}T${time}${offset}`) : Number.NaN;
  const date = zoneName === undefined ? shown : (timeInZone(shown, zoneName) ?? Number.NaN);
  if (Number.isNaN(date) || date < 0 || date > lastDate) {
    throw wrong(
      word,
      'not a valid date',
      isAhead
        ? `Use e.g. \`22:00\`, \`${new Date(now + dayMs).toISOString().slice(0, 'YYYY-MM-DDTHH:MM'.length)}Z\`, or how long from now, such as \`7d\`. Times are UTC unless a zone follows: \`"2026-11-01 10:00 Europe/Berlin"\`.`
        : 'Use e.g. `2026-11-21`, `"2026-11-21 18:40"`, or how long ago, such as `7d`. Times are UTC unless a zone follows: `"2026-11-21 18:40 Europe/Berlin"`, `2026-11-21T18:40+01:00`.',
    );
  }
  return date;
}

/** A time of day, in UTC unless it names another zone. */
const timeOfDayPattern = /^(\d{1,2}:\d\d)(?: ?(Z|UTC|[+-]\d\d:\d\d))?$/iu;

/** The next time that it is `22:00`, in milliseconds since 1970; undefined for anything else. */
function nextTimeOfDay(word: string, now: number): number | undefined {
  const [, time, zone] = timeOfDayPattern.exec(word) ?? [];
  if (time === undefined) {
    return undefined;
  }
  const [day] = new Date(now).toISOString().split('T', 1);
  const offset = zone === undefined || /^(?:z|utc)$/iu.test(zone) ? 'Z' : zone;
  const date = Date.parse(`${day}T${time.padStart('HH:MM'.length, '0')}${offset}`);
  // With an offset, today in UTC may be yesterday or tomorrow there.
  const ahead = (((date - now) % dayMs) + dayMs) % dayMs;
  return Number.isNaN(date) ? undefined : now + (ahead === 0 ? dayMs : ahead);
}

/** A word of a command line that is not a flag. */
export interface Word {
  readonly text: string;
  /** Meant as it is written. Other words may have punctuation around them. */
  readonly exact: boolean;
}

const ids: ReadonlySet<ArgumentKind> = new Set([
  'account',
  'user',
  'room',
  'target',
  'event',
  'media',
  'identity',
] as const);

/** The text of a word, for an argument of this kind. */
export function textFor({ text, exact }: Word, kind: ArgumentKind): string {
  // IDs are copied from sentences, with punctuation and invisible characters around them.
  return ids.has(kind) && !exact ? withoutMarksAround(text) : text;
}

/** Reads a word as the kind that was declared. @throws UsageError it can't be */
export function readWord(word: Word, argument: ValueSpec, context: ReadingContext): unknown {
  return readValue(textFor(word, argument.kind), argument, context);
}

/** What a Matrix ID or link points to. */
type Reference =
  | { readonly kind: 'user'; readonly user: UserId }
  | { readonly kind: 'room'; readonly room: RoomId | RoomAlias }
  | { readonly kind: 'event'; readonly room: RoomId | RoomAlias; readonly event: EventId };

/** https://spec.matrix.org/latest/appendices/#matrix-uri-scheme */
const uriKinds: ReadonlyMap<string, string> = new Map([
  ['u', '@'],
  ['r', '#'],
  ['roomid', '!'],
  ['e', '$'],
]);

/**
 * The identifiers that a `matrix.to` link names. Both may hold a `/` that is not encoded: event IDs
 * of room version 3 do, and so may localparts.
 */
function inPermalink(path: string): string[] {
  const [first = '', ...event] = path.split(/\/(?=\$|%24)/u);
  return event.length === 0
    ? [first.replace(/\/$/u, '')]
    : [first, event.join('/').replace(/\/$/u, '')];
}

/**
 * The identifiers that a client's own link names, wherever the client is hosted: `…/#/user/@name:server`,
 * `…/#/room/!id:server`. Empty if the ID is of the other kind.
 */
function inClientLink(kind: string, path: string): string[] {
  const [first = '', ...rest] = inPermalink(path);
  const isUser = /^(?:@|%40)/u.test(first);
  return isUser === (kind === 'user') ? [first, ...rest] : [];
}

/** The identifiers that a `matrix:` URI names; empty unless it names exactly one thing. */
function inUri(path: string): string[] {
  const [kind = '', first = '', eventKind, event = '', ...rest] = path.split('/');
  const sigil = uriKinds.get(kind);
  if (sigil === undefined || sigil === '$' || rest.length > 0) {
    return [];
  }
  if (eventKind === undefined) {
    return [`${sigil}${first}`];
  }
  return eventKind === 'e' && sigil !== '@' ? [`${sigil}${first}`, `$${event}`] : [];
}

/** The identifiers in a link, decoded; undefined for other text. */
function identifiersIn(link: string): string[] | undefined {
  const permalink = /^https?:\/\/matrix\.to\/#\/([^?]+)/u.exec(link)?.[1];
  const uri = /^matrix:(?:\/\/[^/]*\/)?([^?#]+)/u.exec(link)?.[1];
  const [, kind, own] =
    /^[a-z][a-z0-9.+-]{0,30}:\/\/[^\s#]*#\/(user|room)\/([^?]+)/u.exec(link) ?? [];
  if (permalink === undefined && uri === undefined && kind === undefined) {
    return undefined;
  }
  try {
    const found =
      permalink !== undefined
        ? inPermalink(permalink)
        : kind !== undefined
          ? inClientLink(kind, own ?? '')
          : inUri(uri ?? '');
    return found.map((part) => decodeURIComponent(part));
  } catch {
    // The percent-encoding is invalid, so this isn't a link to anything.
    return [];
  }
}

/** Reads an ID, a `matrix.to` link or a `matrix:` URI; undefined for anything else. */
export function readReference(text: string): Reference | undefined {
  const [first = '', second] = identifiersIn(text) ?? [text];
  const user = parseUserId(first);
  if (user !== undefined) {
    return { kind: 'user', user };
  }
  const room = parseRoomId(first) ?? parseRoomAlias(first);
  if (room === undefined) {
    return undefined;
  }
  if (second === undefined) {
    return { kind: 'room', room };
  }
  const event = parseEventId(second);
  return event === undefined ? undefined : { kind: 'event', room, event };
}

/** Reads a user: ID, link, or the bare localpart of an account on `serverName`. */
export function readUser(text: string, serverName: string): UserId | undefined {
  const reference = readReference(text);
  if (reference !== undefined) {
    return reference.kind === 'user' ? reference.user : undefined;
  }
  const name = text.replace(/^@/u, '');
  // An account with an empty name can only be given by its full ID.
  return name === '' || /[:/]/u.test(name) ? undefined : parseUserId(`@${name}:${serverName}`);
}

const marksInFront = /[.,;:?<(\s\p{Cc}\p{Cf}]/u;
const marksBehind = /[.,;:!?<>()…\s\p{Cc}\p{Cf}]/u;

/**
 * A word without the marks of a sentence and the invisible characters around it, which come along when
 * an ID is copied. The full stop beside a bare name stays: names may begin or end with one.
 */
export function withoutMarksAround(word: string): string {
  const isBareName = !/^[!#]|[^:]:[^:]/u.test(word);
  const is = (marks: RegExp, character = '') =>
    marks.test(character) && !(isBareName && character === '.');
  const characters = Array.from(word);
  let start = 0;
  let end = characters.length;
  while (start < end && is(marksInFront, characters[start])) {
    start += 1;
  }
  while (end > start && is(marksBehind, characters[end - 1])) {
    end -= 1;
  }
  return characters.slice(start, end).join('');
}

/**
 * Characters that readers don't see as they are, or that clients don't copy. Compare `visible` in the
 * answers.
 */
const uncopiable =
  /[\p{C}\p{Zl}\p{Zp}\u034F\u115F\u1160\u17B4\u17B5\u3164\uFFA0]|(?! )\p{Zs}| {2}/u;

/** An ID as a word of a command line: quoted if necessary, or as a link if quotes don't help. */
export function idWord(id: string): string {
  const kind = [...uriKinds].find(([, sigil]) => id.startsWith(sigil))?.[0];
  return kind !== undefined && uncopiable.test(id)
    ? `matrix:${kind}/${encodeURIComponent(id.slice(1))}`
    : quote(id);
}

/** Where homeservers serve files: `…/download/SERVER/ID`, with or without a name after it. */
const mediaPath =
  /^\/_matrix\/(?:client\/v1\/media|media\/(?:r0|v1|v3))\/(?:download|thumbnail)\/([^/]+)\/([^/]+)(?:\/[^/]*)?$/u;

/**
 * Reads a file's `mxc://` address, or a link to download it or its thumbnail from any homeserver;
 * undefined for anything else.
 */
export function readMedia(text: string): MxcUri | undefined {
  const own = parseMxcUri(text);
  if (own !== undefined) {
    return own;
  }
  // Throwing for each of a thousand links in one message would take half a second.
  if (!/^https?:\/\//iu.test(text) || !URL.canParse(text)) {
    return undefined;
  }
  try {
    const [, server, media] = mediaPath.exec(new URL(text).pathname) ?? [];
    return server !== undefined && media !== undefined
      ? parseMxcUri(`mxc://${decodeURIComponent(server)}/${decodeURIComponent(media)}`)
      : undefined;
  } catch {
    // The percent-encoding is invalid.
    return undefined;
  }
}

/** A link that opens in the reader’s own client. */
export type MatrixToLink = `https://matrix.to/#/${string}`;

/** The link to an event. https://spec.matrix.org/latest/appendices/#matrixto-navigation */
export function matrixToLink(room: string, event: string): MatrixToLink {
  return `https://matrix.to/#/${encodeURIComponent(room)}/${encodeURIComponent(event)}`;
}
