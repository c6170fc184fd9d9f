import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count, when } from '../../chat/answers/phrases.ts';
import { dayMs } from '../../core/duration.ts';
import type { EventId } from '../../core/ids.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Anchor } from '../../store/tables/anchor.ts';
import type { ChainEnd } from '../../store/tables/audit-log.ts';
import { post } from '../answer/reply.ts';
import { joinedAdmins } from '../authorize/roles.ts';
import type { House } from '../house.ts';

/**
 * Writes the head of the audit log's chain into the room, at most once a day, and only where rows have
 * come since: what stands there can't be changed through the database. Where the log does not go on from
 * the head before, the admins are called instead, and that head stays the one to compare with.
 *
 * @throws StoreError nothing was written; look again later
 */
export async function anchorHead(house: House): Promise<void> {
  const now = house.now();
  // No event of the room: those hold no blanks.
  const event = `$ audit-head ${now}` as EventId;
  const isShown = await house.store.transaction(async (tables) => {
    const before = await tables.anchor.get();
    if (before !== undefined && !isPast(before.at, now)) {
      return false;
    }
    const end = await tables.auditLog.end();
    if (before !== undefined && !(await goesOn(tables, before))) {
      return isPast(before.warnedAt, now) && warn(house, tables, event, before);
    }
    if (end === undefined || end.count === before?.count) {
      return false;
    }
    await tables.anchor.set({ ...end, at: now, warnedAt: 0 });
    await say(house, tables, event, headAnswer(end));
    return true;
  });
  if (isShown) {
    house.deliver(event);
  }
}

/** A day ago or more; a clock that was set back does not make it wait. */
function isPast(at: number, now: number): boolean {
  return Math.abs(now - at) >= dayMs;
}

async function goesOn({ auditLog }: StoreTables, before: Anchor): Promise<boolean> {
  return (await auditLog.hashOf(before.count)) === before.head;
}

function headAnswer({ count: rows, head }: ChainEnd): Answer {
  return {
    mark: 'ℹ️',
    title: [bold('Audit log: '), `${count(rows, 'row')}, head `, code(`${head.slice(0, 12)}…`)],
    data: { count: rows, head },
  };
}

async function warn(
  house: House,
  tables: StoreTables,
  event: EventId,
  before: Anchor,
): Promise<true> {
  const now = house.now();
  await tables.anchor.set({ ...before, warnedAt: now });
  await say(house, tables, event, {
    mark: '⚠️',
    title: [bold('The audit log was tampered with: '), 'it does not go on from what I wrote here'],
    body: [
      line(
        `Row ${before.count.toLocaleString('en-US')}, written here ${when(before.at, now)}, is gone or another. Somebody has changed the database.`,
      ),
    ],
    next: ['audit verify'],
    data: { posted: { count: before.count, head: before.head, at: before.at } },
  });
  return true;
}

async function say(
  house: House,
  tables: StoreTables,
  event: EventId,
  answer: Answer,
): Promise<void> {
  const isWarning = answer.mark === '⚠️';
  await post(house, tables, 'alert', {
    kind: 'alert',
    origin: { event, room: house.settings.managementRoom },
    mentions: isWarning ? joinedAdmins(house) : [],
    reply: { command: 'audit', status: isWarning ? 'failed' : 'done', audit: [], answer },
  });
}
