import { stringify } from 'csv-stringify/sync';

import { code } from '../../chat/answers/answer.ts';
import type { AnswerFile, Content, Preview } from '../../chat/answers/answer.ts';
import { span } from '../../chat/answers/phrases.ts';
import type { Context } from '../../chat/command/declaration.ts';
import type { Invocation, LeftOut } from '../../chat/command/invocation.ts';
import { subjectOf } from '../../chat/command/properties.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { present } from '../../core/present.ts';
import type { Store } from '../../store/store.ts';
import { whereShown } from '../at-homeserver.ts';
import { stepsOf } from '../execute/operation.ts';
import { resolve } from '../resolve/resolve.ts';
import type { ResolveContext } from '../resolve/resolve.ts';
import { commandContextsFor, passed, targetsOf } from '../stages.ts';
import type { Authorized, CommandContextParts, Resolved, Shown } from '../stages.ts';
import { leftOutBlocks, maxNamed, maxShown, skippedBlocks } from './left-out.ts';
import { previewOfAccounts } from './preview-accounts.ts';
import { previewOfUndo } from './preview-undo.ts';

/** What making a preview needs. */
export type PreviewContext = CommandContextParts & { readonly store: Pick<Store, 'timers'> };

/**
 * Makes a preview of each target. Of several accounts, those that need nothing done are left out.
 *
 * @throws TargetError none of them needs anything done
 */
export async function makePreview(context: PreviewContext, resolved: Resolved): Promise<Shown> {
  if (resolved.parts !== undefined) {
    return previewOfUndo(resolved, resolved.parts);
  }
  const commandContexts = commandContextsFor(context, resolved);
  const [only] = commandContexts;
  if (
    only !== undefined &&
    commandContexts.length === 1 &&
    (resolved.leftOut.length === 0 || subjectOf(resolved.command) === undefined) &&
    // What filters find is shown with the filters, even if it is only one account.
    resolved.invocation.matching === undefined
  ) {
    const { leftOut } = resolved;
    const where = whereShown(context, resolved);
    const preview = await previewOfOne(resolved, only, where);
    const { rooms = [], media = [] } = preview;
    const needsFile = rooms.length > maxShown || leftOut.length > maxNamed;
    return {
      preview: {
        ...preview,
        title: completed(preview.title, resolved.invocation, where),
        body: [...preview.body, ...skippedBlocks(resolved), ...leftOutBlocks(leftOut)],
      },
      resolved,
      ...present({
        file: needsFile
          ? roomsFile(rooms, leftOut)
          : media.length > maxShown
            ? mediaFile(media)
            : undefined,
      }),
    };
  }
  return previewOfAccounts(context, resolved, commandContexts);
}

/** The title of one target, with where and for how long: `Delete registration token abc on two.example?` */
function completed(
  title: Content,
  { forMs }: Pick<Invocation, 'forMs'>,
  where: string | undefined,
): Content {
  const more = [
    ...(where === undefined ? [] : [` on ${where}`]),
    ...(forMs === undefined ? [] : [` for ${span(forMs)}`]),
  ].join('');
  const last = title.at(-1);
  const isQuestion = typeof last === 'string' && last.endsWith('?');
  return more === ''
    ? title
    : isQuestion
      ? [...title.slice(0, -1), `${last.slice(0, -1)}${more}?`]
      : [...title, more];
}

async function previewOfOne(
  { command, invocation }: Resolved,
  commandContext: Context,
  where: string | undefined,
): Promise<Preview> {
  if (command.preview !== undefined) {
    return command.preview(commandContext);
  }
  // A dry run of a change, which says the rest in lines of its own and in the title.
  const { reason: _, notBefore: __, forMs: ___, on, ...rest } = invocation;
  const line = { ...rest, ...(where === undefined ? present({ on }) : {}), dryRun: false };
  return { title: [code(writeInvocation(command, line))], body: [] };
}

/** All rooms of a command that acts on several, and those that are left out. */
function roomsFile(rooms: NonNullable<Preview['rooms']>, leftOut: readonly LeftOut[]): AnswerFile {
  const rows = [
    ...rooms.map((room) => ({ ...room, left_out: '' })),
    ...leftOut.map(({ user, why }) => ({ room_id: user, left_out: why })),
  ];
  const [first = { room_id: '' }] = rooms;
  return {
    name: 'rooms.csv',
    contentType: 'text/csv',
    content: stringify(rows, {
      header: true,
      columns: [...Object.keys(first), 'left_out'],
      escape_formulas: true,
    }),
  };
}

/** All media files of a command that acts on several, and those that are left out. */
function mediaFile(media: NonNullable<Preview['media']>): AnswerFile {
  return {
    name: 'media.csv',
    contentType: 'text/csv',
    content: stringify([...media], { header: true, escape_formulas: true }),
  };
}

/** What looking targets up again needs. */
export type ResolveAgainContext = ResolveContext & PreviewContext;

/**
 * Looks up the targets of an operation that was shown before. They may have changed since: those that need
 * nothing done any more are left out. Of many, each is looked up just before something is done to it.
 *
 * @param max more targets than this are many
 * @throws the errors of `resolve` and `makePreview`
 */
export async function resolveAgain(
  context: ResolveAgainContext,
  authorized: Authorized,
  max = maxShown,
): Promise<Resolved> {
  if ((authorized.parts ?? targetsOf(authorized)).length > max) {
    return passed<Resolved>({ ...authorized, accounts: [], leftOut: [], absent: [] });
  }
  const found = await resolve(context, authorized);
  const { command, invocation } = found;
  const isOfRooms = command.stepsAreRooms === true && subjectOf(command) === undefined;
  if (isOfRooms && stepsOf(command, invocation.arguments).length > max) {
    return found;
  }
  const { resolved } = await makePreview(context, found);
  return resolved;
}
