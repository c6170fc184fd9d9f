import type { Origin } from '../../chat/command/invocation.ts';
import type { EventId } from '../../core/ids.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/operations/confirmations.ts';
import { allScheduled } from '../../store/tables/operations/operations.ts';
import { withdrawReactions } from '../answer/reply.ts';
import type { Outgoing, PostContext } from '../answer/reply.ts';
import { isSynthetic } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import type { OwnMessage, Said } from './own-message.ts';

/** What recording the answers of the room needs. */
export type EnterContext = PostContext & {
  readonly settings: Pick<Settings, 'managementRoom'>;
};

/** What the room shows and the database lacks. */
export interface Lost {
  /** Answers to commands that are not in the database. */
  readonly answers: readonly Said[];
  /** Those of them that are pending confirmations. */
  readonly confirmations: readonly { readonly command: EventId; readonly said: Said }[];
}

/** Records the commands that the room shows as answered, and the confirmations that it shows as decided. */
export async function enterLost(
  context: EnterContext,
  tables: StoreTables,
  own: readonly OwnMessage[],
  now: number,
): Promise<Lost> {
  const { botUser } = context.settings;
  const edits = newestEdits(own);
  const answers: Said[] = [];
  const confirmations: { command: EventId; said: Said }[] = [];
  // Oldest first, because the first of two messages about a command is its answer.
  for (const message of own.toReversed()) {
    if (message.edits !== undefined) {
      const command = await tables.outbox.commandOf(message.edits);
      if (command !== undefined) {
        await markSent(tables, { command, kind: 'edit', message, now });
        await enterDecision(context, tables, command, message, now);
      }
      continue;
    }
    await endTimers(tables, message, now);
    const command = message.replyTo;
    const said: Said = withEdit(message, edits.get(message.event));
    if (command === undefined) {
      continue;
    }
    // A command that could not be stored was never done. An answer in a card's thread replies to the card.
    const isOfStoreFailure = said.answer?.error?.code === 'store';
    const isReplyToUs =
      own.some((one) => one.event === command) ||
      (await tables.outbox.commandOf(command)) !== undefined;
    if (isSynthetic(command) || isOfStoreFailure || isReplyToUs) {
      continue;
    }
    if (await tables.outbox.knows(command)) {
      await markSent(tables, { command, kind: 'reply', message, now });
      continue;
    }
    for (const answered of [command, ...staleOnes(said)]) {
      await tables.inbox.add(
        [{ eventId: answered, type: 'answered', sender: botUser, event: '{}' }],
        now,
      );
      await tables.inbox.markHandled(answered, now);
    }
    await tables.outbox.remember(command, 'answer', message.event, now);
    if (said.answer !== undefined && !(await isRecorded(tables, command, said.answer.audit))) {
      answers.push(said);
      if (said.answer.status === 'pending') {
        confirmations.push({ command, said });
      }
    }
  }
  await endOperations(context, tables, own, now);
  return { answers, confirmations };
}

/** A message that the outbox still wants to send, and that the room shows, is not sent once more. */
async function markSent(
  { outbox }: StoreTables,
  {
    command,
    kind,
    message,
    now,
  }: { command: string; kind: Outgoing['kind']; message: OwnMessage; now: number },
): Promise<void> {
  const pending = await outbox.open(command);
  const sent = pending.find((one) => (JSON.parse(one.message) as Outgoing).kind === kind);
  if (sent !== undefined) {
    await outbox.markDelivered(sent.id, message.event, now);
  }
}

/**
 * Ends the operations that were running or scheduled when the backup was made and that the room shows as
 * ended. To resume one would report targets that were dealt with after the backup as not done.
 */
async function endOperations(
  context: EnterContext,
  tables: StoreTables,
  own: readonly OwnMessage[],
  now: number,
): Promise<void> {
  const { auditLog, confirmations, operations, outbox } = tables;
  // A timer has no answer of its own before it runs: see `endTimers`.
  const scheduled = (await allScheduled(operations)).filter(({ line: undo }) => undo === null);
  for (const { id: operation, eventId, state } of [...(await operations.running()), ...scheduled]) {
    const outcome = await lastAnswer(outbox, own, eventId);
    if (outcome?.status === 'cancelled') {
      await operations.end(operation, 'cancelled', now);
    } else if (state === 'scheduled' && outcome !== undefined && outcome.status !== 'pending') {
      // It has started, and how it ended is not known here.
      await operations.end(operation, outcome.status === 'done' ? 'done' : 'unknown', now);
    }
    if (outcome === undefined || !ended.has(outcome.status)) {
      continue;
    }
    const entries = await auditLog.search({ eventId, limit: 10_000 });
    for (const { id, status } of entries.reverse()) {
      if (!ended.has(status)) {
        await auditLog.finish(
          id,
          { status: statusIn(outcome, id), detail: { seen: 'in the room' } },
          now,
        );
      }
    }
    await operations.end(operation, outcome.status as EndStatus, now);
    if ((await confirmations.byEvent(eventId)) !== undefined) {
      await withdrawReactions(context, tables, originOf(context, eventId));
    }
  }
}

