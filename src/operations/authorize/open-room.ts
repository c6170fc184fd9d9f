import { bold, line } from '../../chat/answers/answer.ts';
import type { Log } from '../../core/log.ts';
import { raiseAlarm } from '../answer/alarms.ts';
import type { RaiseAlarmContext } from '../answer/alarms.ts';

/** How the management room is open to strangers. */
export type Opening = 'public' | 'world_readable';

const told: Readonly<Record<Opening, string>> = {
  public: 'Anybody can join, and gets the role that the default power level gives.',
  world_readable: 'Anybody can read it without joining, including what is said about accounts.',
};

/**
 * Warns in the log and in the room if the management room is open to strangers: at the start, and
 * whenever that changes.
 *
 * @param openings how it is open now
 * @returns a function to call whenever the room's state may have changed; it throws StoreError if the
 * warning can't be stored
 */
export function createOpenRoomWarning(
  context: RaiseAlarmContext & { readonly log: Pick<Log, 'warn'> },
  openings: () => readonly Opening[],
): () => Promise<void> {
  let before = '';
  return async () => {
    const now = openings();
    const seen = now.join(' ');
    if (seen === before) {
      return;
    }
    before = seen;
    if (now.length === 0) {
      return;
    }
    context.log.warn({ openings: now }, 'the management room is open to strangers');
    await raiseAlarm(context, `open-room ${context.now()} ${seen}`, {
      mark: '⚠️',
      title: [bold('This room is open to strangers')],
      body: [
        ...now.map((opening) => line(told[opening])),
        line(
          'In the room’s settings, allow only invited people to join and only members to read the history.',
        ),
      ],
      data: { openings: now },
    });
  };
}
