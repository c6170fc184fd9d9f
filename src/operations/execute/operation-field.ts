import type { Status } from '../../chat/answers/answer.ts';
import type { OperationState } from '../../store/schema.ts';
import type { Reply } from '../answer/reply.ts';
import type { About } from './single-outcome.ts';
import type { Attempt, Work } from './work.ts';

/** How an operation stands, for programs. */
export function operationField(
  { id, leftOut = [], units = [] }: About,
  status: Status,
  attempts: readonly Attempt[],
): Pick<Reply, 'operation'> {
  return id === undefined
    ? {}
    : {
        operation: {
          id,
          state: attempts.some(({ isOpen }) => isOpen === true) ? 'running' : stateOf(status),
          targets: units.length,
          done: numberDone(attempts),
          failed: attempts.filter((attempt) => attempt.status === 'failed').length,
          leftOut: leftOut.length,
        },
      };
}

function stateOf(status: Status): OperationState {
  return status === 'done' || status === 'partial' || status === 'unknown' || status === 'cancelled'
    ? status
    : status === 'running'
      ? 'running'
      : 'failed';
}

export function numberDone(attempts: readonly Attempt[]): number {
  return attempts.filter(({ status }) => status === 'done').length;
}

/** How far an operation has got. */
export function countsOf({ units }: Pick<Work, 'units'>): { ended: number; failed: number } {
  let ended = 0;
  let failed = 0;
  for (const { attempt, isLeftOut } of units) {
    if (isLeftOut || (attempt !== undefined && attempt.isOpen !== true)) {
      ended += 1;
    }
    if (attempt?.status === 'failed') {
      failed += 1;
    }
  }
  return { ended, failed };
}
