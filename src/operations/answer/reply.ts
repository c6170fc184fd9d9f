import type { Answer, AnswerFile, Status } from '../../chat/answers/answer.ts';
import type { Origin } from '../../chat/command/invocation.ts';
import type { UserId } from '../../core/ids.ts';
import type { OperationState } from '../../store/schema.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { Settings } from '../settings.ts';

/** The confirmation in `dev.lawspeaker.answer`. */
interface ReplyConfirmation {
  readonly code: string;
  readonly expiresAt: number;
  readonly approvalsNeeded: number;
  readonly approvals: number;
}

/** The state of an operation, in `dev.lawspeaker.answer`. If a target has several steps, each step counts. */
export interface ReplyOperation {
  readonly id: number;
  readonly state: OperationState;
  readonly targets: number;
  readonly done: number;
  readonly failed: number;
  readonly leftOut: number;
}

/** An answer, with the fields that programs read. */
export interface Reply {
  readonly command: string;
  readonly status: Status;
  readonly answer: Answer;
  readonly audit: readonly number[];
  readonly confirmation?: ReplyConfirmation;
  readonly operation?: ReplyOperation;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The messages that an event can lead to. Each is sent once. */
export type MessagePart =
  | 'answer'
  | 'file'
  | 'outcome-file'
  | 'reconciled-file'
  | 'alert'
  | 'outcome'
  | 'running'
  | 'scheduled'
  | `progress-${number}`
  | `waiting-${number}`
  | 'unknown'
  | 'decided'
  | 'reconciled'
  | 'lost'
  | 'react-confirm'
  | 'react-cancel'
  | 'unreact-confirm'
  | 'unreact-cancel'
  | `react-${number}`
  | `edit-${number}`
  | `note-${number}`;

/** A message in the outbox, as JSON; the transport turns it into events. */
export type Outgoing =
  | { readonly kind: 'reply'; readonly origin: Origin; readonly reply: Reply }
  | { readonly kind: 'edit'; readonly origin: Origin; readonly reply: Reply }
  | {
      readonly kind: 'alert';
      readonly origin: Origin;
      readonly reply: Reply;
      /** Who is notified, never the bot itself. If nobody is, the message is a notice. */
      readonly mentions: readonly UserId[];
    }
  | { readonly kind: 'file'; readonly origin: Origin; readonly file: AnswerFile }
  | { readonly kind: 'reaction'; readonly origin: Origin; readonly key: string }
  // Stored under the name `stage`: the outbox may hold messages of earlier versions.
  | { readonly kind: 'withdraw'; readonly origin: Origin; readonly stage: MessagePart };

/** What putting a message into the outbox needs. */
export interface PostContext {
  readonly settings: Pick<Settings, 'botUser'>;
  /** Milliseconds since 1970. */
  now(): number;
}

/** What sending a message in a transaction of its own needs. */
export interface DeliverContext extends PostContext {
  readonly store: Pick<Store, 'transaction'>;
  /** There are messages for this event in the outbox. */
  deliver(event: string): void;
}

/** Puts a message into the outbox, in the transaction of what it reports. */
export async function post(
  { settings, now }: PostContext,
  { outbox }: Pick<StoreTables, 'outbox'>,
  part: MessagePart,
  outgoing: Outgoing,
): Promise<void> {
  const add = async (name: MessagePart, message: Outgoing) =>
    outbox.add(
      { eventId: message.origin.event, part: name, message: JSON.stringify(message) },
      now(),
    );
  if (outgoing.kind === 'alert') {
    // The bot can be on call or have a role, and needs no notification of its own messages.
    const mentions = outgoing.mentions.filter((user) => user !== settings.botUser);
    await add(part, { ...outgoing, mentions });
    return;
  }
  if (outgoing.kind !== 'reply' && outgoing.kind !== 'edit') {
    await add(part, outgoing);
    return;
  }
  // A file is sent after its answer, as a message of its own.
  const { file, ...answer } = outgoing.reply.answer;
  await add(part, { ...outgoing, reply: { ...outgoing.reply, answer } });
  if (file !== undefined) {
    await add(filePart(part), {
      kind: 'file',
      origin: outgoing.origin,
      file,
    });
  }
}

function filePart(part: MessagePart): MessagePart {
  // What was not known in the file of an outcome is known once it is reconciled.
  const ofOutcome = part === 'reconciled' ? 'reconciled-file' : 'outcome-file';
  return part === 'answer' ? 'file' : ofOutcome;
}

/**
 * Puts a message into the outbox, in a transaction of its own, and has it sent.
 *
 * @throws StoreError it can't be stored
 */
export async function postAndDeliver(
  context: DeliverContext,
  part: MessagePart,
  outgoing: Outgoing,
): Promise<void> {
  await context.store.transaction(async (tables) => post(context, tables, part, outgoing));
  context.deliver(outgoing.origin.event);
}

/**
 * Posts an outcome: as an edit of the confirmation if there was one, otherwise as the answer. An outcome
 * that was unknown at first is an edit of what was posted then.
 *
 * @param keepsReactions the confirmation keeps the bot's reactions for now
 */
export async function postOutcome(
  context: PostContext,
  tables: StoreTables,
  origin: Origin,
  reply: Reply,
  { part = 'outcome', keepsReactions = false }: OutcomePart = {},
): Promise<void> {
  const asked = await tables.confirmations.byEvent(origin.event);
  if (asked === undefined && !(await tables.outbox.has(origin.event, 'answer'))) {
    await post(context, tables, 'answer', { kind: 'reply', origin, reply });
    return;
  }
  await post(context, tables, part, { kind: 'edit', origin, reply });
  if (asked !== undefined && !keepsReactions) {
    await withdrawReactions(context, tables, origin);
  }
}

/** Which part of an answer an outcome is. */
interface OutcomePart {
  readonly part?: MessagePart;
  readonly keepsReactions?: boolean;
}

/** Removes the bot's own reactions from a confirmation that is decided. */
export async function withdrawReactions(
  context: PostContext,
  tables: StoreTables,
  origin: Origin,
): Promise<void> {
  await post(context, tables, 'unreact-confirm', {
    kind: 'withdraw',
    origin,
    stage: 'react-confirm',
  });
  await post(context, tables, 'unreact-cancel', {
    kind: 'withdraw',
    origin,
    stage: 'react-cancel',
  });
}

/** Sends a message without the outbox: the last resort while the database can't be written. */
export type SayNow = (outgoing: Outgoing) => Promise<void>;

/** The reactions that decide about a confirmation. */
export const confirmKey = '✅';
export const cancelKey = '❌';
