import { bold, code, line } from '../../chat/answers/answer.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { mediaArgument } from './parts/media-argument.ts';
import { mediaFacts, ownersMedia } from './parts/stored-media.ts';

export default defineCommand({
  name: 'unquarantine',
  synonyms: ['release', 'unblock-media'],
  summary: 'Allows the download of a quarantined file again',
  does: ['release equal files as well'],
  doesNot: ['restore deleted files'],
  args: { media: mediaArgument },
  danger: 'change',
  protects: { nobody: 'it only makes files available again' },
  example: 'unquarantine mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx',
  endpoints: [
    'POST /_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
  ],
  run: async ({ args: { media }, services }) => services.media.liftQuarantine(media),
  answer: ({ args: { media }, now }, { file, wasSo }) => ({
    mark: '✅',
    title: [bold(wasSo ? 'Was not quarantined: ' : 'No longer quarantined: '), code(media)],
    body: [
      mediaFacts(file, now),
      line(wasSo ? 'Nothing was changed.' : 'People can download this file and equal files again.'),
    ],
    next: ownersMedia(file),
    data: file,
  }),
  undo: ({ args: { media } }, { wasSo }) => (wasSo ? undefined : `quarantine ${media}`),
  async reconcile({ args: { media }, services }) {
    const is = await services.media.isQuarantined(media);
    return is === undefined ? 'unknowable' : is ? 'not_done' : 'done';
  },
});
