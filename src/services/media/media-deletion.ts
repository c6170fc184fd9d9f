import { LawspeakerError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { MediaQuery } from '../../homeserver/admin/media.ts';

/** How many files one call deletes. */
const filesACall = 100;

export interface MediaDeletionOutcome {
  readonly deletedMedia: readonly string[];
  /** Files that the account still has; undefined if the server doesn't say. */
  readonly remaining: number | undefined;
  /** Why the deletion stopped early, after some files were deleted. */
  readonly stoppedBy: LawspeakerError | undefined;
}

/** Deletes the files on one page of `media`; the newest ones if the query has no order. */
export async function deleteMediaPage(
  api: Pick<AdminApi, 'media'>,
  user: UserId,
  query: MediaQuery,
): Promise<MediaDeletionOutcome> {
  const deletedMedia = await api.media.deletePage(user, query);
  return { deletedMedia, remaining: await remainingIfTold(api, user), stoppedBy: undefined };
}

/**
 * Deletes all files of an account, page by page, until the server deletes no more. Files that are
 * uploaded meanwhile are deleted too, up to about as many as there were at the start.
 *
 * @throws LawspeakerError the first page could not be deleted
 */
export async function deleteAllMedia(
  api: Pick<AdminApi, 'media'>,
  user: UserId,
): Promise<MediaDeletionOutcome> {
  const before = await remainingOf(api, user);
  const most = before * 2 + filesACall;
  const deletedMedia: string[] = [];
  let stoppedBy: LawspeakerError | undefined;
  while (deletedMedia.length < most) {
    try {
      const page = await api.media.deletePage(user, { limit: filesACall });
      if (page.length === 0) {
        break;
      }
      deletedMedia.push(...page);
    } catch (error) {
      if (deletedMedia.length === 0 || !(error instanceof LawspeakerError)) {
        throw error;
      }
      stoppedBy = error;
      break;
    }
  }
  return { deletedMedia, remaining: await remainingIfTold(api, user), stoppedBy };
}

/** What was deleted stays deleted, even if the server does not say what is left. */
async function remainingIfTold(
  api: Pick<AdminApi, 'media'>,
  user: UserId,
): Promise<number | undefined> {
  try {
    return await remainingOf(api, user);
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return undefined;
    }
    throw error;
  }
}

async function remainingOf(api: Pick<AdminApi, 'media'>, user: UserId): Promise<number> {
  return (await api.media.list(user, { limit: 1 })).total;
}
