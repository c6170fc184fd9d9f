import type { UserId } from '../../core/ids.ts';
import { stepNameOf } from './operation.ts';
import type { Unit, RunningOperation } from './operation.ts';

/** How an operation has ended for one of its accounts, over all steps. */
export interface TargetEnd {
  /** Undefined for a part of an undo that is about no account. */
  readonly target: UserId | undefined;
  /** `half done`: something was done, but not all. `unknown`: whether anything was done is not known. */
  readonly end: 'done' | 'failed' | 'half done' | 'unknown' | 'untouched';
  /** The steps that were not begun, by name. */
  readonly notBegun: readonly string[];
}

/** Sums up an operation by its accounts. */
export function targetEnds({
  units = [],
  ...operation
}: Pick<RunningOperation, 'command' | 'invocation'> &
  Partial<Pick<RunningOperation, 'units'>>): TargetEnd[] {
  return [...Map.groupBy(units, ({ position }) => position).values()].map((group) => ({
    target: group[0]?.target,
    end: endOf(group),
    notBegun: group.flatMap((unit) =>
      unit.leftOut === undefined ? [] : (stepNameOf(operation, unit) ?? []),
    ),
  }));
}

function endOf(group: readonly Unit[]): TargetEnd['end'] {
  const statuses = group.flatMap(({ attempt }) => attempt?.status ?? []);
  if (statuses.length === 0) {
    return 'untouched';
  }
  if (statuses.length === group.length && statuses.every((status) => status === 'done')) {
    return 'done';
  }
  if (statuses.some((status) => status === 'done' || status === 'partial')) {
    return 'half done';
  }
  return statuses.every((status) => status === 'failed') ? 'failed' : 'unknown';
}
