import {
  parseEventId,
  parseMxcUri,
  parseRoomAlias,
  parseRoomId,
  parseUserId,
} from '../../core/ids.ts';
import type { EventId, MxcUri, RoomAlias, RoomId, UserId } from '../../core/ids.ts';
import { quote } from './tokenize.ts';

/** What a Matrix ID or link points to. */
export type Reference =
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
 * `…/#/room/!id:server`. Empty if it is one of the other kind.
 */
function inClientLink(kind: string, path: string): string[] {
  const [first = '', ...rest] = inPermalink(path);
  const isUser = /^(?:@|%40)/u.test(first);
  return isUser === (kind === 'user') ? [first, ...rest] : [];
}

/** The identifiers that a `matrix:` URI names; empty where it names more or less than one thing. */
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
    // Percent-encoding that decodes to nothing: no link of ours.
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

/** What no reader sees as it is, or no client copies: as `visible` in the answers. */
const uncopiable =
  /[\p{C}\p{Zl}\p{Zp}\u034F\u115F\u1160\u17B4\u17B5\u3164\uFFA0]|(?! )\p{Zs}| {2}/u;

/** An ID as a word of a command line: quoted where it must be, or as a link if quotes don't help. */
export function idWord(id: string): string {
  const kind = [...uriKinds].find(([, sigil]) => id.startsWith(sigil))?.[0];
  return kind !== undefined && uncopiable.test(id)
    ? `matrix:${kind}/${encodeURIComponent(id.slice(1))}`
    : quote(id);
}

/** Where homeservers give files out: `…/download/SERVER/ID`, with a name behind it or without. */
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
  // To throw for each of a thousand links in one message takes half a second.
  if (!/^https?:\/\//iu.test(text) || !URL.canParse(text)) {
    return undefined;
  }
  try {
    const [, server, media] = mediaPath.exec(new URL(text).pathname) ?? [];
    return server !== undefined && media !== undefined
      ? parseMxcUri(`mxc://${decodeURIComponent(server)}/${decodeURIComponent(media)}`)
      : undefined;
  } catch {
    // Percent-encoding that decodes to nothing.
    return undefined;
  }
}

/** A link that opens in the reader’s own client. */
export type MatrixToLink = `https://matrix.to/#/${string}`;

/** The link to an event. https://spec.matrix.org/latest/appendices/#matrixto-navigation */
export function matrixToLink(room: string, event: string): MatrixToLink {
  return `https://matrix.to/#/${encodeURIComponent(room)}/${encodeURIComponent(event)}`;
}
