import type { Answer, AnswerFile, Status } from '../../chat/answers/answer.ts';
import type { Origin } from '../../chat/command/invocation.ts';
import type { UserId } from '../../core/ids.ts';
import type { StoreTables } from '../../store/store.ts';
import type { House } from '../house.ts';

/** What `dev.lawspeaker.answer` says about a confirmation. */
export interface ReplyConfirmation {
  readonly code: string;
  readonly expiresAt: number;
  readonly approvalsNeeded: number;
  readonly approvals: number;
}

/** An answer with what programs read of it. */
export interface Reply {
  readonly command: string;
  readonly status: Status;
  readonly answer: Answer;
  readonly audit: readonly number[];
  readonly confirmation?: ReplyConfirmation;
  readonly error?: { readonly code: string; readonly message: string };
}

/** The parts in which an answer reaches the room. Each is sent once. */
export type Stage =
  | 'answer'
  | 'file'
  | 'alert'
  | 'outcome'
  | 'running'
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

/** What stands in the outbox; the transport turns it into events. */
export type Outgoing =
  | { readonly kind: 'reply'; readonly origin: Origin; readonly reply: Reply }
  | { readonly kind: 'edit'; readonly origin: Origin; readonly reply: Reply }
  | {
      readonly kind: 'alert';
      readonly origin: Origin;
      readonly reply: Reply;
      /** Who is notified; with nobody it is a notice. Never the bot itself. */
      readonly mentions: readonly UserId[];
    }
  | { readonly kind: 'file'; readonly origin: Origin; readonly file: AnswerFile }
  | { readonly kind: 'reaction'; readonly origin: Origin; readonly key: string }
  | { readonly kind: 'withdraw'; readonly origin: Origin; readonly stage: Stage };

/** Puts a message into the outbox, in the transaction of what it reports. */
export async function post(
  house: House,
  tables: StoreTables,
  stage: Stage,
  outgoing: Outgoing,
): Promise<void> {
  const add = async (part: Stage, message: Outgoing) =>
    tables.outbox.add(
      { eventId: message.origin.event, stage: part, message: JSON.stringify(message) },
      house.now(),
    );
  if (outgoing.kind === 'alert') {
    // The bot may be on the configured list, or hold a role: it needs no notification of its own words.
    const mentions = outgoing.mentions.filter((user) => user !== house.settings.botUser);
    await add(stage, { ...outgoing, mentions });
    return;
  }
  if (outgoing.kind !== 'reply' && outgoing.kind !== 'edit') {
    await add(stage, outgoing);
    return;
  }
  // A file goes behind its answer, as a message of its own.
  const { file, ...answer } = outgoing.reply.answer;
  await add(stage, { ...outgoing, reply: { ...outgoing.reply, answer } });
  if (file !== undefined) {
    await add('file', { kind: 'file', origin: outgoing.origin, file });
  }
}

/** Says something past the outbox: what is left to do while the database can't be written. */
export type SayNow = (outgoing: Outgoing) => Promise<void>;

/** The reactions that settle a confirmation. */
export const confirmKey = '✅';
export const cancelKey = '❌';
