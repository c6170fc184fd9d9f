import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer, Block } from '../../chat/answers/answer.ts';
import { count, dateTime } from '../../chat/answers/phrases.ts';
import type { Origin } from '../../chat/command/invocation.ts';
import { matrixToLink } from '../../chat/reading/values.ts';
import type { EventId, RoomId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { cut } from '../../core/text.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { AuditLog } from '../../store/tables/audit-log.ts';
import type { Confirmation } from '../../store/tables/confirmations.ts';
import { post, withdrawReactions } from '../answer/reply.ts';
import type { Outgoing, PostContext, Reply } from '../answer/reply.ts';
import { lostEvent } from '../answer/stale.ts';
import { joinedAdmins } from '../authorize/authorize.ts';
import type { RoomPeople } from '../authorize/authorize.ts';
import { isSynthetic, syntheticEvent } from '../management-room.ts';
import type { Settings } from '../settings.ts';

/** A message of the bot, as the room shows it. */
export interface OwnMessage {
  readonly event: EventId;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  /** What it answers. */
  readonly replyTo: EventId | undefined;
  /** The message that it replaces. */
  readonly edits: EventId | undefined;
  /** Undefined if it can't be decrypted. */
  readonly answer:
    | {
        readonly command: string;
        readonly status: string;
        readonly audit: readonly number[];
        readonly error?: { readonly code: string } | undefined;
        readonly data?: unknown;
      }
    | undefined;
  /** Of its body. */
  readonly firstLine: string;
}

/** A message of the bot with its newest edit. */
interface Said extends OwnMessage {
  readonly isEdited: boolean;
}

const maxShown = 20;
const maxLineLength = 100;
/** Numbers after a gap continue from the next multiple of this, so that no number is used twice. */
const numberStep = 1000;

/** What comparing the database with the room needs. */
export type CompareContext = PostContext &
  RoomPeople & {
    readonly settings: Pick<Settings, 'managementRoom'>;
    readonly store: Pick<Store, 'dataLoss' | 'transaction'>;
    readonly log: Pick<Log, 'warn'>;
  };

/**
 * Compares the database with the bot's own messages in the room, because a backup may have been restored,
 * or the database lost. What the room shows as answered is recorded as done. The admins are told, once,
 * what is missing in the database. Call this before anything is started.
 *
 * @param own the bot's messages that the database does not know, newest first
 * @throws StoreError nothing was recorded, and nothing may be started
 */
export async function compareWithRoom(
  context: CompareContext,
  own: readonly OwnMessage[],
): Promise<void> {
  if (own.length === 0) {
    return;
  }
  const now = context.now();
  const event = syntheticEvent(`room-record ${now}`);
  const isTold = await context.store.transaction(async (tables) => {
    const lost = await enterLost(context, tables, own, now);
    const end = (await tables.auditLog.end()) ?? { count: 0, head: '' };
    const missing = missingEntries(own, end.count);
    const head = await lostHead(tables.auditLog, own, end.count);
    if (lost.answers.length === 0 && missing.size === 0 && head === undefined) {
      return false;
    }
    await recordGapFrom(tables, own, { now, missing, end: end.count });
    const isTelling = missing.size > 0 || lost.confirmations.length > 0 || head !== undefined;
    if (isTelling) {
      const firstItem = await skipNumbers(tables, own);
      const room = context.settings.managementRoom;
      const answer = alertAnswer({ room, end: end.count, missing, lost, head, firstItem, now });
      await post(context, tables, 'alert', {
        kind: 'alert',
        origin: { event, room: context.settings.managementRoom },
        mentions: joinedAdmins(context),
        reply: { command: 'audit', status: 'failed', audit: [], answer },
      });
    }
    for (const confirmation of lost.confirmations) {
      await post(context, tables, 'lost', {
        kind: 'edit',
        origin: { event: confirmation.command, room: context.settings.managementRoom },
        reply: lostReply(confirmation.said),
      });
    }
    return true;
  });
  if (isTold) {
    const gap = await context.store.dataLoss.get();
    context.log.warn(
      { recordEndsAt: gap?.lastKept, roomShows: gap?.lastShown },
      'the room shows what is missing in the database: was a backup restored?',
    );
  }
}

/** What the room shows and an audit log lacks. */
export interface MissingRecord {
  /** The last row of the log; 0 if it has none. */
  readonly end: number;
  /** The highest number that the room shows. */
  readonly shown: number;
  /** Whether the log has another row where the room shows a head: it was replaced or changed. */
  readonly isOther: boolean;
}

/**
 * Compares an audit log with the bot's own messages in the room, and changes nothing.
 *
 * @param own the bot's messages that the database does not know, newest first
 * @returns undefined if nothing is missing
 */
export async function findMissingRecord(
  auditLog: Pick<AuditLog, 'end' | 'hashOf'>,
  own: readonly OwnMessage[],
): Promise<MissingRecord | undefined> {
  const end = (await auditLog.end())?.count ?? 0;
  const missing = missingEntries(own, end);
  const head = await lostHead(auditLog, own, end);
  return missing.size === 0 && head === undefined
    ? undefined
    : {
        end,
        shown: Math.max(end, head?.count ?? 0, ...missing.keys()),
        isOther: head?.isOther === true,
      };
}

interface Lost {
  /** Answers to commands that are not in the database. */
  readonly answers: readonly Said[];
  /** Those of them that are pending confirmations. */
  readonly confirmations: readonly { readonly command: EventId; readonly said: Said }[];
}

/** Records the commands that the room shows as answered, and the confirmations that it shows as decided. */
async function enterLost(
  context: CompareContext,
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
  context: CompareContext,
  tables: StoreTables,
  own: readonly OwnMessage[],
  now: number,
): Promise<void> {
  const { auditLog, confirmations, operations, outbox } = tables;
  // A timer has no answer of its own before it runs: see `endTimers`.
  const scheduled = (await operations.scheduled()).filter(({ line: undo }) => undo === null);
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

const originOf = ({ settings }: CompareContext, event: string): Origin => ({
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
  context: CompareContext,
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
    if (answer === undefined || (answer.command === name && answer.status !== 'pending')) {
      await tables.timers.end(timer.id, 'done', now);
    }
  }
  const { id, user_id: account } = (answer?.data ?? {}) as { id?: unknown; user_id?: unknown };
  if (answer?.status === 'done' && typeof account === 'string') {
    for (const timer of await tables.timers.waitingFor(account)) {
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

/** The audit entries that answers name and that are not in the database, by number. */
function missingEntries(own: readonly OwnMessage[], end: number): ReadonlyMap<number, OwnMessage> {
  const found = new Map<number, OwnMessage>();
  // For each, the newest message about it.
  for (const message of own) {
    for (const id of message.answer?.audit ?? []) {
      if (id > end && !found.has(id)) {
        found.set(id, message);
      }
    }
  }
  return new Map([...found].sort(([one], [other]) => one - other));
}

/** The head of the audit log that was posted in the room, if it is not in the log. */
async function lostHead(
  auditLog: Pick<AuditLog, 'hashOf'>,
  own: readonly OwnMessage[],
  end: number,
): Promise<{ readonly count: number; readonly isOther: boolean } | undefined> {
  for (const { answer, replyTo } of own) {
    const { count: rows, head } = (answer?.data ?? {}) as { count?: unknown; head?: unknown };
    if (answer?.command === 'audit' && replyTo === undefined && typeof rows === 'number') {
      return (await auditLog.hashOf(rows)) === head
        ? undefined
        : { count: rows, isOther: rows <= end };
    }
  }
  return undefined;
}

/** Records the gap: commands from before it are not started, and no rule acts on older reports. */
async function recordGapFrom(
  { outbox, dataLoss, reportCards, reportItems }: StoreTables,
  own: readonly OwnMessage[],
  { now, missing, end }: { now: number; missing: ReadonlyMap<number, unknown>; end: number },
): Promise<void> {
  await dataLoss.set({
    foundAt: now,
    lastMessageAt: Math.max(...own.map(({ sentAt }) => sentAt)),
    lastKept: end,
    lastShown: Math.max(end, ...missing.keys()),
  });
  await reportItems.makeBacklog();
  await reportCards.skipRevisions();
  // Cards, edits and so on are marked as messages from before the gap.
  for (const { event } of own) {
    if ((await outbox.commandOf(event)) === undefined) {
      await outbox.remember(lostEvent(event), 'answer', event, now);
    }
  }
}

/** Skips report and timer numbers. @returns the number of the next report */
async function skipNumbers(
  { reportItems, operations }: StoreTables,
  own: readonly OwnMessage[],
): Promise<number> {
  const seen = own.map(({ answer }) => {
    const { id } = (answer?.data ?? {}) as { id?: unknown };
    return answer?.command === 'report' && typeof id === 'number' ? id : 0;
  });
  const past = Math.max(await reportItems.lastNumber(), ...seen);
  const next = Math.floor(past / numberStep + 1) * numberStep;
  await reportItems.skipNumbers(next);
  await operations.skipNumbers(
    (Math.floor((await operations.lastNumber()) / numberStep) + 1) * numberStep,
  );
  return next + 1;
}

interface Telling {
  readonly room: RoomId;
  readonly end: number;
  readonly missing: ReadonlyMap<number, OwnMessage>;
  readonly lost: Lost;
  readonly head: Awaited<ReturnType<typeof lostHead>>;
  readonly firstItem: number;
  readonly now: number;
}

function alertAnswer({ room, end, missing, lost, head, firstItem, now }: Telling): Answer {
  const newest = Math.max(end, ...missing.keys());
  const isNew = end === 0;
  return {
    mark: '⚠️',
    title: [
      bold(isNew ? 'My database is new' : 'My database is older than this room'),
      isNew
        ? ', and this room shows the work of an older one: was it lost?'
        : ': a backup was restored, or another file is used',
    ],
    body: [
      line(
        isNew ? 'My record is empty' : `My record ends at #${end}`,
        missing.size === 0
          ? '.'
          : `, and this room shows actions up to #${newest}. ${missingSummary(missing)}`,
      ),
      ...missingBlocks(room, missing),
      ...(head === undefined
        ? []
        : [
            line(
              head.isOther
                ? `Row ${head.count} of my audit log differs from the head that was posted in this room: the log was replaced or changed.`
                : `The head of row ${head.count} was posted in this room, but my audit log has no such row.`,
            ),
          ]),
      line(
        'Commands that were answered here are not carried out again. Resend those that have no answer. New entries continue from ',
        bold(`#${end + 1}`),
        ', so in this room these numbers will stand for two actions.',
      ),
      ...(lost.confirmations.length === 0
        ? []
        : [
            line(
              `${count(lost.confirmations.length, 'confirmation')} can’t be confirmed any more: resend the command.`,
            ),
          ]),
      line(
        `Rules don’t act on reports from before ${dateTime(now)}. Reports that were resolved or dismissed since the backup are open again. New reports are numbered from #${firstItem}.`,
      ),
      line('If you have a newer backup, stop me, restore it, and start me again.'),
    ],
    next: ['reports', 'audit verify', 'status'],
    data: {
      recordEndsAt: end,
      roomShows: newest,
      missing: [...missing].map(([id, { answer }]) => ({
        id,
        command: answer?.command,
        status: answer?.status,
      })),
    },
  };
}

/** `4 actions are missing, from 2026-11-27 22:38 UTC to 2026-11-27 22:41 UTC.` */
function missingSummary(missing: ReadonlyMap<number, OwnMessage>): string {
  const times = [...missing.values()].map(({ sentAt }) => sentAt);
  const [first, last] = [dateTime(Math.min(...times)), dateTime(Math.max(...times))];
  return `${count(missing.size, 'action')} ${missing.size === 1 ? 'is' : 'are'} missing, ${first === last ? `of ${first}` : `from ${first} to ${last}`}.`;
}

/** The last of the actions that are missing, and how to look them up. */
function missingBlocks(room: RoomId, missing: ReadonlyMap<number, OwnMessage>): Block[] {
  const [first] = missing.values();
  if (first === undefined) {
    return [];
  }
  const shown = [...missing].slice(-maxShown);
  return [
    ...(missing.size > maxShown ? [line(`The last ${maxShown}:`)] : []),
    {
      kind: 'list',
      items: shown.map(([id, { answer, firstLine, sentAt }]) => [
        bold(`#${id} `),
        code(answer?.command ?? ''),
        ` ${cut(firstLine, maxLineLength)} · ${dateTime(sentAt)}`,
      ]),
    },
    line(
      'The answers in this room say who asked for them and who confirmed. They start at ',
      code(matrixToLink(room, first.edits ?? first.event)),
    ),
    line('Timers that these actions set are lost: what they did stays until somebody reverses it.'),
  ];
}

/** The text that replaces a confirmation that nobody can confirm any more. */
function lostReply({ answer }: Said): Reply {
  return {
    command: answer?.command ?? '',
    status: 'expired',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [bold('This can’t be confirmed any more: '), 'it is not in my database'],
      body: [
        line(
          'The database was restored from a backup, or lost. As far as I know, nothing was changed.',
        ),
        line('Resend the command if you still want it.'),
      ],
    },
  };
}
