import { TargetError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';

/** Statistics come a moment after the events; what is behind for longer stands still. */
const usualPatienceMs = 120_000;
const usualIntervalMs = 60_000;

/**
 * Checks that Synapse keeps statistics of its rooms. It stores every report of a message, and lists and
 * shows only those from rooms that it has statistics of: with `stats.enabled: false` the list of reports
 * is empty and looks healthy. The management room tells, since its members are known.
 *
 * @param room a room that the bot is in
 * @returns throws a TargetError while there are no statistics. Asks at most every minute if all is well.
 */
export function createStatisticsCheck(
  api: Pick<AdminApi, 'rooms'>,
  room: RoomId,
  { patienceMs = usualPatienceMs, intervalMs = usualIntervalMs } = {},
): () => Promise<void> {
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let behind: { readonly counted: number; readonly sinceMs: number } | undefined;

  return async () => {
    const nowMs = performance.now();
    if (nowMs - askedAtMs < intervalMs) {
      return;
    }
    const detail = await api.rooms.find(room);
    const counted = detail?.joinedMembers;
    if (counted === null) {
      throw new TargetError(
        'state',
        'Synapse keeps no room statistics, and therefore lists no reports of messages. ' +
          'Set stats.enabled: true in its homeserver.yaml, and restart it',
      );
    }
    if (counted !== undefined && counted !== (await api.rooms.members(room)).total) {
      behind = behind?.counted === counted ? behind : { counted, sinceMs: nowMs };
      if (nowMs - behind.sinceMs >= patienceMs) {
        throw new TargetError(
          'state',
          'Synapse’s room statistics stand still, and it lists no reports of messages from newer rooms. ' +
            'Set stats.enabled: true in its homeserver.yaml, and restart it',
        );
      }
      return;
    }
    behind = undefined;
    askedAtMs = nowMs;
  };
}
