import { code, facts } from '../../../chat/answers/answer.ts';
import type { Block, Inline } from '../../../chat/answers/answer.ts';
import { size, when } from '../../../chat/answers/phrases.ts';
import { inert } from '../../../chat/answers/untrusted-text.ts';
import { idWord } from '../../../chat/reading/values.ts';
import { cut } from '../../../core/text.ts';
import type { StoredMedia } from '../../../services/services.ts';

/**
 * `image/png, 3 kB, evil.png · uploaded 3 minutes ago (…) by @mallory:example.com`
 *
 * @param state such as `quarantined`; empty to leave it out
 */
export function mediaFacts(
  { mediaType, mediaLength, uploadName, createdTs, userId, mediaOrigin }: StoredMedia,
  now: number,
  state = '',
): Block {
  const what: Inline[] = [
    inert(mediaType ?? 'unknown type', 40),
    ...(mediaLength === null ? [] : [`, ${size(mediaLength)}`]),
    ...(uploadName === null || uploadName.trim() === '' ? [] : [', ', code(cut(uploadName))]),
  ];
  return facts(
    what,
    [
      mediaOrigin === null ? 'uploaded' : 'fetched',
      ...(createdTs === null ? [] : [` ${when(createdTs, now)}`]),
      ...(userId === null ? [] : [' by ', code(cut(userId, 255))]),
      ...(mediaOrigin === null ? [] : [' from ', code(cut(mediaOrigin, 255))]),
    ],
    state !== '' && state,
  );
}

/** `media @mallory:example.com`, if the file was uploaded here. */
export function ownersMedia({ userId }: StoredMedia): string[] {
  return userId === null ? [] : [`media ${idWord(userId)}`];
}

/** The address of a file of this server, to copy. */
export function mxcOf(serverName: string, mediaId: string): string {
  return `mxc://${serverName}/${cut(mediaId, 255)}`;
}

/** `quarantined`, `protected`; empty for other files. */
export function fileState({
  quarantinedBy,
  safeFromQuarantine,
}: Pick<StoredMedia, 'quarantinedBy' | 'safeFromQuarantine'>): string {
  return [
    quarantinedBy === null ? undefined : 'quarantined',
    safeFromQuarantine ? 'protected' : undefined,
  ]
    .filter((state) => state !== undefined)
    .join(', ');
}
