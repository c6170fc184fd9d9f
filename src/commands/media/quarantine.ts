import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { TargetError } from '../../core/errors.ts';
import type { MxcUri, RoomId, UserId } from '../../core/ids.ts';
import type { Services, StoredMedia } from '../../services/services.ts';
import { assertNoEnd, assertOneOf, mediaDescription, ofOrIn } from './parts/media-argument.ts';
import { mediaFacts, ownersMedia } from './parts/stored-media.ts';

export default defineCommand({
  name: 'quarantine',
  synonyms: ['block-file', 'block-media', 'delete-file', 'hide-media', 'quarantine-media'],
  summary: 'Blocks the download of a file, or of all files of a user or in a room',
  does: [
    'block the file and its previews for users of this server, and for servers that request it here',
    'include identical files that are not protected, no matter who uploads them, now or later',
    'work on files from other servers that somebody here has opened',
    'with --user or --room: leave out files that equal one of a protected account',
    'with --room: leave out files that a protected account has uploaded, whoever sent them',
  ],
  doesNot: [
    'delete the file (see !delete-media)',
    'block identical files that are protected (see !protect-media)',
    'redact messages that show it (see !redact)',
    'affect other servers, or copies that people have saved',
    'recognize a picture that was changed or encrypted',
    'with --room: find files in encrypted messages',
    'with --user or --room: end after a time (--for), or be undone by !undo (see !unquarantine)',
  ],
  args: {
    media: positional('media', mediaDescription, {
      unless: ['user', 'room'],
      placeholder: 'MEDIA-LINK',
    }),
    user: flag('account', 'Instead of one file: all files of this user', { placeholder: 'USER' }),
    room: flag('room', 'Instead of one file: all files in this room'),
  },
  danger: ({ user, room }) => (user === undefined && room === undefined ? 'change' : 'destructive'),
  maxDanger: 'destructive',
  protects: true,
  resolvesReports: true,
  example: 'quarantine mxc://example.com/AbCdEfGhIjKlMnOpQrStUvWx --reason spam',
  endpoints: [
    'POST /_synapse/admin/v1/media/quarantine/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
    'GET /_synapse/admin/v1/users/{user_id}/media',
    'POST /_synapse/admin/v1/user/{user_id}/media/quarantine',
    'GET /_synapse/admin/v1/room/{room_id}/media',
    'POST /_synapse/admin/v1/room/{room_id}/media/quarantine',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  check: assertOneOf,
  async preview(context) {
    const {
      args: { media, user, room },
      services,
      invocation,
    } = context;
    if (media !== undefined) {
      return { title: ['Quarantine ', code(media), '?'], body: [] };
    }
    assertNoEnd(invocation);
    const which = await ofOrIn(context, { user, room });
    const files =
      user === undefined
        ? (await filesIn(services, room)).length
        : ((await services.media.uploadsOf(user.name, { limit: 1 }).page()).total ?? 0);
    if (files === 0) {
      throw nothingToQuarantine(user?.name ?? room);
    }
    return {
      title: [`Quarantine up to ${count(files, 'file')} `, ...which, '?'],
      body: [
        line('Will: block the download of these files and of identical ones'),
        line(
          `Will not: delete files or messages, or block protected files, ${user === undefined ? 'those of protected accounts, ' : ''}and those that equal one of a protected account`,
        ),
      ],
      warning:
        'This can’t be undone as a whole. You can release single files, or all that I have quarantined there.',
    };
  },
  async run({ args: { media, user, room }, services, invocation, protectedHashes, isProtected }) {
    if (media !== undefined) {
      return { ...(await services.media.quarantine(media)), media };
    }
    assertNoEnd(invocation);
    const spared = { hashes: protectedHashes, isOwner: isProtected };
    const outcome =
      user !== undefined
        ? await services.media.quarantineUploads(user.name, protectedHashes)
        : room !== undefined
          ? await services.media.quarantineRoom(room, spared)
          : undefined;
    if (outcome === undefined || outcome.quarantined === 0) {
      throw nothingToQuarantine(user?.name ?? room);
    }
    return outcome;
  },
  answer({ args: { user, room }, now }, result) {
    if ('file' in result) {
      return oneAnswer(result, now);
    }
    const { stoppedBy, ...numbers } = result;
    const { quarantined, before, kept, left } = numbers;
    return {
      mark: stoppedBy === undefined ? '✅' : '⚠️',
      title: [
        bold(`Quarantined ${count(quarantined, 'file')}`),
        ` ${user === undefined ? 'in' : 'of'} `,
        ...(user === undefined ? [code(room ?? '')] : nameAndId(user)),
      ],
      body: [
        ...(stoppedBy === undefined ? [] : [line(bold('It stopped early: '), stoppedBy.message)]),
        facts(
          left > 0 && `${count(left, 'file')} may not be quarantined`,
          before > 0 && `${count(before, 'file')} quarantined before`,
          kept > 0 && `${count(kept, 'protected file')} left available`,
        ),
        line('Nobody can download these files from this server any more, nor identical ones.'),
      ],
      next: [
        user === undefined ? `room-media ${idWord(room ?? '')}` : `media ${idWord(user.name)}`,
      ],
      ...(stoppedBy === undefined ? {} : { status: 'partial' as const }),
      data: { userId: user?.name, roomId: room, ...numbers },
    };
  },
  // Lifting the quarantine of many files would also release what was quarantined for another reason. In a room,
  // anybody can send the address of such a file.
  undo: (_, result) =>
    'file' in result && !result.wasSo ? `unquarantine ${result.media}` : undefined,
  async reconcile({ args: { media, user, room }, services, protectedHashes, isProtected }) {
    if (media !== undefined) {
      return (await services.media.isQuarantined(media)) === true ? 'done' : 'not_done';
    }
    const isDone =
      user !== undefined
        ? await services.media.areUploadsQuarantined(user.name, protectedHashes)
        : room !== undefined &&
          (await services.media.isRoomQuarantined(room, {
            hashes: protectedHashes,
            isOwner: isProtected,
          }));
    // Some of the files may be quarantined.
    return isDone ? 'done' : 'unknowable';
  },
});

async function filesIn({ media }: Services, room: RoomId | undefined): Promise<readonly MxcUri[]> {
  return room === undefined ? [] : media.inRoom(room);
}

function nothingToQuarantine(where: UserId | RoomId | undefined): TargetError {
  return new TargetError(
    'state',
    `no file ${where?.startsWith('@') === true ? 'of' : 'in'} \`${where ?? ''}\` can be quarantined`,
    'Nothing was changed.',
  );
}

function oneAnswer(
  { file, media, wasSo }: { file: StoredMedia; media: MxcUri; wasSo: boolean },
  now: number,
): Answer {
  return {
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
  };
}
