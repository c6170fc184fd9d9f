import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count, dateTime } from '../../chat/answers/phrases.ts';
import type { EventId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { StoreTables } from '../../store/store.ts';
import type { DataLoss } from '../../store/tables/data-loss.ts';
import { isMadeUp } from '../answer/card.ts';
import { post } from '../answer/reply.ts';
import type { Reply } from '../answer/reply.ts';
import { joinedAdmins } from '../authorize/roles.ts';
import type { House } from '../house.ts';

/** A message that the bot has sent to the room, as it stands there. */
export interface OwnMessage {
  readonly event: EventId;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  /** What it answers. */
  readonly replyTo: EventId | undefined;
  /** The message whose place it takes. */
  readonly edits: EventId | undefined;
  /** Undefined where it can't be decrypted. */
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

/** A message of ours together with its newest edit. */
interface Said extends OwnMessage {
  readonly isEdited: boolean;
}

const maxShown = 20;
const maxLineLength = 100;
/** What comes after a gap is numbered from the next full thousand on: no number stands for two things. */
const numberStep = 1000;

/**
 * Compares what the database holds with what the bot itself has said in the room: a backup may have been
 * restored, or the database may be lost. What the room shows as answered counts as done and is entered as
 * such; what the database lacks is told to the admins, once. To be called before anything else is begun.
 *
 * @param own what the bot has said and the database does not know, newest first
 * @throws StoreError nothing was entered, and nothing may be begun
 */
export async function compareWithRoom(house: House, own: readonly OwnMessage[]): Promise<void> {
  if (own.length === 0) {
    return;
  }
  const now = house.now();
  // No event of the room: those hold no blanks.
  const event = `$ room-record ${now}` as EventId;
  const isTold = await house.store.transaction(async (tables) => {
    const lost = await enterLost(house, tables, own);
    const end = (await tables.auditLog.end()) ?? { count: 0, head: '' };
    const missing = missingEntries(own, end.count);
    const head = await lostHead(tables, own, end.count);
    if (lost.answers.length === 0 && missing.size === 0 && head === undefined) {
      return false;
    }
    await keepOff(tables, own, { now, missing, end: end.count });
    const isTelling = missing.size > 0 || lost.confirmations.length > 0 || head !== undefined;
    if (isTelling) {
      const firstItem = await skipNumbers(tables, own);
      const answer = alertAnswer({ end: end.count, missing, lost, head, firstItem, now });
      await post(house, tables, 'alert', {
        kind: 'alert',
        origin: { event, room: house.settings.managementRoom },
        mentions: joinedAdmins(house),
        reply: { command: 'audit', status: 'failed', audit: [], answer },
      });
    }
    for (const confirmation of lost.confirmations) {
      await post(house, tables, 'lost', {
        kind: 'edit',
        origin: { event: confirmation.command, room: house.settings.managementRoom },
        reply: lostReply(confirmation.said),
      });
    }
    return true;
  });
  if (isTold) {
    const gap = await house.store.dataLoss.get();
    house.log.warn(
      { recordEndsAt: gap?.lastKept, roomShows: gap?.lastShown },
      'the room shows what the database does not know: was a backup restored?',
    );
  }
}

interface Lost {
  /** Answers to commands that the database knows nothing of. */
  readonly answers: readonly Said[];
  /** Those of them that still ask. */
  readonly confirmations: readonly { readonly command: EventId; readonly said: Said }[];
}

/** Enters as answered what the room shows as answered, and as decided what it shows as decided. */
async function enterLost(
  house: House,
  tables: StoreTables,
  own: readonly OwnMessage[],
): Promise<Lost> {
  const now = house.now();
  const edits = newestEdits(own);
  const answers: Said[] = [];
  const confirmations: { command: EventId; said: Said }[] = [];
  // The oldest first: of two answers to one command the first is the answer.
  for (const message of own.toReversed()) {
    if (message.edits !== undefined) {
      await enterDecision(tables, message, now);
      continue;
    }
    await endJob(tables, message, now);
    const command = message.replyTo;
    const said: Said = asItStands(message, edits.get(message.event));
    if (command === undefined) {
      continue;
    }
    // What could not even be stored was never done. An answer in the thread of a card replies to the card.
    const isOfStoreFailure = said.answer?.error?.code === 'store';
    const isReplyToUs =
      own.some((one) => one.event === command) ||
      (await tables.outbox.commandOf(command)) !== undefined;
    if (isMadeUp(command) || isOfStoreFailure || isReplyToUs) {
      continue;
    }
    if (await tables.outbox.knows(command)) {
      continue;
    }
    for (const answered of [command, ...staleOnes(said)]) {
      await tables.inbox.take(
        [{ eventId: answered, type: 'answered', sender: house.settings.botUser, event: '{}' }],
        now,
      );
      await tables.inbox.handled(answered, now);
    }
    await tables.outbox.remember(command, 'answer', message.event, now);
    if (said.answer !== undefined) {
      answers.push(said);
      if (said.answer.status === 'pending') {
        confirmations.push({ command, said });
      }
    }
  }
  return { answers, confirmations };
}

/** What stands in the place of each message that was edited: the newest edit. */
function newestEdits(own: readonly OwnMessage[]): ReadonlyMap<EventId, OwnMessage> {
  const edits = new Map<EventId, OwnMessage>();
  for (const message of own) {
    if (message.edits !== undefined && !edits.has(message.edits)) {
      edits.set(message.edits, message);
    }
  }
  return edits;
}

function asItStands(message: OwnMessage, edit: OwnMessage | undefined): Said {
  return edit === undefined
    ? { ...message, isEdited: false }
    : { ...message, answer: edit.answer, firstLine: edit.firstLine, isEdited: true };
}

/** One answer tells of many commands that were too old. */
function staleOnes({ answer }: Said): EventId[] {
  const { events } = (answer?.data ?? {}) as { events?: unknown };
  return answer?.status === 'stale' && Array.isArray(events)
    ? events.filter((event): event is EventId => typeof event === 'string')
    : [];
}

/** A confirmation that is pending here, and that the room shows as decided, is so. */
async function enterDecision(tables: StoreTables, edit: OwnMessage, now: number): Promise<void> {
  const command = await tables.outbox.commandOf(edit.edits ?? '');
  const confirmation =
    command === undefined ? undefined : await tables.confirmations.byEvent(command);
  if (confirmation?.state !== 'pending' || edit.answer?.status === 'pending') {
    return;
  }
  const status = edit.answer?.status;
  // Without a word to the room: it shows how that ended.
  await (status === undefined || status === 'expired' || status === 'cancelled'
    ? tables.confirmations.decide(confirmation.id, status ?? 'expired', undefined, now)
    : tables.confirmations.decide(
        confirmation.id,
        'confirmed',
        undefined,
        Math.min(edit.sentAt, confirmation.expiresAt - 1),
      ));
}

/** A timer that the room shows as run, as stopped, or as followed by a newer decision, does not run again. */
async function endJob(tables: StoreTables, message: OwnMessage, now: number): Promise<void> {
  const { answer, replyTo } = message;
  for (const job of replyTo === undefined ? [] : await tables.jobs.ofEvent(replyTo)) {
    const [name] = job.line.split(' ', 1);
    if (answer === undefined || (answer.command === name && answer.status !== 'pending')) {
      await tables.jobs.end(job.id, 'done', now);
    }
  }
  const { id, user_id: account } = (answer?.data ?? {}) as { id?: unknown; user_id?: unknown };
  if (answer?.status === 'done' && typeof account === 'string') {
    for (const job of await tables.jobs.waitingFor(account)) {
      const [name] = job.line.split(' ', 1);
      const isAbout = answer.command === job.action || answer.command === name;
      if (isAbout && replyTo !== job.eventId && message.sentAt > job.createdAt) {
        await tables.jobs.end(job.id, 'stopped', now);
      }
    }
  }
  if (answer?.command === 'stop-job' && answer.status === 'done' && typeof id === 'number') {
    await tables.jobs.end(id, 'stopped', now);
  }
}

/** Entries of the audit log that answers name and that are not there, by number. */
function missingEntries(own: readonly OwnMessage[], end: number): ReadonlyMap<number, OwnMessage> {
  const found = new Map<number, OwnMessage>();
  // The newest that was said of each.
  for (const message of own) {
    for (const id of message.answer?.audit ?? []) {
      if (id > end && !found.has(id)) {
        found.set(id, message);
      }
    }
  }
  return new Map([...found].sort(([one], [other]) => one - other));
}

/** The head of the audit log that was written into the room, where the log here does not hold it. */
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

/** Remembers what is missing: nothing that was sent before is begun, and no rule acts on older reports. */
async function keepOff(
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
  // Cards, edits and the like: known from now on as of a time that is lost.
  for (const { event } of own) {
    if ((await outbox.commandOf(event)) === undefined) {
      await outbox.remember(lostMark(event), 'answer', event, now);
    }
  }
}

/** Returns the number from which new items are counted. */
async function skipNumbers(
  { reportItems, jobs }: StoreTables,
  own: readonly OwnMessage[],
): Promise<number> {
  const seen = own.map(({ answer }) => {
    const { id } = (answer?.data ?? {}) as { id?: unknown };
    return answer?.command === 'report' && typeof id === 'number' ? id : 0;
  });
  const past = Math.max(await reportItems.lastNumber(), ...seen);
  const next = Math.floor(past / numberStep + 1) * numberStep;
  await reportItems.skipNumbers(next);
  await jobs.skipNumbers((Math.floor((await jobs.lastNumber()) / numberStep) + 1) * numberStep);
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
        ? ', and this room shows an older one’s work: was it lost?'
        : ': a backup was restored, or another file is in use',
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
                ? `Row ${head.count} of my audit log is another than the one whose head stands in this room: the log was replaced or changed.`
                : `The head of row ${head.count} stands in this room, and my audit log has no such row.`,
            ),
          ]),
      line(
        'Nothing that was answered here is done again. What has no answer must be sent again. New entries count on from ',
        bold(`#${end + 1}`),
        ': in this room those numbers then stand for two actions.',
      ),
      ...(lost.confirmations.length === 0
        ? []
        : [
            line(
              `${count(lost.confirmations.length, 'confirmation')} can’t be confirmed any more: send the command again.`,
            ),
          ]),
      line(
        `No rule acts on reports from before ${dateTime(now)}. What was resolved or dismissed since the backup is open again. New reports are numbered from #${firstItem}.`,
      ),
      line('If a newer backup is at hand: stop me, restore it, and start me again.'),
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

