import { bold, code, line } from '../../chat/answers/answer.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { mediaArgument } from './parts/media-argument.ts';
import { mediaFacts, ownersMedia } from './parts/stored-media.ts';

export default defineCommand({
  name: 'quarantine',
  synonyms: ['block-file', 'block-media', 'delete-file', 'hide-media', 'quarantine-media'],
  summary: 'Blocks the download of a file',
  does: [
    'block the file and its previews for users of this server, and for servers that request it here',
    'include identical files that are not protected, no matter who uploads them, now or later',
    'work on files from other servers that somebody here has opened',
  ],
  doesNot: [
    'delete the file (see !delete-media)',
    'block identical files that are protected (see !protect-media)',
    'redact messages that show it (see !redact)',
    'affect other servers, or copies that people have saved',
    'recognize a picture that was changed or encrypted',
  ],
  args: { media: mediaArgument },
  danger: 'change',
  protects: true,
  resolvesReports: true,
  example: 'quarantine mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx --reason spam',
  endpoints: [
    'POST /_synapse/admin/v1/media/quarantine/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
  ],
  run: async ({ args: { media }, services }) => services.media.quarantine(media),
  answer: ({ args: { media }, now }, { file, wasSo }) => ({
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
  }),
  undo: ({ args: { media } }, { wasSo }) => (wasSo ? undefined : `unquarantine ${media}`),
  reconcile: async ({ args: { media }, services }) =>
    (await services.media.isQuarantined(media)) === true ? 'done' : 'not_done',
});
