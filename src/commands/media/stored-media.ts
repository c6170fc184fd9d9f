import { code, cut, facts } from '../../chat/answers/answer.ts';
import type { Block, Inline } from '../../chat/answers/answer.ts';
import { size, when } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { TargetError } from '../../core/errors.ts';
import { mxcParts } from '../../core/ids.ts';
import type { MxcUri } from '../../core/ids.ts';
import type { StoredMedia } from '../../services/services.ts';

/** What became of a file, and whether it was so before. */
export interface MediaChange {
  readonly file: StoredMedia;
  readonly wasSo: boolean;
}

/**
 * Quarantines a file or takes that back, and looks that it is so: the server says yes to everything.
 *
 * @throws TargetError there is no such file here, or it can't be changed
 */
export async function setQuarantined(
  { services, serverName }: Pick<Context, 'services' | 'serverName'>,
  uri: MxcUri,
  quarantined: boolean,
): Promise<MediaChange> {
  const { media } = services.api;
  const isSo = ({ quarantinedBy }: StoredMedia) => (quarantinedBy !== null) === quarantined;
  const file = await media.find(uri);
  if (file === undefined) {
    throw notHere(uri, serverName);
  }
  if (isSo(file)) {
    // A second time would put another name in the place of who has done it.
    return { file, wasSo: true };
  }
  if (quarantined && file.safeFromQuarantine) {
    throw new TargetError(
      'state',
      `\`${uri}\` is protected from quarantine`,
      'Nothing was changed. Whoever runs the server has protected it, and can take that back.',
    );
  }
  await (quarantined ? media.quarantine(uri) : media.unquarantine(uri));
  const now = await media.find(uri);
  if (now === undefined || !isSo(now)) {
    throw new TargetError(
      'state',
      `Synapse said yes, and \`${uri}\` is ${quarantined ? 'not quarantined' : 'still quarantined'}`,
      'It may have been changed by somebody else just now. Look, and send the command again.',
    );
  }
  return { file: now, wasSo: false };
}

function notHere(uri: MxcUri, serverName: string): TargetError {
  const { serverName: origin } = mxcParts(uri);
  return new TargetError(
    'unknown',
    origin === serverName
      ? `this server has no file \`${uri}\``
      : `this server holds no copy of \`${uri}\``,
    origin === serverName
      ? 'It may have been deleted. Nothing was changed.'
      : `It is a file of ${origin}, which can be quarantined here once somebody here has opened it. Nothing was changed.`,
  );
}

/** Whether a file is quarantined; undefined where it is not here. For settling a call. */
export async function isQuarantined(
  { services }: Pick<Context, 'services'>,
  uri: MxcUri,
): Promise<boolean | undefined> {
  const file = await services.api.media.find(uri);
  return file === undefined ? undefined : file.quarantinedBy !== null;
}

/** `image/png, 3 kB, evil.png · uploaded 3 minutes ago (…) by @mallory:example.com` */
export function mediaFacts(
  { mediaType, mediaLength, uploadName, createdTs, userId, mediaOrigin }: StoredMedia,
  now: number,
): Block {
  const what: Inline[] = [
    inert(mediaType ?? 'unknown type', 40),
    ...(mediaLength === null ? [] : [`, ${size(mediaLength)}`]),
    ...(uploadName === null || uploadName.trim() === '' ? [] : [', ', code(cut(uploadName))]),
  ];
  return facts(what, [
    mediaOrigin === null ? 'uploaded' : 'fetched',
    ...(createdTs === null ? [] : [` ${when(createdTs, now)}`]),
    ...(userId === null ? [] : [' by ', code(cut(userId, 255))]),
    ...(mediaOrigin === null ? [] : [' from ', code(cut(mediaOrigin, 255))]),
  ]);
}

/** `media @mallory:example.com`, where the file has an owner here. */
export function ownersMedia({ userId }: StoredMedia): string[] {
  return userId === null ? [] : [`media ${idWord(userId)}`];
}
