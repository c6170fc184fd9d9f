import { bold, line } from '../../chat/answers/answer.ts';
import { amount, count, size, when } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { dayMs } from '../../core/duration.ts';
import { UsageError } from '../../core/errors.ts';
import { readSize } from './parts/file-size.ts';
import { checkMediaDate } from './parts/media-date.ts';

/** With more IDs, the answer's data would be too large. */
const maxDataLength = 400;

export default defineCommand({
  name: 'delete-local-media',
  synonyms: ['clean-up', 'disk-space', 'delete-old-media', 'purge-media'],
  summary: 'Deletes old or large files that users of this server have uploaded',
  does: [
    'delete files that nobody has opened since a time, and that are larger than a size',
    'include files of moderators, of server admins and of this bot',
    'leave a gap wherever the files are shown',
  ],
  doesNot: [
    'delete avatars of users and rooms, unless you add --avatars',
    'delete quarantined files and files that are protected from quarantine',
    'delete copies on other servers or on devices',
    'delete copies of other servers’ files (see !purge-remote-media)',
  ],
  args: {
    before: flag('date', 'Only files that nobody has opened since then, at least a day ago', {
      required: true,
      placeholder: '90d',
    }),
    largerThan: flag('word', 'Only files that are larger, such as 500kB, 5MB or 1GB', {
      placeholder: 'SIZE',
    }),
    avatars: flag('boolean', 'Also files that are avatars of users or rooms', { default: false }),
  },
  // It reaches files of protected accounts, as `--override-protection` does.
  danger: 'critical',
  reversible: false,
  example: 'delete-local-media --before 90d --larger-than 5MB',
  endpoints: [
    'POST /_synapse/admin/v1/media/delete',
    'GET /_synapse/admin/v1/statistics/users/media',
  ],
  check({ before, largerThan }, { now }) {
    checkMediaDate('--before', before, now);
    if (before > now - dayMs) {
      throw new UsageError('`--before` must be at least a day ago.', { word: '--before' });
    }
    readSize('--larger-than', largerThan);
  },
  async preview({ args, services, now }) {
    const { before, largerThan, avatars } = args;
    const bytes = readSize('--larger-than', largerThan);
    const all = await services.media.totals();
    return {
      title: [
        `Delete files of all users${bytes === 0 ? '' : ` that are larger than ${size(bytes)}`}, last opened before ${when(before, now)}?`,
      ],
      body: [
        line(
          `${count(all.users, 'user')} of this server ${all.users === 1 ? 'has' : 'have'} ${count(all.files, 'file')}, ${size(all.bytes)}. Synapse doesn’t say beforehand how many it would delete.`,
        ),
        line(
          `Will: delete files of moderators, of server admins and of this bot, too${avatars ? ', and avatars of users and rooms' : ''}`,
        ),
        line(
          `Will not: delete ${avatars ? '' : 'avatars, '}quarantined or protected files, copies on other servers, or messages (these show a gap)`,
        ),
      ],
      warning: 'This can’t be undone.',
    };
  },
  run: async ({ args, services }) =>
    services.media.deleteOld({
      beforeTs: args.before,
      largerThanBytes: readSize('--larger-than', args.largerThan),
      includeAvatars: args.avatars,
    }),
  answer: (_, deletedMedia) => ({
    mark: '✅',
    title: [bold(`Deleted ${amount(deletedMedia.length, 'file')}`), ' of this server'],
    next: ['media-stats'],
    data: {
      total: deletedMedia.length,
      ...(deletedMedia.length > maxDataLength ? {} : { deletedMedia }),
    },
  }),
  // Synapse keeps no record of it.
  reconcile: async () => 'unknowable',
});
