import { line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import type { Invocation } from '../../chat/command/invocation.ts';

/** At most this many undoings are named. */
const maxNamed = 3;

/** Which action `undo last` takes back, if that is not the newest one: undoings are left alone. */
export function lastUndoBlocks({ lastUndo }: Pick<Invocation, 'lastUndo'>): Block[] {
  if (lastUndo === undefined || lastUndo.skipped.length === 0) {
    return [];
  }
  const { entry, command, skipped } = lastUndo;
  const named = skipped.slice(0, maxNamed).map(({ id, of }) => `#${id} (undo of #${of})`);
  const others = skipped.length - named.length;
  return [
    line(
      `“Last” means #${entry} (${command}). Skipped, because they undid something: ${named.join(', ')}${others > 0 ? ` and ${others} more` : ''}.`,
    ),
  ];
}
