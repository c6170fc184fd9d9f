import { bold, code, line } from '../../chat/answers/answer.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { mediaArgument } from './parts/media-argument.ts';
import { mediaFacts, ownersMedia } from './parts/stored-media.ts';

export default defineCommand({
  name: 'unprotect-media',
  synonyms: ['unprotect', 'unprotect-file'],
  summary: 'Allows the quarantine of a protected file again',
  doesNot: ['quarantine the file (see !quarantine)', 'work on files of other servers'],
  args: { media: mediaArgument },
  danger: 'change',
  protects: 'others',
  leavesEqualFiles: true,
  example: 'unprotect-media mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx',
  endpoints: [
    'POST /_synapse/admin/v1/media/unprotect/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
  ],
  run: async ({ args: { media }, services }) => services.media.unprotect(media),
  answer: ({ args: { media }, now }, { file, wasSo }) => ({
    mark: '✅',
    title: [bold(wasSo ? 'Was not protected: ' : 'No longer protected: '), code(media)],
    body: [
      mediaFacts(file, now),
      line(wasSo ? 'Nothing was changed.' : 'It can be quarantined again.'),
    ],
    next: [`quarantine ${media}`, ...ownersMedia(file)],
    data: file,
  }),
  undo: ({ args: { media } }, { wasSo }) => (wasSo ? undefined : `protect-media ${media}`),
  reconcile: async ({ args: { media }, services }) =>
    services.media.reconcileProtection(media, false),
});