/** What takes the place of a confirmation that nobody can answer any more. */
function lostReply({ answer }: Said): Reply {
  return {
    command: answer?.command ?? '',
    status: 'expired',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [bold('Can’t be confirmed any more: '), 'my database does not know this confirmation'],
      body: [
        line('It was restored from a backup, or lost. As far as I know nothing was changed.'),
        line('Send the command again if it is still wanted.'),
      ],
    },
  };
}

/** What whoever decides about a confirmation or a card of the lost time hears. */
export function lostRecordReply(): Reply {
  return {
    command: '',
    status: 'failed',
    audit: [],
    answer: {
      mark: '❌',
      title: [bold('Not done: '), 'that is from before my database was restored or lost'],
      body: [
        line('Nothing was changed now. Send the command again if it is still wanted.'),
        line('Reports that still wait have new cards, or are listed by the command below.'),
      ],
      next: ['reports'],
    },
    error: { code: 'lost_record', message: 'the database does not know it' },
  };
}

const lostPrefix = '$ lost ';

function lostMark(event: EventId): EventId {
  return `${lostPrefix}${event}` as EventId;
}

/** Whether an event of ours, a confirmation or a card, is from a time that the database does not know. */
export async function isFromLostRecord(
  { outbox }: Pick<StoreTables, 'outbox'>,
  event: EventId,
): Promise<boolean> {
  const command = await outbox.commandOf(event);
  return (
    command !== undefined && (command.startsWith(lostPrefix) || (await outbox.has(command, 'lost')))
  );
}

/** Whether this was sent while a database was in use that is not there any more: it may have been begun. */
export function isFromLostTime(gap: DataLoss | undefined, sentAt: number): boolean {
  return gap !== undefined && sentAt <= gap.lastMessageAt;
}
