import { isLate } from '../../core/async/patience.ts';
import { UnreachableError } from '../../core/errors.ts';
import type { Store } from '../../store/store.ts';
import type { Operation } from '../../store/tables/operations/operations.ts';
import { atOrWhyNot, serverFor } from '../at-homeserver.ts';
import type { ParsedContext } from '../stages.ts';
import { carryOut } from './execute.ts';
import type { ExecuteContext } from './execute.ts';
import { loadOperation, taskOf } from './operation.ts';

/** What recovery needs. */
export type RecoverContext = ExecuteContext &
  ParsedContext & {
    readonly store: Pick<Store, 'auditLog' | 'operations' | 'operationTargets'>;
  };

type Waiting = Pick<Operation, 'eventId' | 'id'>;

/** Operations on the same homeservers, which are recovered in their order. */
interface Lane {
  /** Undefined for the first homeserver, if there is only one. */
  readonly servers: readonly (string | undefined)[];
  readonly operations: readonly Waiting[];
}

/** How long operations on homeservers beside the first are waited for. */
const othersPatienceMs = 2000;

/**
 * Goes on with the operations that a crash, a stop or an unreachable homeserver interrupted: asks the
 * homeserver what became of the calls that were cut off, and begins what was not begun. Resolves when each has
 * ended, or its answer shows that it runs. Operations on a homeserver beside the first that is slow or away go on
 * meanwhile.
 */
export async function recover(context: RecoverContext): Promise<void> {
  const lanes = await lanesOf(context, await context.store.operations.running());
  const others: Promise<void>[] = [];
  const own: Promise<void>[] = [];
  for (const lane of lanes) {
    const recovered = recoverLane(context, lane);
    if (lane.servers.every((server) => isFirst(context, server))) {
      own.push(recovered);
    } else if (!lane.servers.some((server) => isAway(context, server))) {
      others.push(recovered);
    }
  }
  await Promise.all([...own, isLate(Promise.all(others), othersPatienceMs)]);
}

function isFirst({ settings }: RecoverContext, server: string | undefined): boolean {
  return server === undefined || server === settings.serverName;
}

function isAway(context: RecoverContext, server: string | undefined): boolean {
  return atOrWhyNot(context, server) instanceof UnreachableError;
}

/** One lane for each homeserver, and one for operations on the same ones, so that one that is away holds up nobody else. */
async function lanesOf(
  context: RecoverContext,
  operations: readonly Waiting[],
): Promise<readonly Lane[]> {
  const waiting = operations.filter(({ eventId }) => !context.inFlight.has(eventId));
  if (context.settings.homeservers.length < 2) {
    return [{ servers: [undefined], operations: waiting }];
  }
  const lanes = new Map<
    string,
    { servers: readonly (string | undefined)[]; operations: Waiting[] }
  >();
  for (const operation of waiting) {
    const servers = await serversOf(context, operation);
    const key = servers.join(' ');
    const lane = lanes.get(key) ?? { servers, operations: [] };
    lane.operations.push(operation);
    lanes.set(key, lane);
  }
  return [...lanes.values()];
}

/** The homeservers of an operation, in order; the first if it can't be read. */
async function serversOf(
  context: RecoverContext,
  { id }: Waiting,
): Promise<readonly (string | undefined)[]> {
  try {
    const stored = await context.store.operations.get(id);
    const operation = stored && (await loadOperation(context, stored));
    const servers = operation?.units.map((unit) =>
      serverFor(context, taskOf(operation, unit), unit.target),
    );
    return [...new Set(servers)].toSorted((one, other) => (one ?? '').localeCompare(other ?? ''));
  } catch {
    // Recovering it says why.
    return [undefined];
  }
}

async function recoverLane(context: RecoverContext, { operations }: Lane): Promise<void> {
  for (const { id, eventId } of operations) {
    if (!context.stopping.aborted && context.inFlight.add(eventId)) {
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
