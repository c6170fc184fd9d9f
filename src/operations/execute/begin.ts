import type { StoreTables } from '../../store/store.ts';
import { intentFor } from '../stages.ts';
import type { Unit, Work } from './work.ts';

interface Clock {
  now(): number;
}

/** A unit whose intent is committed. */
export type Begun = Unit & { intent: number };

/** Commits that a unit is begun. */
export async function begin(
  context: Clock,
  { auditLog, operationTargets }: StoreTables,
  work: Pick<Work, 'command' | 'confirmer' | 'id' | 'invocation'>,
  unit: Unit,
): Promise<Begun> {
  if (unit.intent !== undefined) {
    return unit as Begun;
  }
  const intent = await auditLog.begin(
    intentFor(work, unit.account, work.confirmer, unit.step),
    context.now(),
  );
  await operationTargets.set(work.id, unit, { state: 'in_flight', intent });
  return Object.assign(unit, { intent });
}

/** Begins the first units of an operation, in the transaction that starts it. */
export async function beginFirst(
  context: Clock,
  tables: StoreTables,
  work: Work,
  parallelism: number,
): Promise<void> {
  const positions = new Set<number>();
  for (const unit of work.units) {
    const isReady = unit.target === undefined || unit.account !== undefined;
    if (positions.size >= parallelism || !isReady) {
      return;
    }
    if (!positions.has(unit.position)) {
      positions.add(unit.position);
      await begin(context, tables, work, unit);
    }
  }
}
