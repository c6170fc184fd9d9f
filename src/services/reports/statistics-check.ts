import { minuteMs } from '../../core/duration.ts';
import { TargetError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { RoomService } from '../rooms/room-service.ts';

/** Synapse updates its statistics a moment after the events; a longer delay means that it has stopped. */
const usualPatienceMs = 120_000;
const usualIntervalMs = 5 * minuteMs;

/**
 * Checks that Synapse keeps statistics of its rooms. It stores every report of a message, but only lists
 * those from rooms that it has statistics of: with `stats.enabled: false`, the list of reports is empty
 * and looks healthy. The management room shows whether that is so, because its members are known.
 *
 * @param room a room that the bot is in
 * @returns a check that throws a TargetError if there are no statistics. While all is well, it asks
 * Synapse only every five minutes, unless the answer must be fresh: Synapse has to restart before it can
 * stop keeping statistics.
 */
export function createStatisticsCheck(
  rooms: Pick<RoomService, 'find' | 'members'>,
  room: RoomId,
  { patienceMs = usualPatienceMs, intervalMs = usualIntervalMs } = {},
): (options: { readonly isFresh: boolean }) => Promise<void> {
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let behind: { readonly counted: number; readonly sinceMs: number } | undefined;

  return async ({ isFresh }) => {
    const nowMs = performance.now();
    if (!isFresh && nowMs - askedAtMs < intervalMs) {
      return;
    }
    const detail = await rooms.find(room);
    const counted = detail?.joinedMembers;
    if (counted === null) {
      throw new TargetError(
        'state',
        'Synapse keeps no room statistics, so it lists no reports of messages. ' +
          'Set stats.enabled: true in its homeserver.yaml, and restart Synapse',
      );
    }
    if (counted !== undefined && counted !== (await rooms.members(room)).total) {
      behind = behind?.counted === counted ? behind : { counted, sinceMs: nowMs };
      if (nowMs - behind.sinceMs >= patienceMs) {
        throw new TargetError(
          'state',
          'Synapse has stopped updating its room statistics, so it lists no reports of messages from newer rooms. ' +
            'Set stats.enabled: true in its homeserver.yaml, and restart Synapse',
        );
      }
      return;
    }
    behind = undefined;
    askedAtMs = nowMs;
  };
}
