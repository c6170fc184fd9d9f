import { bold, code, line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { mediaDescription } from './parts/media-argument.ts';
import { mediaFacts, ownersMedia } from './parts/stored-media.ts';

export default defineCommand({
  name: 'unquarantine',
  synonyms: ['release', 'unblock-media'],
  summary: 'Allows the download of a quarantined file again',
  does: [
    'release identical files as well',
    'with --user: release all files of that user that this bot has quarantined',
  ],
  doesNot: ['restore deleted files'],
  args: {
    media: positional('media', mediaDescription, {
      optional: true,
      unless: 'user',
      placeholder: 'MEDIA-LINK',
    }),
    user: flag('account', 'Instead of one file: all files of this user that I have quarantined', {
      placeholder: 'USER',
    }),
  },
  danger: 'change',
  protects: { nobody: 'it only makes files available again' },
  example: 'unquarantine mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx',
  endpoints: [
    'POST /_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/users/{user_id}/media',
  ],
  check({ media, user }) {
    if (media === undefined && user === undefined) {
      throw whichFile();
    }
  },
  async run({ args: { media, user }, services, botUser }) {
    if (media !== undefined) {
      return { ...(await services.media.liftQuarantine(media)), media };
    }
    if (user === undefined) {
      throw whichFile();
    }
    const lifted = await services.media.liftQuarantineOfUploads(user.name, botUser);
    if (lifted.released === 0) {
      throw new TargetError(
        'state',
        `I have quarantined no file of ${user.name} that still exists`,
        lifted.others === 0
          ? 'Nothing was changed.'
          : `Nothing was changed. Others have quarantined ${count(lifted.others, 'file')}: name the file to release it.`,
      );
    }
    return lifted;
  },
  answer({ args: { user }, now }, result) {
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
        `${count(released, 'file')} of `,
        code(user?.name ?? ''),
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
      data: { userId: user?.name, ...result },
    };
  },
  undo: (_, result) =>
    'file' in result && !result.wasSo ? `quarantine ${result.media}` : undefined,
  async reconcile({ args: { media }, services }) {
    const is = media === undefined ? undefined : await services.media.isQuarantined(media);
    return is === undefined ? 'unknowable' : is ? 'not_done' : 'done';
  },
});

function whichFile(): UsageError {
  return new UsageError('Which file?', {
    advice: 'Give the address of the file, or `--user` for all files of a user.',
  });
}
