import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count, when } from '../../chat/answers/phrases.ts';
import { dayMs } from '../../core/duration.ts';
import type { EventId } from '../../core/ids.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Anchor } from '../../store/tables/anchor.ts';
import type { ChainEnd } from '../../store/tables/audit-log.ts';
import { post } from '../answer/reply.ts';
import type { DeliverContext, PostContext } from '../answer/reply.ts';
import { joinedAdmins } from '../authorize/authorize.ts';
import type { RoomPeople } from '../authorize/authorize.ts';
import { syntheticEvent } from '../management-room.ts';
import type { Settings } from '../settings.ts';

type SayContext = PostContext &
  RoomPeople & { readonly settings: Pick<Settings, 'managementRoom'> };

/** What anchoring needs. */
export type AnchorContext = SayContext & DeliverContext;

/**
 * Anchors the head of the audit log's chain: posts it in the room, where changing the database can't
 * change it. At most once a day, and only if there are new rows. If the log does not continue from the
 * head that was posted before, warns the admins instead, and keeps comparing with that head.
 *
 * @throws StoreError nothing was posted; try again later
 */
export async function anchorHead(context: AnchorContext): Promise<void> {
  const now = context.now();
  const event = syntheticEvent(`audit-head ${now}`);
  const isPosted = await context.store.transaction(async (tables) => {
    const before = await tables.anchor.get();
    if (before !== undefined && !isPast(before.at, now)) {
      return false;
    }
    const end = await tables.auditLog.end();
    if (before !== undefined && !(await continues(tables, before))) {
      return isPast(before.warnedAt, now) && warn(context, tables, event, before);
    }
    if (end === undefined || end.count === before?.count) {
      return false;
    }
    await tables.anchor.set({ ...end, at: now, warnedAt: 0 });
    await say(context, tables, event, headAnswer(end));
    return true;
  });
  if (isPosted) {
    context.deliver(event);
  }
}

/** A day ago or more; a clock that was set back does not make it wait. */
function isPast(at: number, now: number): boolean {
  return Math.abs(now - at) >= dayMs;
}

async function continues({ auditLog }: StoreTables, before: Anchor): Promise<boolean> {
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
  context: SayContext,
  tables: StoreTables,
  event: EventId,
  before: Anchor,
): Promise<true> {
  const now = context.now();
  await tables.anchor.set({ ...before, warnedAt: now });
  await say(context, tables, event, {
    mark: '⚠️',
    title: [
      bold('The audit log was tampered with: '),
      'it doesn’t continue from the head that I posted here',
    ],
    body: [
      line(
        `Row ${before.count.toLocaleString('en-US')}, posted here ${when(before.at, now)}, is missing or different. Somebody has changed the database.`,
      ),
    ],
    next: ['audit verify'],
    data: { posted: { count: before.count, head: before.head, at: before.at } },
  });
  return true;
}

async function say(
  context: SayContext,
  tables: StoreTables,
  event: EventId,
  answer: Answer,
): Promise<void> {
  const isWarning = answer.mark === '⚠️';
  await post(context, tables, 'alert', {
    kind: 'alert',
    origin: { event, room: context.settings.managementRoom },
    mentions: isWarning ? joinedAdmins(context) : [],
    reply: { command: 'audit', status: isWarning ? 'failed' : 'done', audit: [], answer },
  });
}
