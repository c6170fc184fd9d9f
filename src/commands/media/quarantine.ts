import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import type { MxcUri, RoomId, UserId } from '../../core/ids.ts';
import type { NamedFile, Services } from '../../services/services.ts';
import { changedFiles, filesPreview, onlyFile, severalAnswer } from './parts/file-changes.ts';
import {
  assertOneFile,
  assertOneOf,
  filesDescription,
  manyFilesFlags,
  maxFiles,
  ofOrIn,
} from './parts/media-argument.ts';
import { mediaFacts, ownersMedia } from './parts/stored-media.ts';

export default defineCommand({
  name: 'quarantine',
  synonyms: ['block-file', 'block-media', 'delete-file', 'hide-media', 'quarantine-media'],
  summary: 'Blocks the download of files, or of all files of users or in a room',
  does: [
    'block the files and their previews for users of this server, and for servers that request them here',
    'include identical files that are not protected, no matter who uploads them, now or later',
    'work on files from other servers that somebody here has opened',
    'with --user or --room: leave out files that equal one of a protected account',
    'with --room: leave out files that a protected account has uploaded, whoever sent them',
  ],
  doesNot: [
    'delete the files (see !delete-media)',
    'block identical files that are protected (see !protect-media)',
    'redact messages that show them (see !redact)',
    'affect other servers, or copies that people have saved',
    'recognize a picture that was changed or encrypted',
    'with --room: find files in encrypted messages',
    'end after a time (--for), unless you name one file',
    'with --user or --room: be undone by !undo if there are more than 100 files',
  ],
  args: {
    media: positional('media', filesDescription, {
      many: true,
      unless: manyFilesFlags,
      placeholder: 'MEDIA-LINK',
    }),
    user: flag('account', 'Instead of files: all files of these users', {
      many: true,
      placeholder: 'USER',
    }),
    room: flag('room', 'Instead of files: all files in this room'),
  },
  danger: ({ user, room }) => (user.length === 0 && room === undefined ? 'change' : 'destructive'),
  maxDanger: 'destructive',
  protects: true,
  resolvesReports: true,
  example: 'quarantine mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx --reason spam',
  endpoints: [
    'POST /_synapse/admin/v1/media/quarantine/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/users/{user_id}/media',
    'POST /_synapse/admin/v1/user/{user_id}/media/quarantine',
    'GET /_synapse/admin/v1/room/{room_id}/media',
    'POST /_synapse/admin/v1/room/{room_id}/media/quarantine',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  check: assertOneOf,
  checkEnd: assertOneFile,
  async preview(context) {
    const {
      args: { media, user, room },
      services,
    } = context;
    if (media.length > 0) {
      return filesPreview('Quarantine', media);
    }
    const which = await ofOrIn(context, { user, room });
    const files =
      user === undefined
        ? (await filesIn(services, room)).length
        : ((await services.media.uploadsOf(user.name, { limit: 1 }).page()).total ?? 0);
    if (files === 0) {
      throw nothingToQuarantine(user?.name ?? room);
    }
    return {
      title: [`Quarantine up to ${count(files, 'file')} `, ...which, '?'],
      body: [
        line('Will: block the download of these files and of identical ones'),
        line(
          `Will not: delete files or messages, or block protected files, ${user === undefined ? 'those of protected accounts, ' : ''}and those that equal one of a protected account`,
        ),
      ],
      facts: [`up to ${count(files, 'file')}`],
      ...(files > maxFiles
        ? {
            warning:
              'This can’t be undone as a whole. You can release single files, or all that I have quarantined there.',
          }
        : {}),
    };
  },
  async run({ args: { media, user, room }, services, protectedHashes, isProtected }) {
    if (media.length > 0) {
      return services.media.quarantine(media);
    }
    const spared = { hashes: protectedHashes, isOwner: isProtected };
    const outcome =
      user !== undefined
        ? await services.media.quarantineUploads(user.name, protectedHashes)
        : room !== undefined
          ? await services.media.quarantineRoom(room, spared)
          : undefined;
    if (outcome === undefined || outcome.changed.length === 0) {
      throw nothingToQuarantine(user?.name ?? room);
    }
    return outcome;
  },
  answer({ args: { media, user, room }, now }, result) {
    if ('failed' in result) {
      const only = onlyFile(result, media);
      return only === undefined
        ? severalAnswer(result, {
            did: 'Quarantined',
            before: 'quarantined before',
            failed: 'Not quarantined',
            unknown: 'Not known whether quarantined',
            effect:
              'Nobody can download these files from this server any more. Identical files are quarantined with them, except protected ones.',
            now,
            back: 'unquarantine',
          })
        : oneAnswer(only, now);
    }
    const { stoppedBy, before, kept, left } = result;
    const quarantined = result.changed.length;
    return {
      mark: stoppedBy === undefined ? '✅' : '⚠️',
      title: [
        bold(`Quarantined ${count(quarantined, 'file')}`),
        ` ${user === undefined ? 'in' : 'of'} `,
        ...(user === undefined ? [code(room ?? '')] : nameAndId(user)),
      ],
      body: [
        ...(stoppedBy === undefined ? [] : [line(bold('It stopped early: '), stoppedBy.message)]),
        facts(
          left > 0 && `${count(left, 'file')} may not be quarantined`,
          before > 0 && `${count(before, 'file')} quarantined before`,
          kept > 0 && `${count(kept, 'protected file')} left available`,
        ),
        line('Nobody can download these files from this server any more, nor identical ones.'),
      ],
      next: [
        user === undefined ? `room-media ${idWord(room ?? '')}` : `media ${idWord(user.name)}`,
      ],
      ...(stoppedBy === undefined ? {} : { status: 'partial' as const }),
      data: { userId: user?.name, roomId: room, quarantined, before, kept, left },
    };
  },
  // Names each file: all those of a user or in a room that are quarantined later may be so for another reason.
  undo: (_, result) => {
    const uris = changedFiles(result);
    return uris.length === 0 || uris.length > maxFiles
      ? undefined
      : `unquarantine ${uris.join(' ')}`;
  },
  async reconcile({ args: { media, user, room }, services, protectedHashes, isProtected }) {
    if (media.length > 0) {
      return services.media.reconcileQuarantine(media, true);
    }
    const isDone =
      user !== undefined
        ? await services.media.areUploadsQuarantined(user.name, protectedHashes)
        : room !== undefined &&
          (await services.media.isRoomQuarantined(room, {
            hashes: protectedHashes,
            isOwner: isProtected,
          }));
    // Some of the files may be quarantined.
    return isDone ? 'done' : 'unknowable';
  },
});

async function filesIn({ media }: Services, room: RoomId | undefined): Promise<readonly MxcUri[]> {
  return room === undefined ? [] : media.inRoom(room);
}

function nothingToQuarantine(where: UserId | RoomId | undefined): TargetError {
  return new TargetError(
    'state',
    `no file ${where?.startsWith('@') === true ? 'of' : 'in'} \`${where ?? ''}\` can be quarantined`,
    'Nothing was changed.',
  );
}

function oneAnswer(
  { file, uri: media, wasSo }: NamedFile & { readonly wasSo: boolean },
  now: number,
): Answer {
  return {
    mark: '✅',
    title: [bold(wasSo ? 'Already quarantined: ' : 'Quarantined '), code(media)],
    body: [
      mediaFacts(file, now),
      line(
        'Nobody can download this file from this server any more.',
        // If it was quarantined before, the state of equal files is not known: they may have been protected
        // since.
        wasSo ? '' : ' Identical files are quarantined with it, except protected ones.',
      ),
    ],
    next: [`unquarantine ${media}`, ...ownersMedia(file)],
    data: file,
  };
}
