import type { Status } from '../../chat/answers/answer.ts';
import type { LeftOut } from '../../chat/command/invocation.ts';
import type { OperationState } from '../../store/schema.ts';
import type { Reply, ReplyOperation } from '../answer/reply.ts';
import type { Resolved } from '../stages.ts';
import { unitsOf } from './operation.ts';
import type { Attempt, RunningOperation, Unit } from './operation.ts';
import type { About } from './single-outcome.ts';

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

/** How far one step of a command has got, over all its targets. */
interface StepData {
  readonly step: string;
  readonly status: 'done' | 'failed' | 'partial' | 'running' | 'skipped' | 'unknown' | 'waiting';
  readonly done: number;
  readonly total: number;
  readonly failed: number;
}

/**
 * How far each step of a command has got, for programs; undefined for a command without steps, and for one
 * whose steps are rooms.
 */
export function stepsData({ command, invocation, units = [] }: About): StepData[] | undefined {
  if (command.stepsAreRooms === true) {
    // There may be thousands.
    return undefined;
  }
  return command.steps?.(invocation.arguments).map(({ name }, at) => {
    const own = units.filter(({ step }) => step === at);
    const attempts = own.flatMap(({ attempt }) => attempt ?? []);
    const done = numberDone(attempts);
    const failed = attempts.filter(({ status }) => status === 'failed').length;
    return { step: name, status: statusOfStep(own), done, total: own.length, failed };
  });
}

function statusOfStep(units: readonly Unit[]): StepData['status'] {
  const [first, ...others] = units.map(({ attempt, intent, leftOut }): StepData['status'] =>
    leftOut !== undefined
      ? 'skipped'
      : (attempt?.status ?? (intent === undefined ? 'waiting' : 'running')),
  );
  if (first === undefined || others.every((status) => status === first)) {
    return first ?? 'waiting';
  }
  const all = new Set([first, ...others]);
  return all.has('running') || all.has('waiting') ? 'running' : 'partial';
}

/** The state of an operation that has not started, or that never will. */
export function plannedOperation(
  planned: Pick<Resolved, 'command' | 'invocation'> &
    Partial<Pick<Resolved, 'accounts' | 'leftOut'>>,
  id: number,
  state: 'awaiting' | 'cancelled' | 'expired' | 'failed' | 'scheduled',
): ReplyOperation {
  const { accounts = [] } = planned;
  const { length: targets } = unitsOf({ ...planned, accounts });
  return { id, state, targets, done: 0, failed: 0, leftOut: allLeftOut(planned).length };
}

/** What nothing is done to: what the confirmation has left out, and what was left out since. */
export function allLeftOut({
  invocation,
  leftOut = [],
}: Pick<Resolved, 'invocation'> & Partial<Pick<Resolved, 'leftOut'>>): LeftOut[] {
  return [...(invocation.leftOut ?? []), ...leftOut];
}

/** What the units of one target are called. */
export function unitNoun({
  command,
  invocation,
}: Pick<RunningOperation, 'command' | 'invocation'>): 'action' | 'room' | 'step' {
  return invocation.reversals !== undefined
    ? 'action'
    : command.stepsAreRooms === true
      ? 'room'
      : 'step';
}

export function numberDone(attempts: readonly Attempt[]): number {
  return attempts.filter(({ status }) => status === 'done').length;
}

/** How far an operation has got. */
export interface Progress {
  /** How many of its units have ended. */
  readonly ended: number;
  readonly failed: number;
  /** How many accounts it has, or actions if it is an undo, and how many of them are finished. */
  readonly targets: number;
  readonly finished: number;
}

export function progressOf({ units }: Pick<RunningOperation, 'units'>): Progress {
  const hasEnded = ({ attempt, leftOut }: Unit) =>
    leftOut !== undefined || (attempt !== undefined && attempt.isOpen !== true);
  const targets = [...Map.groupBy(units, ({ position }) => position).values()];
  return {
    ended: units.filter(hasEnded).length,
    failed: units.filter(({ attempt }) => attempt?.status === 'failed').length,
    targets: targets.length,
    finished: targets.filter((group) => group.every(hasEnded)).length,
  };
}
