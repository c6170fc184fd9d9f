import type { StoreTables } from '../../store/store.ts';
import { undoOf } from '../parse/undo/undo-of.ts';
import type { RunningOperation } from './operation.ts';

type Recalled = Pick<RunningOperation, 'command' | 'invocation' | 'isResumed' | 'units'>;

/** Adds to an operation that an earlier process began what its answer says of what was done then. */
export async function recall(
  tables: Pick<StoreTables, 'auditLog' | 'timers'>,
  operation: Recalled,
): Promise<void> {
  if (operation.isResumed) {
    await recallTimers(tables, operation);
    await recallUndo(tables, operation);
  }
}

/** The timers that were set. */
async function recallTimers(
  { timers }: Pick<StoreTables, 'timers'>,
  { command, invocation, units }: Recalled,
): Promise<void> {
  if (invocation.forMs === undefined || command.endsTogether === true) {
    return;
  }
  const set = await timers.everOfEvent(invocation.origin.event);
  const byIntent = new Map(set.map((timer) => [timer.intentId, timer]));
  for (const unit of units) {
    const timer = byIntent.get(unit.intent ?? 0);
    if (unit.attempt !== undefined && timer !== undefined) {
      unit.attempt = { timer, ...unit.attempt };
    }
  }
}

/** Whether something can be taken back: what was done first tells. */
async function recallUndo(
  { auditLog }: Pick<StoreTables, 'auditLog'>,
  { units }: Recalled,
): Promise<void> {
  const first = units.find(({ attempt }) => attempt?.status === 'done');
  if (first?.attempt === undefined || first.intent === undefined) {
    return;
  }
  const entry = await auditLog.get(first.intent);
  const undo = entry && undoOf(entry);
  if (undo !== undefined) {
    first.attempt = { undo, ...first.attempt };
  }
}