const originOf = ({ settings }: Pick<EnterContext, 'settings'>, event: string): Origin => ({
  event: event as EventId,
  room: settings.managementRoom,
});

type EndStatus = 'done' | 'failed' | 'partial';

const ended: ReadonlySet<string> = new Set<EndStatus>(['done', 'failed', 'partial']);

/** What the room shows last about a command. */
async function lastAnswer(
  outbox: StoreTables['outbox'],
  own: readonly OwnMessage[],
  command: string,
): Promise<OwnMessage['answer']> {
  for (const { edits, replyTo, answer } of own) {
    const about = edits === undefined ? replyTo : await outbox.commandOf(edits);
    if (about === command) {
      return answer;
    }
  }
  return undefined;
}

/** How one target of an operation ended, by the answer to it. */
function statusIn({ status, data }: NonNullable<OwnMessage['answer']>, entry: number): string {
  const targets = Array.isArray(data) ? (data as readonly unknown[]) : [];
  const target = targets.find(
    (one): one is { readonly status: string } =>
      typeof one === 'object' &&
      one !== null &&
      'audit' in one &&
      one.audit === entry &&
      'status' in one &&
      typeof one.status === 'string',
  );
  const shown = target?.status ?? (status === 'partial' ? 'unknown' : status);
  return ended.has(shown) ? shown : 'unknown';
}

/** Whether the audit log has what an answer reports. Then only the answer is lost, in a power cut. */
async function isRecorded(
  { auditLog }: StoreTables,
  command: EventId,
  audit: readonly number[],
): Promise<boolean> {
  for (const id of audit) {
    if ((await auditLog.get(id))?.eventId !== command) {
      return false;
    }
  }
  return audit.length > 0;
}

/** The newest edit of each message that was edited. */
function newestEdits(own: readonly OwnMessage[]): ReadonlyMap<EventId, OwnMessage> {
  const edits = new Map<EventId, OwnMessage>();
  for (const message of own) {
    if (message.edits !== undefined && !edits.has(message.edits)) {
      edits.set(message.edits, message);
    }
  }
  return edits;
}

function withEdit(message: OwnMessage, edit: OwnMessage | undefined): Said {
  return edit === undefined
    ? { ...message, isEdited: false }
    : { ...message, answer: edit.answer, firstLine: edit.firstLine, isEdited: true };
}

/** The commands that one answer to many stale commands is about. */
function staleOnes({ answer }: Said): EventId[] {
  const { events } = (answer?.data ?? {}) as { events?: unknown };
  return answer?.status === 'stale' && Array.isArray(events)
    ? events.filter((event): event is EventId => typeof event === 'string')
    : [];
}

/** Records a confirmation as decided that is pending in the database and decided in the room. */
async function enterDecision(
  context: EnterContext,
  tables: StoreTables,
  command: string,
  edit: OwnMessage,
  now: number,
): Promise<void> {
  const confirmation = await tables.confirmations.byEvent(command);
  if (confirmation?.state !== 'pending' || edit.answer?.status === 'pending') {
    return;
  }
  const status = edit.answer?.status;
  // No outcome is posted: the room shows how it ended.
  await withdrawReactions(context, tables, originOf(context, command));
  await (status === undefined || status === 'expired' || status === 'cancelled'
    ? tables.confirmations.decide(confirmation.id, status ?? 'expired', undefined, now)
    : enterEnd(tables, confirmation, Math.min(edit.sentAt, confirmation.expiresAt - 1)));
}

/** It was confirmed and ran. The room shows how it ended, and this record does not know. */
async function enterEnd(
  { confirmations, operations }: StoreTables,
  { id }: Confirmation,
  at: number,
): Promise<void> {
  await confirmations.decide(id, 'confirmed', undefined, at);
  await operations.end(id, 'unknown', at);
}

/** Ends the timers that the room shows as run, as stopped, or as replaced by a newer decision. */
async function endTimers(tables: StoreTables, message: OwnMessage, now: number): Promise<void> {
  const { answer, replyTo } = message;
  for (const timer of replyTo === undefined ? [] : await tables.timers.ofEvent(replyTo)) {
    const [name] = timer.line.split(' ', 1);
    // Timers of many targets end in one operation.
    const isOfTimer = answer?.command === name || answer?.command === 'undo';
    if (answer === undefined || (isOfTimer && answer.status !== 'pending')) {
      await tables.timers.end(timer.id, 'done', now);
    }
  }
  const { id, user_id: account } = (answer?.data ?? {}) as { id?: unknown; user_id?: unknown };
  if (answer?.status === 'done' && typeof account === 'string') {
    for (const timer of await tables.timers.scheduledFor(account)) {
      const [name] = timer.line.split(' ', 1);
      const isAbout = answer.command === timer.action || answer.command === name;
      if (isAbout && replyTo !== timer.eventId && message.sentAt > timer.createdAt) {
        await tables.timers.end(timer.id, 'stopped', now);
      }
    }
  }
  if (answer?.command === 'stop-job' && answer.status === 'done' && typeof id === 'number') {
    await tables.timers.end(id, 'stopped', now);
  }
}
