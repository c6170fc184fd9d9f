import { bold, code, line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import { assertOneOf, mediaDescription } from './parts/media-argument.ts';
import { mediaFacts, ownersMedia } from './parts/stored-media.ts';

export default defineCommand({
  name: 'unquarantine',
  synonyms: ['release', 'unblock-media'],
  summary: 'Allows the download of a quarantined file again',
  does: [
    'release identical files as well',
    'with --user or --room: release all files of that user, or in that room, that this bot has quarantined',
  ],
  doesNot: ['restore deleted files'],
  args: {
    media: positional('media', mediaDescription, {
      optional: true,
      unless: ['user', 'room'],
      placeholder: 'MEDIA-LINK',
    }),
    user: flag('account', 'Instead of one file: all files of this user that I have quarantined', {
      placeholder: 'USER',
    }),
    room: flag('room', 'Instead of one file: all files in this room that I have quarantined'),
  },
  danger: 'change',
  protects: { nobody: 'it only makes files available again' },
  example: 'unquarantine mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx',
  endpoints: [
    'POST /_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/users/{user_id}/media',
    'GET /_synapse/admin/v1/room/{room_id}/media',
  ],
  check({ media, user, room }) {
    assertOneOf({ media, user, room });
  },
  async run({ args: { media, user, room }, services, botUser }) {
    if (media !== undefined) {
      return { ...(await services.media.liftQuarantine(media)), media };
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
    if (lifted.released === 0) {
      throw new TargetError(
        'state',
        `I have quarantined no file ${user === undefined ? `in ${room}` : `of ${user.name}`} that still exists`,
        lifted.others === 0
          ? 'Nothing was changed.'
          : `Nothing was changed. Others have quarantined ${count(lifted.others, 'file')}: name the file to release it.`,
      );
    }
    return lifted;
  },
  answer({ args: { user, room }, now }, result) {
    if ('file' in result) {
      const { file, media, wasSo } = result;
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
    const { released, others } = result;
    return {
      mark: '✅',
      title: [
        bold('No longer quarantined: '),
        `${count(released, 'file')} ${user === undefined ? 'in' : 'of'} `,
        code(user?.name ?? room ?? ''),
      ],
      body: [
        line(
          'People can download these files and identical files again.',
          others === 0
            ? ''
            : ` ${count(others, 'file')} quarantined by others ${others === 1 ? 'stays' : 'stay'} quarantined.`,
        ),
      ],
      next: user === undefined ? [] : [`media ${idWord(user.name)}`],
      data: { userId: user?.name, roomId: room, ...result },
    };
  },
  undo: (_, result) =>
    'file' in result && !result.wasSo ? `quarantine ${result.media}` : undefined,
  async reconcile({ args: { media }, services }) {
    const is = media === undefined ? undefined : await services.media.isQuarantined(media);
    return is === undefined ? 'unknowable' : is ? 'not_done' : 'done';
  },
});
