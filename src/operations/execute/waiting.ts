import type { RunningOperation } from './operation.ts';

/** The operations that wait for homeservers that don't answer. */
export interface Waiting {
  /**
   * An operation can't go on before these homeservers answer.
   *
   * @param ended how many of its units have ended
   * @returns whether it has not waited like this since it last went on
   */
  add(operation: number, servers: readonly string[], ended: number): boolean;
  /** Call it when the operation continues, or has ended. */
  remove(operation: number): void;
  /** The homeservers that an operation waits for; empty if it does not wait. */
  of(operation: number): readonly string[];
  all(): { readonly id: number; readonly waitsFor: readonly string[] }[];
}

export function createWaiting(): Waiting {
  const waiting = new Map<number, { readonly servers: readonly string[]; readonly key: string }>();
  return {
    add(operation, servers, ended) {
      const key = `${ended} ${servers.join(' ')}`;
      const isNew = waiting.get(operation)?.key !== key;
      waiting.set(operation, { servers, key });
      return isNew;
    },
    remove(operation) {
      waiting.delete(operation);
    },
    of: (operation) => waiting.get(operation)?.servers ?? [],
    all: () => [...waiting].map(([id, { servers }]) => ({ id, waitsFor: servers })),
  };
}

/** The homeservers that an operation waits for, as people call them. */
export function serversWaitedFor({
  waitsFor,
}: Pick<RunningOperation, 'waitsFor'>): readonly string[] {
  return [...waitsFor].map((server) => server ?? 'the homeserver');
}

/** Whether nothing more of an operation can be done until a homeserver answers. */
export function isWaiting({ waitsFor, units }: RunningOperation): boolean {
  const isInFlight = units.some(
    ({ intent, attempt, leftOut }) =>
      intent !== undefined && attempt === undefined && leftOut === undefined,
  );
  return waitsFor.size > 0 && !isInFlight;
}
