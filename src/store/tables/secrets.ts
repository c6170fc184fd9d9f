import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { Connection } from '../schema.ts';

/** A message with a secret in a direct room. */
export interface StoredSecret {
  /** The transaction ID of the message. */
  readonly id: string;
  readonly room: RoomId;
  /** The recipient. */
  readonly user: UserId;
  /** Undefined if it isn't known whether the homeserver accepted it. */
  readonly event: EventId | undefined;
  /** When to redact it; milliseconds since 1970. */
  readonly dueAt: number;
}

/** Messages with secrets that are not redacted yet. Their content is not stored. */
export function secrets(db: Connection) {
  return {
    /** Call this before sending, so that the message is redacted even after a crash. */
    async add({ id, room, user, dueAt }: Omit<StoredSecret, 'event'>): Promise<void> {
      await db
        .insertInto('secrets')
        .values({ id, room_id: room, user_id: user, event_id: null, due_at: dueAt })
        .execute();
    },

    async sent(id: string, event: EventId): Promise<void> {
      await db.updateTable('secrets').set({ event_id: event }).where('id', '=', id).execute();
    },

    async remove(id: string): Promise<void> {
      await db.deleteFrom('secrets').where('id', '=', id).execute();
    },

    /** All messages, the one that is due next first. */
    async all(): Promise<StoredSecret[]> {
      const rows = await db
        .selectFrom('secrets')
        .selectAll()
        .orderBy('due_at')
        .orderBy('id')
        .execute();
      return rows.map(({ id, room_id, user_id, event_id, due_at }) => ({
        id,
        room: room_id as RoomId,
        user: user_id as UserId,
        event: (event_id ?? undefined) as EventId | undefined,
        dueAt: due_at,
      }));
    },
  };
}

export type Secrets = ReturnType<typeof secrets>;
