import { bold, code, line } from '../../chat/answers/answer.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { changedFiles, onlyFile, severalAnswer } from './parts/file-changes.ts';
import { assertNotTooManyFiles, assertOneFile, filesArgument } from './parts/media-argument.ts';
import { mediaFacts, ownersMedia } from './parts/stored-media.ts';

export default defineCommand({
  name: 'protect-media',
  synonyms: ['keep-file', 'keep-media', 'protect', 'protect-file'],
  summary: 'Protects files of this server from quarantine',
  does: ['keep them available if somebody quarantines an identical file'],
  doesNot: [
    'lift a quarantine (see !unquarantine)',
    'protect identical files that others have uploaded',
    'keep the files from being deleted',
    'work on files of other servers',
  ],
  args: { media: filesArgument },
  danger: 'change',
  // People who may not remove the protection may not add it either.
  protects: 'others',
  leavesEqualFiles: true,
  example: 'protect-media mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx --reason "our logo"',
  endpoints: [
    'POST /_synapse/admin/v1/media/protect/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
  ],
  check: assertNotTooManyFiles,
  checkEnd: assertOneFile,
  run: async ({ args: { media }, services }) => services.media.protect(media),
  answer({ args, now }, changes) {
    const only = onlyFile(changes, args.media);
    if (only === undefined) {
      return severalAnswer(changes, {
        did: 'Protected',
        before: 'protected before',
        failed: 'Not protected',
        unknown: 'Not known whether protected',
        effect: 'They can’t be quarantined any more. They can still be deleted.',
        now,
        back: 'unprotect-media',
      });
    }
    const { uri: media, file, wasSo } = only;
    const isQuarantined = file.quarantinedBy !== null;
    return {
      // Whoever protects a file wants people to see it.
      mark: isQuarantined ? '⚠️' : '✅',
      title: [
        bold(wasSo ? 'Already protected: ' : 'Protected '),
        code(media),
        isQuarantined ? ', which is still quarantined' : '',
      ],
      body: [
        mediaFacts(file, now),
        line(
          isQuarantined
            ? 'Nobody can download it until somebody lifts the quarantine.'
            : 'It can’t be quarantined any more. It can still be deleted.',
        ),
      ],
      next: [
        ...(isQuarantined ? [`unquarantine ${media}`] : []),
        `unprotect-media ${media}`,
        ...ownersMedia(file),
      ],
      data: file,
    };
  },
  undo: (_, changes) =>
    changes.changed.length === 0 ? undefined : `unprotect-media ${changedFiles(changes).join(' ')}`,
  reconcile: async ({ args: { media }, services }) =>
    services.media.reconcileProtection(media, true),
});
