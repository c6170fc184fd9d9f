import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, Block, Content, Preview } from '../../chat/answers/answer.ts';
import { ago, count, size, when, whole } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { sortFlags } from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError, UsageError } from '../../core/errors.ts';
import type { MxcUri } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import { mediaOrders } from '../../services/services.ts';
import type { DeletableFiles, FileChanges, NamedFile, UserMedia } from '../../services/services.ts';
import { failedBlocks, failedData, fileList } from './parts/file-changes.ts';
import { assertNotTooManyFiles } from './parts/media-argument.ts';
import { fileState, mediaFacts, mxcOf, ownersMedia } from './parts/stored-media.ts';

/** How many files the preview names. */
const shownFiles = 5;
/** With more IDs, the answer's data would be too large. */
const maxDataLength = 400;

export default defineCommand({
  name: 'delete-media',
  synonyms: ['delete', 'delete-file', 'delete-files', 'erase', 'purge-media', 'remove-media'],
  summary: 'Deletes files of users, or single files',
  does: [
    'delete the files that are named; or each user’s newest 100 files, the files that the flags select, or all files (--all)',
    'include protected and quarantined files',
    'leave a gap wherever the files are shown, including as avatars',
  ],
  doesNot: [
    'delete copies on other servers or on devices, or copies of other servers’ files (see !purge-remote-media)',
    'delete identical files uploaded by other users',
    'redact the messages that show the files',
    'prevent new uploads',
  ],
  args: {
    account: positional('account', 'One or more users', {
      many: true,
      unless: ['media'],
      placeholder: 'USER',
    }),
    media: positional(
      'media',
      'Instead of users: the mxc:// addresses of files, or links to download them',
      {
        many: true,
        optional: true,
        placeholder: 'MEDIA-LINK',
      },
    ),
    ...sortFlags(mediaOrders),
    limit: flag('integer', 'How many files (default: 100)', {
      min: 1,
      max: 100,
    }),
    all: flag('boolean', 'All files of the user', { default: false }),
  },
  danger: 'destructive',
  reversible: false,
  leavesEqualFiles: true,
  example: 'delete-media @mallory:example.com --all --reason spam',
  endpoints: [
    'GET /_synapse/admin/v1/users/{user_id}/media',
    'DELETE /_synapse/admin/v1/users/{user_id}/media',
    'GET /_synapse/admin/v1/statistics/users/media',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
    'DELETE /_synapse/admin/v1/media/{server_name}/{media_id}',
  ],

  check({ media, all, orderBy, dir, limit }) {
    const selects = orderBy !== undefined || dir !== undefined || limit !== undefined;
    if (media.length > 0 && (all || selects)) {
      throw new UsageError('`--all`, `--limit`, `--order-by` and `--dir` select files of users.', {
        advice: 'Leave them out: exactly the files that you name are deleted.',
      });
    }
    assertNotTooManyFiles({ media });
    if (all && selects) {
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
    const { account, media } = args;
    if (account === undefined) {
      return previewOfFiles(await services.media.deletable(media), now);
    }
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
    const { account, media, all, orderBy, dir, limit } = args;
    if (account === undefined) {
      return services.media.delete(media);
    }
    return all
      ? services.media.deleteAll(account.name)
      : services.media.deletePage(account.name, { orderBy, dir, limit });
  },

  answer({ args: { account, media, all }, now }, result) {
    if ('failed' in result) {
      return answerOfFiles(result, media, now);
    }
    const { deletedMedia, remaining, stoppedBy } = result;
    const deleted = deletedMedia.length;
    const isComplete = stoppedBy === undefined && (!all || remaining === 0);
    return {
      mark: isComplete ? '✅' : '⚠️',
      title: [
        bold(`Deleted ${deleted === 0 ? 'no file' : count(deleted, 'file')} of`),
        ' ',
        ...(account === undefined ? [] : nameAndId(account)),
      ],
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
      ...(remaining === 0 || account === undefined
        ? {}
        : { next: [`media ${idWord(account.name)}`] }),
      ...(isComplete ? {} : { status: 'partial' as const }),
      data: {
        userId: account?.name,
        total: deleted,
        remaining,
        ...(deleted > maxDataLength ? {} : { deletedMedia }),
      },
    };
  },

  async reconcile({ args: { account, media }, services }) {
    if (account !== undefined) {
      return services.media.reconcileDeletion(account.name);
    }
    const { left, all } = await services.media.countLeft(media);
    return left === 0
      ? 'done'
      : left === all
        ? 'not_done'
        : {
            ended: 'partial',
            why: `${left} of ${count(all, 'file')} still ${left === 1 ? 'exists' : 'exist'}`,
            advice: 'Send the command again to delete the rest.',
          };
  },
});

/** The question before files are deleted that were named. */
function previewOfFiles({ files, failed }: DeletableFiles, now: number): Preview {
  const [only] = files;
  const owners = new Set(files.flatMap(({ file }) => file.userId ?? []));
  const bytes = files.reduce((sum, { file }) => sum + (file.mediaLength ?? 0), 0);
  const quarantined = files.filter(({ file }) => file.quarantinedBy !== null).length;
  const title: Content =
    only !== undefined && files.length === 1
      ? ['Delete ', code(only.uri), '?']
      : [
          `Delete ${count(files.length, 'file')}, ${size(bytes)}, of ${count(owners.size, 'user')}?`,
        ];
  return {
    title,
    body: [
      ...(files.length > 1
        ? fileList(files, now)
        : files.map(({ file }) => mediaFacts(file, now, fileState(file)))),
      ...failedBlocks(failed, 'Left out'),
      line('Will: delete them from this server, including protected and quarantined files'),
      line(
        'Will not: delete copies on other servers, identical files of other uploads, or messages (these show a gap)',
      ),
      ...(quarantined > 0
        ? [
            line(
              `${files.length === 1 ? 'It is' : `${whole(quarantined)} of them ${quarantined === 1 ? 'is' : 'are'}`} quarantined: once no identical file is left, Synapse no longer blocks new uploads of it.`,
            ),
          ]
        : []),
    ],
    media: [
      ...files.map((named) => mediaRow(named)),
      ...failed.map(({ uri, error }) => ({ ...emptyRow, mxc_uri: uri, left_out: error.message })),
    ],
    warning: 'This can’t be undone.',
  };
}

const emptyRow = {
  mxc_uri: '',
  user_id: '',
  name: '',
  type: '',
  bytes: '',
  state: '',
  left_out: '',
};

function mediaRow({ uri, file }: NamedFile): NonNullable<Preview['media']>[number] {
  return {
    ...emptyRow,
    mxc_uri: uri,
    user_id: file.userId ?? '',
    name: file.uploadName ?? '',
    type: file.mediaType ?? '',
    bytes: file.mediaLength ?? '',
    state: fileState(file),
  };
}

/** What became of files that were named. */
function answerOfFiles(
  { changed, failed, unknown }: FileChanges,
  media: readonly MxcUri[],
  now: number,
): Answer {
  const [first] = changed;
  const owners = new Set(changed.map(({ file }) => file.userId));
  const isComplete = failed.length === 0 && unknown.length === 0;
  return {
    mark: isComplete ? '✅' : '⚠️',
    title:
      first !== undefined && media.length === 1
        ? [bold('Deleted '), code(first.uri)]
        : [bold(`Deleted ${count(changed.length, 'file')}`)],
    body: [
      ...(first !== undefined && media.length === 1
        ? [mediaFacts(first.file, now)]
        : fileList(changed, now)),
      ...failedBlocks(failed, 'Not deleted'),
      ...failedBlocks(unknown, 'Not known whether deleted'),
    ],
    next: first === undefined || owners.size > 1 ? [] : ownersMedia(first.file),
    ...(isComplete ? {} : { status: 'partial' as const }),
    data: {
      total: changed.length,
      deletedMedia: changed.map(({ file }) => file.mediaId),
      failed: failedData(failed),
      unknown: failedData(unknown),
    },
  };
}

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
