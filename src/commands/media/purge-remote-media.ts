import { bold, line } from '../../chat/answers/answer.ts';
import { amount, when } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { dayMs } from '../../core/duration.ts';
import { checkMediaDate } from './parts/media-date.ts';

export default defineCommand({
  name: 'purge-remote-media',
  synonyms: ['clean-up', 'disk-space', 'media-cache', 'remote-cache'],
  summary: 'Deletes copies of other servers’ files that nobody has opened lately',
  does: [
    'free space on the disk',
    'have Synapse fetch a file again when somebody opens it',
    'ask for confirmation if --before is less than a day ago, which deletes almost all copies',
  ],
  doesNot: [
    'delete files of this server (see !delete-local-media)',
    'delete quarantined files',
    'bring back a file that its own server has deleted',
  ],
  args: {
    before: flag('date', 'Delete copies that nobody has opened since then', {
      required: true,
      placeholder: '30d',
    }),
  },
  // Almost all copies would have to be fetched again at once.
  danger: ({ before }) => (before > Date.now() - dayMs ? 'destructive' : 'change'),
  maxDanger: 'destructive',
  reversible: false,
  example: 'purge-remote-media --before 30d',
  endpoints: ['POST /_synapse/admin/v1/purge_media_cache'],
  check: ({ before }, { now }) => checkMediaDate('--before', before, now),
  preview: async ({ args: { before }, now }) => ({
    title: [`Delete copies of other servers’ files, last opened before ${when(before, now)}?`],
    body: [
      line('Will: have Synapse fetch a file again when somebody opens it'),
      line('Will not: delete files of this server, or quarantined files'),
    ],
    warning: 'A file that its own server no longer has is lost.',
  }),
  run: async ({ args, services }) => services.media.purgeRemote(args.before),
  answer: (_, deleted) => ({
    mark: '✅',
    title: [bold(`Deleted ${amount(deleted, 'copy', 'copies')}`), ' of other servers’ files'],
    body: [line('If somebody opens such a file, Synapse fetches it again.')],
    data: { deleted },
  }),
  // Synapse keeps no record of it.
  reconcile: async () => 'unknowable',
});
