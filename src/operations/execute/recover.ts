import type { Store } from '../../store/store.ts';
import type { Operation } from '../../store/tables/operations/operations.ts';
import type { ParsedContext } from '../stages.ts';
import { carryOut } from './execute.ts';
import type { ExecuteContext } from './execute.ts';
import { loadOperation } from './operation.ts';

/** What recovery needs. */
export type RecoverContext = ExecuteContext &
  ParsedContext & {
    readonly store: Pick<Store, 'auditLog' | 'operations' | 'operationTargets'>;
  };

/**
 * Goes on with the operations that a crash, a stop or an unreachable homeserver interrupted: asks the
 * homeserver what became of the calls that were cut off, and begins what was not begun. Resolves when each has
 * ended, or its answer shows that it runs.
 */
export async function recover(context: RecoverContext): Promise<void> {
  for (const { id, eventId } of await context.store.operations.running()) {
    if (!context.inFlight.has(eventId)) {
      context.inFlight.add(eventId);
      await recoverOne(context, id, eventId);
    }
  }
}

async function recoverOne(context: RecoverContext, id: number, eventId: string): Promise<void> {
  let operation: Operation | undefined;
  try {
    // While another was recovered, an operation of this process that was in flight may have ended.
    operation = await context.store.operations.get(id);
    if (operation?.state === 'running') {
      await carryOut(context, await loadOperation(context, operation));
      return;
    }
  } catch (error) {
    // For example, its command no longer exists. That must not stop the others, or the start.
    context.log.error({ event: eventId, err: error }, 'an operation could not be recovered');
  }
  context.inFlight.remove(eventId);
}
