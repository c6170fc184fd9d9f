import type { AccountData } from '../../homeserver/admin/user-activity.ts';

/** One piece of account data: for all rooms, or for one. */
export interface WeighedData {
  readonly type: string;
  readonly roomId: string | null;
  /** As JSON. */
  readonly bytes: number;
}

/** All pieces of account data with their sizes, the largest first. */
export function weigh({ global, rooms }: AccountData): WeighedData[] {
  const pieces = (contents: Readonly<Record<string, unknown>>, roomId: string | null) =>
    Object.entries(contents).map(([type, content]) => ({
      type,
      roomId,
      bytes: Buffer.byteLength(JSON.stringify(content)),
    }));
  return [
    ...pieces(global, null),
    ...Object.entries(rooms).flatMap(([room, contents]) => pieces(contents, room)),
  ].sort((one, other) => other.bytes - one.bytes || one.type.localeCompare(other.type));
}

/** Keys, and data encrypted with them. Whoever has these can try any number of passphrases. */
const secretTypes = /^m\.(?:secret_storage\.key\.|cross_signing\.|megolm_backup\.)|dehydrated/u;

function visibleContent(type: string, content: unknown): unknown {
  const isSecret =
    secretTypes.test(type) ||
    (typeof content === 'object' && content !== null && 'encrypted' in content);
  return isSecret ? '(not shown: guards encrypted messages)' : content;
}

/** The contents under the API's names, without what no moderator may see. */
export function visibleContents({ global, rooms }: AccountData) {
  const visible = (contents: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries(contents).map(([type, content]) => [type, visibleContent(type, content)]),
    );
  return {
    global: visible(global),
    rooms: Object.fromEntries(
      Object.entries(rooms).map(([room, contents]) => [room, visible(contents)]),
    ),
  };
}
