import type { Store } from '../../store/store.ts';
import type {
  TargetCounts,
  TargetProgress,
} from '../../store/tables/operations/operation-targets.ts';
import { allScheduled } from '../../store/tables/operations/operations.ts';
import type { Operation } from '../../store/tables/operations/operations.ts';
import type { BotOperations } from './bot-operations.ts';

/** An operation that runs, or that is scheduled, and how many of its targets are in each state. */
export interface OpenOperation {
  readonly operation: Operation;
  /** Empty before it starts. */
  readonly counts: TargetCounts;
  /** Undefined before it starts. */
  readonly progress: TargetProgress | undefined;
  /** The homeservers that it waits for, because they don't answer. */
  readonly waitsFor: readonly string[];
}

/** The operations that run or are scheduled, read-only. */
export function createOperationService(
  {
    operations,
    operationTargets,
    statistics,
  }: Pick<Store, 'operations' | 'operationTargets' | 'statistics'>,
  { waitsFor }: Pick<BotOperations, 'waitsFor'>,
) {
  return {
    get: operations.get,

    /** What runs, the oldest first, and then what is scheduled, by its time. */
    async open(): Promise<OpenOperation[]> {
      const running = await operations.running();
      const scheduled = await allScheduled(operations);
      return Promise.all(
        [...running, ...scheduled].map(async (operation) => {
          const isRunning = operation.state === 'running';
          return {
            operation,
            counts: isRunning ? await operationTargets.count(operation.id) : {},
            progress: isRunning ? await operationTargets.progress(operation.id) : undefined,
            waitsFor: waitsFor(operation.id),
          };
        }),
      );
    },

    newest: operations.newest,
    first: operations.first,
    countPending: statistics.countPending,
    targets: operationTargets.page,

    /** How far an operation has got. */
    async progressOf(operation: Operation): Promise<OpenOperation> {
      const [counts, progress] = await Promise.all([
        operationTargets.count(operation.id),
        operationTargets.progress(operation.id),
      ]);
      return { operation, counts, progress, waitsFor: waitsFor(operation.id) };
    },

    /** Whether a request to stop an operation was recorded. */
    async reconcileStop(id: number): Promise<'done' | 'not_done'> {
      const operation = await operations.get(id);
      const isStopped = operation?.state === 'cancelled' || operation?.stopRequestedBy;
      return isStopped ? 'done' : 'not_done';
    },
  };
}

export type OperationService = ReturnType<typeof createOperationService>;
