import { TargetError } from '../../core/errors.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { Store } from '../../store/store.ts';
import type { Note } from '../../store/tables/notes.ts';

/** At most this many notes about one user or room are there, and as many removed ones are kept. */
const maxNotes = 100;

/** The newest notes about a user or room, and how many there are. */
export interface NotesAbout {
  readonly newest: readonly Note[];
  readonly count: number;
}

/**
 * What moderators write down about users and rooms.
 *
 * @param wake called when the cards of reports are to show a change
 */
export function createNoteService(
  store: Pick<Store, 'notes' | 'transaction'>,
  { wake }: { readonly wake: () => void },
) {
  /** @returns the note as it was before */
  async function setRemoved(subject: string, id: number, removedAt: number | null): Promise<Note> {
    const before = await store.transaction(async ({ notes, reportWork }) => {
      const note = await find(notes, subject, id, { removed: removedAt === null });
      if (removedAt === null) {
        await assertRoomForOne(notes, subject);
      }
      await notes.setRemoved(id, removedAt);
      await notes.deleteRemoved(subject, maxNotes);
      await reportWork.showNotes(subject, { forRules: false });
      return note;
    });
    wake();
    return before;
  }

  /** Whether a command that was cut off has removed or restored a note. It refuses a note about somebody else. */
  async function reconcile(subject: string, id: number, removed: boolean) {
    const note = await store.notes.get(id);
    return note?.subject === subject && (note.removedAt !== null) === removed ? 'done' : 'not_done';
  }

  return {
    /**
     * @param event the command that makes it
     * @throws TargetError there are too many
     */
    async add(note: Pick<Note, 'subject' | 'text' | 'author' | 'at'>, event: EventId) {
      const added = await store.transaction(async ({ notes, reportWork }) => {
        await assertRoomForOne(notes, note.subject);
        await reportWork.showNotes(note.subject, { forRules: false });
        return notes.add(note, event);
      });
      wake();
      return added;
    },

    /** @throws TargetError there is no such note about this user or room, or it is removed */
    remove: async (subject: string, id: number, at: number) => setRemoved(subject, id, at),

    /** @throws TargetError there is no such note about this user or room, or it is there */
    restore: async (subject: string, id: number) => setRemoved(subject, id, null),

    /** @throws TargetError there is no such note about this user or room, or it is not as it must be */
    async assertIs(subject: string, id: number, as: { readonly removed: boolean }): Promise<void> {
      await find(store.notes, subject, id, as);
    },

    /** Whether a command that was cut off has made its note: one transaction does it. */
    reconcileAdded: async (event: EventId, subject: UserId | RoomId) =>
      (await store.notes.isMadeBy(event, subject)) ? 'done' : 'not_done',

    reconcileRemoved: async (subject: string, id: number) => reconcile(subject, id, true),
    reconcileRestored: async (subject: string, id: number) => reconcile(subject, id, false),

    list: async (...query: Parameters<Store['notes']['list']>) => store.notes.list(...query),
    count: async (subject: string | undefined) => store.notes.count(subject),

    about: async (subject: string, limit: number) => notesAbout(store.notes, subject, limit),
  };
}

/** @throws TargetError there is no such note about this user or room, or it is not as it must be */
async function find(
  notes: Pick<Store['notes'], 'get'>,
  subject: string,
  id: number,
  { removed }: { readonly removed: boolean },
): Promise<Note> {
  const note = await notes.get(id);
  if (note?.subject !== subject) {
    throw new TargetError('unknown', `there is no note ${id} about ${subject}`);
  }
  if ((note.removedAt !== null) !== removed) {
    const is = removed ? 'there, so nothing is to be restored' : 'already removed';
    throw new TargetError('state', `note ${id} is ${is}`);
  }
  return note;
}

/** @throws TargetError there are as many notes as there may be */
async function assertRoomForOne(notes: Pick<Store['notes'], 'count'>, subject: string) {
  if ((await notes.count(subject)) >= maxNotes) {
    throw new TargetError(
      'state',
      `there are already ${maxNotes} notes about ${subject}`,
      'Nothing was changed. Remove one that is not needed any more.',
    );
  }
}

/** @param limit how many of the newest */
export async function notesAbout(
  notes: Pick<Store['notes'], 'count' | 'list'>,
  subject: string,
  limit: number,
): Promise<NotesAbout> {
  const [newest, count] = await Promise.all([notes.list(subject, { limit }), notes.count(subject)]);
  return { newest, count };
}

export type NoteService = ReturnType<typeof createNoteService>;
