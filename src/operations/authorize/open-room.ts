import { bold, line } from '../../chat/answers/answer.ts';
import { raiseAlarm } from '../answer/alarm.ts';
import type { House } from '../house.ts';

/** How strangers reach the management room. */
export type Opening = 'public' | 'world_readable';

const told: Readonly<Record<Opening, string>> = {
  public: 'Anybody can join it, and has the role that the power level of newcomers gives.',
  world_readable: 'Anybody can read it without joining, also what is said about accounts.',
};

/**
 * Warns the log and the admins while the management room is open to strangers: at the start, and whenever
 * that changes.
 *
 * @param openings how it is open now
 * @returns to be called whenever the room's state may have changed; throws StoreError if the warning
 * can't be stored
 */
export function createOpenRoomWarning(
  house: House,
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
    house.log.warn({ openings: now }, 'the management room is open to strangers');
    await raiseAlarm(house, `open-room ${house.now()} ${seen}`, {
      mark: '⚠️',
      title: [bold('This room is open to strangers')],
      body: [
        ...now.map((opening) => line(told[opening])),
        line(
          'In the room’s settings, let only invited people join, and only members read the history.',
        ),
      ],
      data: { openings: now },
    });
  };
}
