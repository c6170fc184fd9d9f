import { parseRoomId } from '../../../core/ids.ts';
import { stepOf } from '../../../store/tables/audit/audit-log.ts';
import type { AuditEntry } from '../../../store/tables/audit/audit-log.ts';

/** What was done: a step by its name, which may be a command's. A step in a room is named after the room. */
export function deedOf(entry: AuditEntry): string {
  const step = stepOf(entry);
  return step === undefined || parseRoomId(step) !== undefined ? entry.command : step;
}

/** Whether both were done in the same room, or not both in one; and not on different homeservers. */
export function isSamePlace(one: AuditEntry, other: AuditEntry): boolean {
  const [room, otherRoom] = [one, other].map((entry) => parseRoomId(stepOf(entry) ?? ''));
  return areAlike(room, otherRoom) && areAlike(homeserverOf(one), homeserverOf(other));
}

function areAlike(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}

/** The server name that the bot has noted, if there were several homeservers. */
function homeserverOf({ arguments: given }: AuditEntry): string | undefined {
  return typeof given === 'object' && given !== null && 'on' in given
    ? String(given.on)
    : undefined;
}

/** The arguments of an entry as they were given, without the room, the time and the homeserver that the bot has noted. */
export function asGiven(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) {
    return given;
  }
  const { step, for: _, on: __, ...others } = given as Record<string, unknown>;
  const isRoom = typeof step === 'string' && parseRoomId(step) !== undefined;
  return step === undefined || isRoom ? others : { ...others, step };
}
