import { parseEventId, parseRoomAlias, parseRoomId, parseUserId } from '../ids.ts';
import type { EventId, RoomAlias, RoomId, UserId } from '../ids.ts';

/** What a Matrix ID or link points to. */
export type Reference =
  | { readonly kind: 'user'; readonly user: UserId }
  | { readonly kind: 'room'; readonly room: RoomId | RoomAlias }
  | { readonly kind: 'event'; readonly room: RoomId | RoomAlias; readonly event: EventId };

/** https://spec.matrix.org/latest/appendices/#matrix-uri-scheme */
const uriKinds: Readonly<Record<string, string>> = { u: '@', r: '#', roomid: '!', e: '$' };

/** The identifiers that a `matrix.to` link or `matrix:` URI names, decoded; empty for other text. */
function identifiersIn(link: string): string[] {
  try {
    const permalink = /^https?:\/\/matrix\.to\/#\/([^?]+)/u.exec(link);
    if (permalink?.[1] !== undefined) {
      return permalink[1].split('/').map((part) => decodeURIComponent(part));
    }
    const uri = /^matrix:(?:\/\/[^/]*\/)?([^?#]+)/u.exec(link);
    if (uri?.[1] !== undefined) {
      const parts = uri[1].split('/').map((part) => decodeURIComponent(part));
      const identifiers: string[] = [];
      for (let at = 0; at + 1 < parts.length; at += 2) {
        identifiers.push(`${uriKinds[parts[at] ?? ''] ?? '?'}${parts[at + 1] ?? ''}`);
      }
      return identifiers;
    }
  } catch {
    // Percent-encoding that decodes to nothing: no link of ours.
  }
  return [];
}

/** Reads an ID, a `matrix.to` link or a `matrix:` URI; undefined for anything else. */
export function readReference(text: string): Reference | undefined {
  const [first = text, second] = identifiersIn(text);
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
  return /[:/]/u.test(text) ? undefined : parseUserId(`@${text.replace(/^@/u, '')}:${serverName}`);
}
