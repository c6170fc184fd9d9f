import { SetupError } from '../../core/errors.ts';
import { shownPlace } from '../postgres/errors.ts';
import type { Connection } from '../schema.ts';
import { syncState } from '../tables/sync-state.ts';

/** A named value of a database that `move-database` has begun to write, and not finished. */
const name = 'unfinished_copy';

export async function isUnfinishedCopy(db: Connection): Promise<boolean> {
  return (await syncState(db).get(name)) !== undefined;
}

/** The end of the copy removes the mark: the source has none. */
export async function markUnfinished(db: Connection): Promise<void> {
  await syncState(db).set(name, 'move-database');
}

/** @throws SetupError a bot that starts on half of a copy would do things again */
export async function assertFinished(db: Connection, place: string): Promise<void> {
  if (await isUnfinishedCopy(db)) {
    throw new SetupError(
      `The database ${shownPlace(place)} is an unfinished copy.`,
      'Run lawspeaker move-database again: it goes on where it stopped.',
    );
  }
}
