import type { Invocation, Json } from '../../chat/command/invocation.ts';
import { readArguments } from '../../chat/command/read-arguments.ts';
import { tokenize } from '../../chat/reading/tokenize.ts';
import { StoreError, UnreachableError, codeOf } from '../../core/errors.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { Job } from '../../store/tables/jobs.ts';
import { auditRefusal, refusalReply } from '../answer/refusal.ts';
import { post } from '../answer/reply.ts';
import { authorize } from '../authorize/authorize.ts';
import { resolve } from '../authorize/resolve.ts';
import { begin } from '../confirm/confirm.ts';
import type { House } from '../house.ts';
import { commandNamed, dangerOfInvocation, readingContext } from '../parse/parse.ts';
import type { Parsed } from '../stages.ts';
import { execute, logFault } from './execute.ts';

/**
 * Runs what takes an action back, at its time. It goes the way of every command; only nobody is asked,
 * since taking back was agreed to with the action.
 *
 * @returns `later` where the homeserver was away or the bot can't speak, and nothing has begun
 */
export async function runJob(house: House, job: Job): Promise<'done' | 'failed' | 'later'> {
  if (house.sendPermission.silence() !== undefined) {
    return 'later';
  }
  const action = await house.store.auditLog.get(job.intentId);
  const parsed = parseJob(house, job, action?.itemId ?? undefined);
  try {
    const resolved = await resolve(house, authorize(house, parsed));
    const confirmed = await begin(house, resolved, undefined, async ({ jobs }) => {
      const { state } = (await jobs.get(job.id)) ?? job;
      return state === 'waiting';
    });
    if (confirmed === undefined) {
      // It was begun before a crash, and recovery has settled it; or it was stopped just now.
      return 'done';
    }
    const { status } = await execute(house, confirmed);
    return status === 'done' ? 'done' : 'failed';
  } catch (error) {
    if (error instanceof UnreachableError || error instanceof StoreError) {
      return 'later';
    }
    logFault(house, parsed.command.name, error);
    house.log.warn({ job: job.id, code: codeOf(error) }, 'a job could not be carried out');
    const { origin } = parsed.invocation;
    await house.store.transaction(async (tables) => {
      const audit = await auditRefusal(house, tables, parsed, error);
      const reply = refusalReply(house, parsed.command.name, error, audit);
      await post(house, tables, 'answer', { kind: 'reply', origin, reply });
      // Or it would be refused once more after a crash.
      await tables.jobs.end(job.id, 'failed', house.now());
    });
    house.deliver(origin.event);
    return 'failed';
  }
}

/** @throws UsageError, TargetError its line can't be read (any more) */
export function parseJob(house: House, job: Job, card: number | undefined): Parsed {
  const command = commandNamed(house, job.line);
  const { values } = readArguments(command, tokenize(job.line).slice(1), readingContext(house));
  const invocation: Invocation = {
    command: command.name,
    arguments: values as Readonly<Record<string, Json>>,
    reason: `end of #${job.intentId}`,
    dryRun: false,
    actor: { kind: 'timer', job: job.id, user: job.askedBy as UserId },
    origin: {
      // No event of the room: a name under which the work is done once, and answered.
      event: `$timer-${job.id}-${job.createdAt}` as EventId,
      room: job.roomId as RoomId,
      inReplyTo: job.eventId as EventId,
      // What began in a report's thread ends there.
      ...(card === undefined ? {} : { card }),
    },
  };
  return { command, invocation, danger: dangerOfInvocation(command, invocation) };
}
