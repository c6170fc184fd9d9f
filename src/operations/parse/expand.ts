import type { Command } from '../../chat/command/declaration.ts';
import type { LastUndo } from '../../chat/command/invocation.ts';
import { takesOn } from '../../chat/command/on-homeserver.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import { writeValue } from '../../chat/command/write-invocation.ts';
import { entryNumber, isLast, reasonOfUndo } from '../../chat/reading/entry-number.ts';
import { quote, tokenize } from '../../chat/reading/tokenize.ts';
import type { UserId } from '../../core/ids.ts';
import { formerFirst } from '../at-homeserver.ts';
import type { Message } from '../management-room.ts';
import { commandNamed, readingContext } from './command-line.ts';
import { lastActionOf } from './undo/last-action.ts';
import type { LastActionContext } from './undo/last-action.ts';
import { assertNewest, assertOnlyOne } from './undo/may-undo.ts';
import { undoOf } from './undo/undo-of.ts';

/** The command line of the next page of the last list that each person has asked for. */
export interface NextPages {
  of(user: UserId): string | undefined;
  remember(user: UserId, line: string): void;
  forget(user: UserId): void;
}

export function createNextPages(): NextPages {
  const lines = new Map<UserId, string>();
  return {
    of: (user) => lines.get(user),
    remember(user, line) {
      lines.set(user, line);
    },
    forget(user) {
      lines.delete(user);
    },
  };
}

export type ExpandContext = LastActionContext & { readonly nextPages: Pick<NextPages, 'of'> };

/** Whether a command stands for another command line. */
export function isShorthand({ name }: Pick<Command, 'name'>): boolean {
  return name === 'more' || name === 'undo';
}

/**
 * The command line that `more` or `undo` stands for; the line itself if it stands for no other.
 *
 * @returns `lastUndo`: what `undo last` takes back
 *
 * @throws TargetError `undo` can't undo that
 */
export async function expand(
  context: ExpandContext,
  message: Pick<Message, 'sender'>,
  line: string,
): Promise<{ readonly line: string; readonly lastUndo?: LastUndo }> {
  const command = commandNamed(context, line);
  if (command.name === 'more') {
    return { line: context.nextPages.of(message.sender) ?? line };
  }
  const read = readArguments(command, tokenize(line).slice(1), readingContext(context));
  const { values, reason, dryRun, notBefore } = read;
  if (values['operation'] !== undefined) {
    // It is a command of its own: see `undo-operation.ts`.
    return { line };
  }
  const wanted = String(values['entry']);
  const last = isLast(wanted) ? await lastActionOf(context, message.sender) : undefined;
  const entry = last ?? (await context.store.auditLog.get(entryNumber(wanted) ?? 0));
  const undo = entry === undefined ? undefined : undoOf(entry);
  if (undo === undefined || entry === undefined) {
    return { line };
  }
  if (last === undefined) {
    await assertOnlyOne(context, entry, undo);
  }
  const undoing = commandNamed(context, undo);
  const { values: undoes, on } = readArguments(
    undoing,
    tokenize(undo).slice(1),
    readingContext(context),
  );
  await assertNewest(context, entry, { command: undoing.name, values: undoes });
  const former = formerFirst(context.settings);
  const isAtFormer = on === undefined && former !== undefined && takesOn(undoing);
  const expanded = [
    `${undo}${isAtFormer ? ` --on=${former}` : ''} --reason=${quote(reasonOfUndo(entry.id, reason))}`,
    ...(notBefore === undefined ? [] : [`--at=${writeValue('date', notBefore)}`]),
    ...(dryRun ? ['--dry-run'] : []),
  ].join(' ');
  if (last === undefined) {
    return { line: expanded };
  }
  const { id, command: name, skipped } = last;
  return { line: expanded, lastUndo: { entry: id, command: name, skipped } };
}
