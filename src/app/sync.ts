import { bold, line } from '../chat/answers/answer.ts';
import { isLate } from '../core/async/patience.ts';
import type { Log } from '../core/log.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import type { RoomState } from '../matrix/room/room-state.ts';
import { readEvents } from '../matrix/sync/read-event.ts';
import { createSync } from '../matrix/sync/sync.ts';
import type { RoomSync } from '../matrix/sync/sync.ts';
import { sayUnreadable } from '../matrix/sync/unreadable.ts';
import { raiseAlarm } from '../operations/answer/alarms.ts';
import { setPlaceAside } from '../operations/record/damaged-rows.ts';
import type { Store } from '../store/store.ts';
import type { Operations } from './operations.ts';
import type { Timing } from './timing.ts';
import type { Transport } from './transport.ts';

/** Longer than most answers take, and too short for anybody to notice who types meanwhile. */
const maxPauseMs = 100;

/** Builds the sync of the management room, which hands its events to the pipeline. */
export function createRoomSync(options: {
  readonly client: ClientApi;
  readonly store: Store;
  readonly members: RoomState;
  readonly log: Log;
  readonly transport: Pick<Transport, 'crypto' | 'delivery' | 'secrets' | 'sendPermission'>;
  readonly operations: Pick<Operations, 'context' | 'pipeline' | 'recover'>;
  readonly timing: Pick<Timing, 'longPollMs'>;
  /** Warns if the room is open to strangers. */
  readonly warnIfOpen: () => Promise<void>;
  /** The homeserver answers again. */
  readonly onOnline: () => void;
  /** Somebody has sent something to the room. */
  readonly onActivity: () => void;
  readonly onFatal: (error: unknown) => void;
}): RoomSync {
  const { members, operations, transport, warnIfOpen } = options;
  const { context, pipeline } = operations;
  const { crypto, delivery, secrets, sendPermission } = transport;
  const { botUser, managementRoom: room } = context.settings;
  return createSync({
    client: options.client,
    room,
    botUser,
    crypto,
    store: {
      get: options.store.syncState.get,
      // If the newest token is lost, the events since the one before are received again, and are known.
      set: async (name, value) =>
        options.store.transaction(async ({ syncState }) => syncState.set(name, value), {
          repeatable: true,
        }),
    },
    log: options.log,
    longPollMs: options.timing.longPollMs,
    watched: { rooms: secrets.rooms, changed: (other) => void secrets.check(other) },
    async beforeNext() {
      // A sync takes time of the homeserver's that the answers to these events need.
      await isLate(pipeline.idle().then(delivery.idle), maxPauseMs);
    },
    giveUp: async (events) => sayUnreadable(context, room, events, crypto.withheld),
    async take(events, how) {
      events.forEach((event) => members.apply(event));
      // Before anything that these events ask for is started.
      sendPermission.check();
      await warnIfOpen();
      const incoming = readEvents(room, events);
      if (how === 'new' && incoming.some(({ sender }) => sender !== botUser)) {
        options.onActivity();
      }
      await (how === 'first' ? pipeline.skip(incoming) : pipeline.accept(incoming));
    },
    onCut: async () =>
      raiseAlarm(context, `gap ${context.now()}`, {
        mark: '⚠️',
        title: [
          bold('I could not read everything that was sent while I was away: '),
          'it is too much',
        ],
        body: [
          line(
            'I know who has which role here. I did not carry out or answer the commands that I missed: resend them.',
          ),
        ],
      }),
    onOnline() {
      operations.recover();
      options.onOnline();
    },
    placeRefused: async (token) => setPlaceAside(context, token),
    onFatal: options.onFatal,
  });
}
