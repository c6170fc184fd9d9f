import type { Updateable } from 'kysely';

import type { Connection } from '../database.ts';
import type { OperationState, OperationsTable } from '../schema.ts';

/** From which states an operation gets into a state. What has ended stays as it ended. */
const sources: Readonly<Record<OperationState, readonly OperationState[]>> = {
  awaiting: [],
  scheduled: ['awaiting'],
  running: ['scheduled'],
  // The room may show that something ran which a restored database still has scheduled.
  done: ['running', 'scheduled'],
  partial: ['running', 'scheduled'],
  failed: ['running', 'scheduled'],
  unknown: ['running', 'scheduled'],
  cancelled: ['awaiting', 'scheduled', 'running'],
  expired: ['awaiting'],
};

/** Whether nothing more happens to an operation in this state. */
export function isFinal(state: OperationState): boolean {
  return state !== 'awaiting' && state !== 'scheduled' && state !== 'running';
}

/**
 * Moves an operation to a state: the only way in which one changes. If several try at the same time, one of
 * them gets `true`.
 *
 * @param how.from only if it is in this state
 * @param how.expiringAfter only if it expires after that, in milliseconds since 1970
 */
export async function changeState(
  db: Connection,
  id: number,
  to: OperationState,
  how: {
    readonly from?: OperationState;
    readonly expiringAfter?: number;
    readonly at: number;
    readonly set?: Omit<Updateable<OperationsTable>, 'state' | 'id'>;
  },
): Promise<boolean> {
  const { from, expiringAfter, at, set = {} } = how;
  const { numUpdatedRows } = await db
    .updateTable('operations')
    .set({ ...set, state: to, ...(isFinal(to) ? { finished_at: at } : {}) })
    .where('id', '=', id)
    .where('state', 'in', from === undefined ? sources[to] : [from])
    .$if(expiringAfter !== undefined, (query) => query.where('expires_at', '>', expiringAfter ?? 0))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
