import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count, dateTime } from '../../chat/answers/phrases.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { cut } from '../../core/text.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import { post } from '../answer/reply.ts';
import type { PostContext, Reply } from '../answer/reply.ts';
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
    const lost = await enterLost({ botUser: context.settings.botUser, now }, tables, own);
    const end = (await tables.auditLog.end()) ?? { count: 0, head: '' };
    const missing = missingEntries(own, end.count);
    const head = await lostHead(tables, own, end.count);
    if (lost.answers.length === 0 && missing.size === 0 && head === undefined) {
      return false;
    }
    await recordGapFrom(tables, own, { now, missing, end: end.count });
    const isTelling = missing.size > 0 || lost.confirmations.length > 0 || head !== undefined;
    if (isTelling) {
      const firstItem = await skipNumbers(tables, own);
      const answer = alertAnswer({ end: end.count, missing, lost, head, firstItem, now });
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

interface Lost {
  /** Answers to commands that are not in the database. */
  readonly answers: readonly Said[];
  /** Those of them that are pending confirmations. */
  readonly confirmations: readonly { readonly command: EventId; readonly said: Said }[];
}

/** Records the commands that the room shows as answered, and the confirmations that it shows as decided. */
async function enterLost(
  { botUser, now }: { readonly botUser: UserId; readonly now: number },
  tables: StoreTables,
  own: readonly OwnMessage[],
): Promise<Lost> {
  const edits = newestEdits(own);
  const answers: Said[] = [];
  const confirmations: { command: EventId; said: Said }[] = [];
  // Oldest first, because the first of two messages about a command is its answer.
  for (const message of own.toReversed()) {
    if (message.edits !== undefined) {
      await enterDecision(tables, message, now);
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
  return { answers, confirmations };
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
async function enterDecision(tables: StoreTables, edit: OwnMessage, now: number): Promise<void> {
  const command = await tables.outbox.commandOf(edit.edits ?? '');
  const confirmation =
    command === undefined ? undefined : await tables.confirmations.byEvent(command);
  if (confirmation?.state !== 'pending' || edit.answer?.status === 'pending') {
    return;
  }
  const status = edit.answer?.status;
  // Nothing is posted: the room shows how it ended.
  await (status === undefined || status === 'expired' || status === 'cancelled'
    ? tables.confirmations.decide(confirmation.id, status ?? 'expired', undefined, now)
    : tables.confirmations.decide(
        confirmation.id,
        'confirmed',
        undefined,
        Math.min(edit.sentAt, confirmation.expiresAt - 1),
      ));
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
  { auditLog }: StoreTables,
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
  { reportItems, timers }: StoreTables,
  own: readonly OwnMessage[],
): Promise<number> {
  const seen = own.map(({ answer }) => {
    const { id } = (answer?.data ?? {}) as { id?: unknown };
    return answer?.command === 'report' && typeof id === 'number' ? id : 0;
  });
  const past = Math.max(await reportItems.lastNumber(), ...seen);
  const next = Math.floor(past / numberStep + 1) * numberStep;
  await reportItems.skipNumbers(next);
  await timers.skipNumbers((Math.floor((await timers.lastNumber()) / numberStep) + 1) * numberStep);
  return next + 1;
}

interface Telling {
  readonly end: number;
  readonly missing: ReadonlyMap<number, OwnMessage>;
  readonly lost: Lost;
  readonly head: Awaited<ReturnType<typeof lostHead>>;
  readonly firstItem: number;
  readonly now: number;
}

function alertAnswer({ end, missing, lost, head, firstItem, now }: Telling): Answer {
  const numbers = [...missing.keys()];
  const newest = Math.max(end, ...numbers);
  const shown = [...missing].slice(-maxShown);
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
        numbers.length === 0
          ? '.'
          : `, and this room shows actions up to #${newest}. Missing from it${numbers.length > maxShown ? `, the last ${maxShown}` : ''}:`,
      ),
      ...(shown.length === 0
        ? []
        : [
            {
              kind: 'list' as const,
              items: shown.map(([id, { answer, firstLine }]) => [
                bold(`#${id} `),
                code(answer?.command ?? ''),
                ` ${cut(firstLine, maxLineLength)}`,
              ]),
            },
          ]),
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
