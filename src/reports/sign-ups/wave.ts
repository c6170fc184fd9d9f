import type { SignUpRule } from './sign-up-rule.ts';

/** Accounts that were created within a short time. Times by the homeserver's clock, in milliseconds since 1970. */
export interface Wave {
  /** When its first account was created. */
  readonly startedAt: number;
  /** When its newest account was created. */
  readonly newestAt: number;
  readonly accounts: number;
}

/** What has become of a wave. */
export interface FollowedWave extends Wave {
  /** Nobody was alerted about it yet. */
  readonly isNew: boolean;
  /** No more accounts join it: later ones may be the next wave. */
  readonly isOver: boolean;
}

/**
 * Follows the waves of sign-ups. A wave begins when `atLeast` accounts were created within the window. It is
 * over when fewer than half as many are in the window: if the number wavers around `atLeast`, that is one wave.
 * It is over as well if no account was created for a whole window, or if people have deactivated most of its
 * accounts. No account is in two waves, so that the next wave takes as many new accounts again.
 *
 * @param before the wave that has begun and is not over; or else `coveredUntil`: accounts that were created
 * until then belong to earlier waves, or to none
 * @param created when accounts were created, in any order: all since the wave has begun or since
 * `coveredUntil`, and possibly more; if that is too many, the newest
 * @param now by the bot's clock. If the homeserver's clock is ahead, the window ends with the newest account
 * @returns the earlier wave and those that have begun since, oldest first; all but the last are over
 */
export function followWaves(
  { atLeast, withinMs }: Pick<SignUpRule, 'atLeast' | 'withinMs'>,
  before: { readonly wave: Wave | undefined; readonly coveredUntil: number },
  created: readonly number[],
  now: number,
): FollowedWave[] {
  const times = created.toSorted((one, other) => one - other);
  const windowStart = Math.max(now, times.at(-1) ?? now) - withinMs;
  const inWindow = times.filter((time) => time > windowStart).length;
  const followed: FollowedWave[] = [];
  let rest: number[];
  if (before.wave === undefined) {
    rest = times.filter((time) => time > before.coveredUntil);
  } else {
    const { wave } = before;
    const members = times.filter((time) => time >= wave.startedAt && time <= wave.newestAt);
    const added = times.filter((time) => time > wave.newestAt);
    const end = endOfRun([wave.newestAt, ...added], withinMs);
    const accounts = Math.max(
      wave.accounts + end,
      // Synapse stores only seconds: some accounts may be as old as the newest one that was counted. If there
      // are too many to read all of them, those are missed.
      members.length + end,
    );
    rest = added.slice(end);
    followed.push({
      startedAt: wave.startedAt,
      newestAt: added[end - 1] ?? wave.newestAt,
      accounts,
      isNew: false,
      isOver: rest.length > 0 || inWindow < atLeast / 2,
    });
    if (rest.length === 0) {
      return followed;
    }
  }
  for (;;) {
    const last = rest.findIndex((time, at) => {
      const first = rest[at - atLeast + 1];
      return first !== undefined && time - first <= withinMs;
    });
    if (last === -1) {
      return followed;
    }
    const members = rest.slice(last - atLeast + 1);
    const count = endOfRun(members, withinMs) + 1;
    const [startedAt = 0] = members;
    rest = members.slice(count);
    followed.push({
      startedAt,
      newestAt: members[count - 1] ?? startedAt,
      accounts: count,
      isNew: true,
      isOver: rest.length > 0 || inWindow < atLeast / 2,
    });
  }
}

/** The place of the last time before a pause that is longer than the window, or of the last time of all. */
function endOfRun(times: readonly number[], withinMs: number): number {
  const at = times.findIndex((time, place) => (times[place + 1] ?? time) - time > withinMs);
  return at === -1 ? times.length - 1 : at;
}
