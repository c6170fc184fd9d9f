import { didTo, nameAndId } from '../../chat/answers/account.ts';
import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { ago, count, size, when } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, usersArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { sortFlags } from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import { mediaOrders } from '../../services/services.ts';
import type { UserMedia } from '../../services/services.ts';
import { mxcOf } from './parts/stored-media.ts';

/** How many files the preview names. */
const shownFiles = 5;
/** With more IDs, the answer's data would be too large. */
const maxDataLength = 400;

export default defineCommand({
  name: 'delete-media',
  synonyms: ['delete', 'delete-file', 'delete-files', 'erase', 'purge-media', 'remove-media'],
  summary: 'Deletes files that users have uploaded',
  does: [
    'delete each user’s newest 100 files, the files that the flags select, or all files (--all)',
    'include protected and quarantined files',
    'leave a gap wherever the files are shown, including as avatars',
  ],
  doesNot: [
    'delete copies on other servers or on devices',
    'delete identical files uploaded by other users',
    'redact the messages that show the files',
    'prevent new uploads',
  ],
  args: {
    account: usersArgument,
    ...sortFlags(mediaOrders),
    limit: flag('integer', 'How many files (default: 100)', {
      min: 1,
      max: 100,
    }),
    all: flag('boolean', 'All files of the user', { default: false }),
  },
  danger: 'destructive',
  example: 'delete-media @mallory:example.com --all --reason spam',
  endpoints: [
    'GET /_synapse/admin/v1/users/{user_id}/media',
    'DELETE /_synapse/admin/v1/users/{user_id}/media',
    'GET /_synapse/admin/v1/statistics/users/media',
  ],

  check({ all, orderBy, dir, limit }) {
    if (all && (orderBy !== undefined || dir !== undefined || limit !== undefined)) {
      throw new UsageError(
        '`--all` deletes every file, so it can’t be combined with a selection.',
        {
          word: '--all',
          advice: 'Leave out either `--all`, or `--limit`, `--order-by` and `--dir`.',
        },
      );
    }
  },

  inBatch: ({ all }) => (all ? 'Delete all files of' : 'Delete files of'),

  async preview({ args, services, serverName, now }) {
    const { account } = args;
    const { all, orderBy, dir, limit = 100 } = args;
    const page = await services.media.uploadsOf(account.name, { orderBy, dir, limit }).page();
    if (page.total === 0) {
      throw new TargetError('state', `${account.name} has no files`, 'There is nothing to delete.');
    }
    const files = all ? page.total : page.rows.length;
    const bytes = all ? await services.media.bytesUploadedBy(account.name) : sum(page.rows);
    const rest = page.total - files;
    return {
      title: [
        `Delete ${all && files > 1 ? 'all ' : ''}${count(files, 'file')}, ${size(bytes)}, of `,
        ...nameAndId(account),
        '?',
      ],
      body: [
        facts(
          ...datesOf(page.rows, all && page.total > page.rows.length, now),
          !all && rest > 0 && `${count(rest, 'other file')} will be kept`,
        ),
        ...namesOf(page.rows, files, serverName),
        line('Will: delete them from this server, including protected and quarantined files'),
        line(
          'Will not: delete copies on other servers, files of other users, or messages (these show a gap)',
        ),
      ],
      facts: [count(files, 'file'), size(bytes)],
      warning: 'This can’t be undone.',
    };
  },

  async run({ args, services }) {
    const { account, all, orderBy, dir, limit } = args;
    return all
      ? services.media.deleteAll(account.name)
      : services.media.deletePage(account.name, { orderBy, dir, limit });
  },

  answer({ args: { account, all } }, { deletedMedia, remaining, stoppedBy }) {
    const deleted = deletedMedia.length;
    const isComplete = stoppedBy === undefined && (!all || remaining === 0);
    return {
      mark: isComplete ? '✅' : '⚠️',
      title: didTo(`Deleted ${deleted === 0 ? 'no file' : count(deleted, 'file')} of`, account),
      body: [
        ...(stoppedBy === undefined ? [] : [line(bold('It stopped early: '), stoppedBy.message)]),
        line(
          remaining === undefined
            ? 'It is not known how many are left.'
            : remaining === 0
              ? 'None are left.'
              : `${count(remaining, 'file')} ${remaining === 1 ? 'is' : 'are'} left.`,
        ),
      ],
      ...(remaining === 0 ? {} : { next: [`media ${idWord(account.name)}`] }),
      ...(isComplete ? {} : { status: 'partial' as const }),
      data: {
        userId: account.name,
        total: deleted,
        remaining,
        ...(deleted > maxDataLength ? {} : { deletedMedia }),
      },
    };
  },

  reconcile: async ({ args: { account }, services }) =>
    services.media.reconcileDeletion(account.name),
});

function sum(files: readonly UserMedia[]): number {
  return files.reduce((bytes, { mediaLength }) => bytes + (mediaLength ?? 0), 0);
}

function datesOf(files: readonly UserMedia[], isPart: boolean, now: number): string[] {
  const dates = files.flatMap(({ createdTs }) => createdTs ?? []);
  if (dates.length === 0) {
    return [];
  }
  const newest = `Newest ${when(Math.max(...dates), now)}`;
  return isPart || dates.length === 1
    ? [newest]
    : [newest, `oldest ${ago(Math.min(...dates), now)}`];
}

function namesOf(files: readonly UserMedia[], all: number, serverName: string): Block[] {
  const shown = files.slice(0, shownFiles);
  const more = all - shown.length;
  return [
    {
      kind: 'list',
      items: [
        ...shown.map(({ mediaId, mediaType, mediaLength, uploadName }) => [
          code(mxcOf(serverName, mediaId)),
          ...(uploadName === null || uploadName.trim() === ''
            ? []
            : [' ', code(cut(uploadName, 40)), mediaType === null ? '' : ',']),
          mediaType === null ? '' : ` ${inert(mediaType, 40)}`,
          mediaLength === null ? '' : `, ${size(mediaLength)}`,
        ]),
        ...(more > 0 ? [[`and ${count(more, 'other')}`]] : []),
      ],
    },
  ];
}
