import { bold, code, line } from '../../chat/answers/answer.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { changedFiles, onlyFile, severalAnswer } from './parts/file-changes.ts';
import { assertNotTooManyFiles, assertOneFile, filesArgument } from './parts/media-argument.ts';
import { mediaFacts, ownersMedia } from './parts/stored-media.ts';

export default defineCommand({
  name: 'unprotect-media',
  synonyms: ['unprotect', 'unprotect-file'],
  summary: 'Allows the quarantine of protected files again',
  doesNot: ['quarantine the files (see !quarantine)', 'work on files of other servers'],
  args: { media: filesArgument },
  danger: 'change',
  protects: 'others',
  leavesEqualFiles: true,
  example: 'unprotect-media mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx',
  endpoints: [
    'POST /_synapse/admin/v1/media/unprotect/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
  ],
  check: assertNotTooManyFiles,
  checkEnd: assertOneFile,
  run: async ({ args: { media }, services }) => services.media.unprotect(media),
  answer({ args, now }, changes) {
    const only = onlyFile(changes, args.media);
    if (only === undefined) {
      return severalAnswer(changes, {
        did: 'Ended the protection of',
        before: 'not protected before',
        failed: 'Still protected',
        unknown: 'Not known whether still protected',
        effect: 'They can be quarantined again.',
        now,
        back: 'protect-media',
      });
    }
    const { uri: media, file, wasSo } = only;
    return {
      mark: '✅',
      title: [bold(wasSo ? 'Was not protected: ' : 'No longer protected: '), code(media)],
      body: [
        mediaFacts(file, now),
        line(wasSo ? 'Nothing was changed.' : 'It can be quarantined again.'),
      ],
      next: [`quarantine ${media}`, ...ownersMedia(file)],
      data: file,
    };
  },
  undo: (_, changes) =>
    changes.changed.length === 0 ? undefined : `protect-media ${changedFiles(changes).join(' ')}`,
  reconcile: async ({ args: { media }, services }) =>
    services.media.reconcileProtection(media, false),
});
