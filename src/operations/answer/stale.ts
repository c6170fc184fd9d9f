import { bold, code, line } from '../../chat/answers/answer.ts';
import { ago, span } from '../../chat/answers/phrases.ts';
import type { EventId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { DataLoss } from '../../store/tables/data-loss.ts';
import { nameOf, originOf, syntheticEvent } from '../management-room.ts';
import type { Incoming, Members, Message } from '../management-room.ts';
import { commandLineIn, shownNameIn } from '../parse/command-line.ts';
import type { CommandLineContext } from '../parse/command-line.ts';
import type { Settings } from '../settings.ts';
import { post } from './reply.ts';
import type { DeliverContext, Reply } from './reply.ts';

/** What finding out whether a command is stale needs. */
export interface StaleContext {
  readonly settings: Pick<Settings, 'maxAgeMs'>;
  now(): number;
}

/** Whether something was sent too long ago to be carried out now. */
export function isStale(
  { settings, now }: StaleContext,
  { sentAt }: Pick<Incoming, 'sentAt'>,
): boolean {
  return now() - sentAt > settings.maxAgeMs;
}

/** More stale commands than this are answered together. */
const maxAnsweredAlone = 3;

/** What answering stale commands together needs. */
export type WithoutStaleContext = StaleContext &
  CommandLineContext &
  DeliverContext & { readonly members: Pick<Members, 'displayName'> };

/**
 * Answers many stale commands in one message, which replies to the last of them. Returns those that are
 * left to be handled one by one.
 */
export async function withoutStale(
  context: WithoutStaleContext,
  taken: readonly Incoming[],
): Promise<Incoming[]> {
  const stale = taken.filter(
    (one): one is Message =>
      one.kind === 'message' &&
      commandLineIn(one.text, context) !== undefined &&
      isStale(context, one),
  );
  const last = stale.at(-1);
  if (last === undefined || stale.length <= maxAnsweredAlone) {
    return [...taken];
  }
  const now = context.now();
  const shown = stale.slice(-20);
  const reply: Reply = {
    command: '',
    status: 'stale',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [bold(`${stale.length} commands not done: `), 'I was away when they were sent'],
      body: [
        line('Nothing was changed. Resend the commands that you still want. The last ones:'),
        {
          kind: 'list',
          items: shown.map((one) => [
            code(cut(one.text, 100)),
            ` by ${nameOf(context.members, one.sender)}, ${ago(one.sentAt, now)}`,
          ]),
        },
      ],
      data: { events: stale.map(({ event }) => event) },
    },
  };
  await context.store.transaction(async (tables) => {
    await post(context, tables, 'answer', { kind: 'reply', origin: originOf(last), reply });
    for (const { event } of stale) {
      await tables.inbox.markHandled(event, now);
    }
  });
  context.deliver(last.event);
  const folded = new Set<Incoming>(stale);
  return taken.filter((one) => !folded.has(one));
}

/** What finding out whether a command is too old needs. */
export interface TooOldContext extends StaleContext {
  readonly store: Pick<Store, 'dataLoss'>;
}

/**
 * The answer to a command that is too old to be carried out: it was sent before the database was restored
 * or lost, or it is stale. Undefined if it is neither.
 */
export async function tooOldReply(
  context: TooOldContext,
  { sentAt }: Pick<Message, 'sentAt'>,
  commandLine: string,
): Promise<Reply | undefined> {
  if (isFromLostTime(await context.store.dataLoss.get(), sentAt)) {
    return lostTimeReply(commandLine);
  }
  return isStale(context, { sentAt }) ? staleReply(context.now() - sentAt, commandLine) : undefined;
}

/** The answer to a command that was sent before the database was restored or lost. */
function lostTimeReply(commandLine: string): Reply {
  return {
    command: shownNameIn(commandLine),
    status: 'stale',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [bold('Not done now: '), 'my database was restored or lost after this was sent'],
      body: [
        line(
          'I can’t tell whether it was carried out before. Check first, and resend it if you still want it.',
        ),
      ],
    },
  };
}

/** The answer to one stale command. */
function staleReply(ageMs: number, commandLine: string): Reply {
  return {
    command: shownNameIn(commandLine),
    status: 'stale',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [bold('Not done: '), `I was away when this was sent, ${span(ageMs)} ago`],
      body: [line('Nothing was changed. Resend it if you still want it.')],
    },
  };
}

/** The answer to a decision about a confirmation or a card from before the database was lost. */
export function lostRecordReply(): Reply {
  return {
    command: '',
    status: 'failed',
    audit: [],
    answer: {
      mark: '❌',
      title: [bold('Not done: '), 'that is from before my database was restored or lost'],
      body: [
        line('Nothing was changed now. Resend the command if you still want it.'),
        line('Open reports have new cards, or are listed by the command below.'),
      ],
      next: ['reports'],
    },
    error: { code: 'lost_record', message: 'the database does not know it' },
  };
}

/** The event under which the outbox keeps a message from before the database was restored or lost. */
export function lostEvent(event: EventId | ''): EventId {
  return syntheticEvent(`lost ${event}`);
}

/** Whether an event of the bot, a confirmation or a card, is not in the database any more. */
export async function isFromLostRecord(
  { outbox }: Pick<StoreTables, 'outbox'>,
  event: EventId,
): Promise<boolean> {
  const command = await outbox.commandOf(event);
  return (
    command !== undefined &&
    (command.startsWith(lostEvent('')) || (await outbox.has(command, 'lost')))
  );
}

/** Whether this was sent before the database was restored or lost: it may have been carried out. */
export function isFromLostTime(gap: DataLoss | undefined, sentAt: number): boolean {
  return gap !== undefined && sentAt <= gap.lastMessageAt;
}
