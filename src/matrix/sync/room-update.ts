import type { RoomId } from '../../core/ids.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import type { SyncAnswer } from '../../homeserver/client/sync.ts';

/** The largest page that Synapse gives. */
const pageLimit = 100;
/** More than a management room hears in a day. Commands older than `commands.maxAge` are not run anyway. */
const usualMaxEvents = 5000;
/** Of JSON. An event has up to 64 kB. */
const usualMaxBytes = 16 * 1024 * 1024;

/** What is new in a room. */
export interface RoomUpdate {
  /** Raw, oldest first. */
  readonly events: unknown[];
  /** False if there was more than is read: the oldest events are missing. */
  readonly isWhole: boolean;
}

/**
 * Reads what one sync says about a room. If the timeline leaves events out, they are fetched.
 *
 * @param since where the sync started; undefined for a first sync, which gives the state and the newest
 * events
 * @throws HomeserverError, UnreachableError
 */
export async function readUpdate(
  client: Pick<ClientApi, 'events' | 'rooms'>,
  room: RoomId,
  since: string | undefined,
  answer: SyncAnswer,
): Promise<RoomUpdate> {
  const update = answer.rooms.join[room];
  if (update === undefined) {
    return { events: [], isWhole: true };
  }
  const { timeline, state } = update;
  if (since === undefined) {
    return { events: [...state.events, ...timeline.events], isWhole: true };
  }
  const missed =
    timeline.limited && timeline.prevBatch !== undefined
      ? await readGap(client, room, { since, before: timeline.prevBatch })
      : { events: [], isWhole: true };
  // If the room's history has branched, `state` can be that of one branch: roles that were taken away
  // would come back. The room itself says what holds now.
  const stated = state.events.length === 0 && missed.isWhole ? [] : await client.rooms.state(room);
  return {
    events: [...missed.events, ...timeline.events, ...stated],
    isWhole: missed.isWhole,
  };
}

/**
 * Fetches what a limited timeline left out: after an absence, the server sends only the newest events.
 * Reads at most `maxEvents` events or `maxBytes` bytes, the newest ones.
 *
 * @param since the token of the last sync
 * @param before the token where the timeline begins
 */
export async function readGap(
  client: { readonly events: Pick<ClientApi['events'], 'page'> },
  room: RoomId,
  { since, before }: { readonly since: string; readonly before: string },
  { maxEvents = usualMaxEvents, maxBytes = usualMaxBytes } = {},
): Promise<RoomUpdate> {
  const newestFirst: unknown[] = [];
  let bytes = 0;
  let from: string | null = before;
  // A page without events is the last one, so there are never more pages than events.
  while (from !== null) {
    if (newestFirst.length >= maxEvents || bytes >= maxBytes) {
      return { events: newestFirst.reverse(), isWhole: false };
    }
    const page: { readonly chunk: unknown[]; readonly end: string | null } =
      await client.events.page(room, { from, to: since, limit: pageLimit });
    newestFirst.push(...page.chunk);
    bytes += JSON.stringify(page.chunk).length;
    from = page.chunk.length === 0 || page.end === from ? null : page.end;
  }
  return { events: newestFirst.reverse(), isWhole: true };
}
