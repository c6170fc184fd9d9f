import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
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
  name: 'unquarantine',
  synonyms: ['release', 'unblock-media'],
  summary: 'Allows the download of quarantined files again',
  does: [
    'release identical files as well',
    'with --user or --room: release all files of those users, or in that room, that this bot has quarantined',
  ],
  doesNot: [
    'restore deleted files',
    'with --user or --room: keep back files that this bot has quarantined for another reason',
    'with --user or --room: release files that others have quarantined',
  ],
  args: {
    media: positional('media', filesDescription, {
      many: true,
      optional: true,
      unless: manyFilesFlags,
      placeholder: 'MEDIA-LINK',
    }),
    user: flag('account', 'Instead of files: all files of these users that I have quarantined', {
      many: true,
      placeholder: 'USER',
    }),
    room: flag('room', 'Instead of files: all files in this room that I have quarantined'),
  },
  danger: ({ user, room }) => (user.length === 0 && room === undefined ? 'change' : 'destructive'),
  maxDanger: 'destructive',
  protects: { nobody: 'it only makes files available again' },
  example: 'unquarantine mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx',
  endpoints: [
    'POST /_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/users/{user_id}/media',
    'GET /_synapse/admin/v1/room/{room_id}/media',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  check: assertOneOf,
  checkEnd: assertOneFile,
  async preview(context) {
    const {
      args: { media, user, room },
      services,
      botUser,
    } = context;
    if (media.length > 0) {
      return filesPreview('Release', media);
    }
    const which = await ofOrIn(context, { user, room });
    const files =
      user !== undefined
        ? await services.media.countQuarantinedUploads(user.name, botUser)
        : room === undefined
          ? 0
          : await services.media.countQuarantinedInRoom(room, botUser);
    if (files === 0) {
      throw nothingToRelease(user?.name, room);
    }
    return {
      title: [`Release ${count(files, 'file')} `, ...which, ' from quarantine?'],
      body: [
        line(
          `Will: release every file ${user === undefined ? 'in a message there' : 'of this user'} that I have quarantined, whenever and for whatever reason, and identical files`,
        ),
        line('Will not: release files that others have quarantined, or restore deleted files'),
      ],
      ...(user === undefined
        ? {
            warning: 'Anybody who can write there can name a file that was quarantined elsewhere.',
          }
        : {}),
    };
  },
  async run({ args: { media, user, room }, services, botUser }) {
    if (media.length > 0) {
      return services.media.liftQuarantine(media);
    }
    const lifted =
      user !== undefined
        ? await services.media.liftQuarantineOfUploads(user.name, botUser)
        : room !== undefined
          ? await services.media.liftQuarantineOfRoom(room, botUser)
          : undefined;
    if (lifted === undefined) {
      throw new TypeError('neither a file nor a user nor a room');
    }
    if (lifted.changed.length === 0) {
      throw nothingToRelease(user?.name, room);
    }
    return lifted;
  },
  answer({ args, now }, result) {
    const { user, room } = args;
    if ('failed' in result) {
      const only = onlyFile(result, args.media);
      if (only === undefined) {
        return severalAnswer(result, {
          did: 'Released',
          before: 'not quarantined before',
          failed: 'Not released',
          unknown: 'Not known whether released',
          effect: 'People can download these files and identical files again.',
          now,
          back: 'quarantine',
        });
      }
      const { file, uri: media, wasSo } = only;
      return {
        mark: '✅',
        title: [bold(wasSo ? 'Was not quarantined: ' : 'No longer quarantined: '), code(media)],
        body: [
          mediaFacts(file, now),
          line(
            wasSo
              ? 'Nothing was changed.'
              : 'People can download this file and identical files again.',
          ),
        ],
        next: ownersMedia(file),
        data: file,
      };
    }
    const { stoppedBy, others, left } = result;
    const released = result.changed.length;
    return {
      mark: stoppedBy === undefined ? '✅' : '⚠️',
      title: [
        bold('No longer quarantined: '),
        `${count(released, 'file')} ${user === undefined ? 'in' : 'of'} `,
        code(user?.name ?? room ?? ''),
      ],
      body: [
        ...(stoppedBy === undefined ? [] : [line(bold('It stopped early: '), stoppedBy.message)]),
        ...(left === 0 ? [] : [facts(`${count(left, 'file')} may not be released`)]),
        line(
          'People can download these files and identical files again.',
          others === 0
            ? ''
            : ` ${count(others, 'file')} quarantined by others ${others === 1 ? 'stays' : 'stay'} quarantined.`,
        ),
      ],
      next: user === undefined ? [] : [`media ${idWord(user.name)}`],
      ...(stoppedBy === undefined ? {} : { status: 'partial' as const }),
      data: { userId: user?.name, roomId: room, released, others, left },
    };
  },
  undo: (_, result) => {
    const uris = changedFiles(result);
    return uris.length === 0 || uris.length > maxFiles ? undefined : `quarantine ${uris.join(' ')}`;
  },
  reconcile: async ({ args: { media }, services }) =>
    media.length === 0 ? 'unknowable' : services.media.reconcileQuarantine(media, false),
});

function nothingToRelease(user: UserId | undefined, room: RoomId | undefined): TargetError {
  return new TargetError(
    'state',
    `I have quarantined no file ${user === undefined ? `in ${room}` : `of ${user}`} that still exists`,
    'Nothing was changed. To release a file that somebody else has quarantined, name the file.',
  );
}
