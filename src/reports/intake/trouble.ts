import { codeOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';

/** After the homeserver answers again, how long failures are not told: whoever heard of the outage knows why. */
const graceMs = 30_000;

/**
 * Tells people that reports can't be read if that lasts, and again when they can be. All lists usually fail
 * for the same reason, so one message is enough.
 */
export function createTrouble(options: {
  /** How long a list must fail before anybody is told. */
  readonly afterMs: number;
  /** Tells people: with an error if there is trouble, without one if it is over. Returns whether it has. */
  readonly onTrouble: (error?: unknown) => Promise<boolean>;
  readonly log: Pick<Log, 'warn'>;
}) {
  const { afterMs, onTrouble, log } = options;
  let isKnown = false;
  let answeredAtMs = Number.NEGATIVE_INFINITY;

  async function tell(error?: unknown): Promise<void> {
    // Set at once: otherwise the other list would report the same trouble.
    isKnown = error !== undefined;
    let isTold = false;
    try {
      isTold = await onTrouble(error);
    } catch (untold) {
      log.warn({ code: codeOf(untold) }, 'could not tell the room whether reports can be read');
    }
    if (!isTold) {
      isKnown = error === undefined;
    }
  }

  return {
    /** Call it whenever a list has failed: for how long now, and why. */
    async lasts(forMs: number, error: unknown): Promise<void> {
      const hasJustAnswered = performance.now() - answeredAtMs < Math.min(graceMs, afterMs);
      if (!isKnown && forMs >= afterMs && !hasJustAnswered) {
        await tell(error);
      }
    },

    /** The homeserver answers again: what was sent before may still fail, and is read again at once. */
    answers(): void {
      answeredAtMs = performance.now();
    },

    /** Call it whenever all lists could be read. */
    async isOver(): Promise<void> {
      if (isKnown) {
        await tell();
      }
    },
  };
}
