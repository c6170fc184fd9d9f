/** Branded Matrix identifiers. A value of these types has passed its parser. */

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

export type UserId = Branded<'UserId'>;
export type RoomId = Branded<'RoomId'>;
export type RoomAlias = Branded<'RoomAlias'>;
export type EventId = Branded<'EventId'>;
export type MxcUri = Branded<'MxcUri'>;

/** The longest identifier, in characters: older room versions count characters, newer ones bytes. */
const maxIdCharacters = 255;

const server = String.raw`(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?`;
// Historical localparts may contain any character except ':' (spec, appendix "Historical User IDs"), and
// bridges may still register them: blanks, invisible characters, or nothing at all. NUL and half a
// surrogate pair can be neither stored nor sent.
const anything = String.raw`[^:\0\p{Cs}]`;
// Without a server name after it, only text without blanks is an ID.
const opaque = String.raw`[^:\s\p{Cc}\p{Cf}\p{Cs}]+`;

const userPattern = new RegExp(`^@${anything}*:${server}$`, 'u');
const aliasPattern = new RegExp(`^#${anything}+:${server}$`, 'u');
// Room version 12 took the server name out of room IDs; version 3 took it out of event IDs.
const roomPattern = new RegExp(`^!(?:${anything}+:${server}|${opaque})$`, 'u');
const eventPattern = new RegExp(`^\\$[^\\s\\p{Cc}\\p{Cf}\\p{Cs}]+$`, 'u');
const mxcPattern = new RegExp(`^mxc://${server}/[A-Za-z0-9_-]+$`, 'u');

const matcher =
  <Id extends string>(pattern: RegExp) =>
  (text: string): Id | undefined =>
    isShort(text) && pattern.test(text) ? (text as Id) : undefined;

/** A character has two code units at most. */
const isShort = (text: string): boolean =>
  text.length <= maxIdCharacters ||
  (text.length <= 2 * maxIdCharacters && Array.from(text).length <= maxIdCharacters);

/** Each returns the identifier, or undefined if `text` is not one. */
export const parseUserId = matcher<UserId>(userPattern);
export const parseRoomAlias = matcher<RoomAlias>(aliasPattern);
export const parseRoomId = matcher<RoomId>(roomPattern);
export const parseEventId = matcher<EventId>(eventPattern);
export const parseMxcUri = matcher<MxcUri>(mxcPattern);

/** The part between the sigil and the first colon. */
export function localpartOf(id: UserId | RoomAlias): string {
  return id.slice(1, id.indexOf(':'));
}

/** The server name, or undefined for a room ID of version 12. */
export function serverNameOf(id: UserId | RoomId | RoomAlias): string | undefined {
  const colon = id.indexOf(':');
  return colon === -1 ? undefined : id.slice(colon + 1);
}

/** The media's server name and ID. */
export function mxcParts(uri: MxcUri): { serverName: string; mediaId: string } {
  const [serverName = '', mediaId = ''] = uri.slice('mxc://'.length).split('/');
  return { serverName, mediaId };
}
