import { poll } from '../../core/async/poll.ts';
import type { PollTimes } from '../../core/async/poll.ts';
import { UnreachableError } from '../../core/errors.ts';

/** How often to look whether Synapse shows what MAS has done, and for how long. */
export const usualArrivalTimes: PollTimes = {
  firstIntervalMs: 100,
  maxIntervalMs: 2000,
  limitMs: 60_000,
};

/**
 * Waits until Synapse shows what MAS has done: MAS answers at once, and tells Synapse in the background.
 *
 * @param request what was asked of MAS: method and path template
 * @throws UnreachableError Synapse does not show it in time; it may still come
 */
export async function untilShown(
  isShown: () => Promise<boolean>,
  request: string,
  times: PollTimes,
): Promise<void> {
  const shown = await poll(async () => ((await isShown()) ? true : undefined), times);
  if (shown === undefined) {
    throw new UnreachableError(
      request,
      'does not show yet what the authentication service has done',
      true,
      { advice: 'The authentication service tries again by itself. Check later.' },
    );
  }
}
