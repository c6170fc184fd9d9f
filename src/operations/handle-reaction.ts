import { bold, line, sentence } from '../chat/answers/answer.ts';
import { decidedAnswer } from '../chat/answers/decided.ts';
import {
  DeniedError,
  LawspeakerError,
  StoreError,
  TargetError,
  UsageError,
  codeOf,
} from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { present } from '../core/present.ts';
import type { Decided } from '../services/services.ts';
import type { Store } from '../store/store.ts';
import type { Confirmation } from '../store/tables/operations/confirmations.ts';
import { itemOfCard } from './answer/card.ts';
import type { CardReactions } from './answer/card.ts';
import { postponed } from './answer/postponed.ts';
import { refusalReply } from './answer/refusal.ts';
import type { RefusalContext } from './answer/refusal.ts';
import { refusalOf } from './answer/refusal.ts';
import { postAndDeliver } from './answer/reply.ts';
import type { DeliverContext, SayNow } from './answer/reply.ts';
import { isFromLostRecord, isFromLostTime, lostRecordReply } from './answer/stale.ts';
import { countDenial } from './authorize/denials.ts';
import type { DenialContext } from './authorize/denials.ts';
import { decideConfirmation } from './confirm/decide.ts';
import type { DecideContext } from './confirm/decide.ts';
import { logFault } from './execute/attempt.ts';
import { handleMessage } from './handle-message.ts';
import type { MessageContext } from './handle-message.ts';
import type { Message, Reaction } from './management-room.ts';
import { confirmationAskedBy, isLater, signOfReaction, unclear } from './parse/decision-word.ts';
import type { AskedContext, Later } from './parse/decision-word.ts';
import type { Settings } from './settings.ts';
import { parsedOf } from './stages.ts';

type LostContext = DeliverContext & { readonly store: Pick<Store, 'outbox'> };

interface OnCardContext {
  readonly store: Pick<Store, 'outbox'>;
  readonly settings: Pick<Settings, 'prefix'>;
  readonly cardReactions: CardReactions;
}

type RefuseContext = RefusalContext & DeliverContext & DenialContext;

type DecideByReactionContext = DecideContext &
  RefuseContext & {
    readonly store: Pick<Store, 'confirmations'>;
    readonly log: Pick<Log, 'error' | 'info'>;
  };

/** What handling a reaction needs. */
export type ReactionContext = MessageContext &
  AskedContext &
  LostContext &
  DecideByReactionContext &
  OnCardContext & { readonly store: Pick<Store, 'inbox' | 'dataLoss'> };

/**
 * Handles a reaction: on a confirmation it decides, on the card of a report it is a command about the
 * report, and on anything else it does nothing. Somebody who may not decide, or whose reaction is unclear,
 * is told so. Never throws.
 *
 * @returns when to handle it again, if it can't be handled yet; `postponed` if the database can't take its end
 */
export async function handleReaction(
  context: ReactionContext,
  sayNow: SayNow,
  reaction: Reaction,
): Promise<Later | 'postponed' | undefined> {
  try {
    const command = await commandOn(context, reaction);
    if (command instanceof LawspeakerError) {
      await refuseOnCard(context, reaction, command);
      await context.store.inbox.markHandled(reaction.event, context.now());
      return undefined;
    }
    if (command !== undefined) {
      return await handleMessage(context, sayNow, command);
    }
    const isOfLostTime = isFromLostTime(await context.store.dataLoss.get(), reaction.sentAt);
    const confirmation = await confirmationAskedBy(context, reaction.target, reaction);
    if (confirmation === undefined || isOfLostTime) {
      // A reaction that comes again to a confirmation that the room shows as decided needs no answer.
      const isPending =
        confirmation !== undefined && (isLater(confirmation) || confirmation.state === 'pending');
      await sayIfLost(context, reaction, isPending);
    } else {
      if (isLater(confirmation)) {
        return confirmation;
      }
      await decide(context, confirmation, reaction);
    }
    await context.store.inbox.markHandled(reaction.event, context.now());
  } catch (error) {
    logFault(context.log, 'reaction', error);
    context.log.error({ code: codeOf(error) }, 'a reaction could not be handled');
    if (error instanceof StoreError) {
      await sayNow(refusalOf(context, reaction, postponed(error))).catch((sendError: unknown) => {
        context.log.error({ code: codeOf(sendError) }, 'and nobody could be told');
      });
      return 'postponed';
    }
  }
  return undefined;
}

/** Tells somebody who reacts to a message from before the database was restored or lost. */
async function sayIfLost(
  context: LostContext,
  { event, room, target }: Reaction,
  isOfLostTime: boolean,
): Promise<void> {
  if (!isOfLostTime && !(await isFromLostRecord(context.store, target))) {
    return;
  }
  await postAndDeliver(context, 'alert', {
    kind: 'alert',
    origin: { event, room },
    mentions: [],
    reply: lostRecordReply(),
  });
}

/**
 * The command that a reaction on a card stands for, as if it was typed in the card's thread, or why it can't be
 * done about this report. Undefined if it stands for nothing.
 */
async function commandOn(
  { store, settings, cardReactions }: OnCardContext,
  reaction: Reaction,
): Promise<Message | TargetError | UsageError | undefined> {
  const { event, room, sender, sentAt, target, key } = reaction;
  const item = cardReactions.isKnown(key) ? await itemOfCard(store, target) : undefined;
  if (item === undefined) {
    return undefined;
  }
  try {
    const line = await cardReactions.lineOn(item, key, sentAt);
    return line === undefined
      ? undefined
      : {
          kind: 'message',
          event,
          room,
          sender,
          sentAt,
          text: `${settings.prefix}${line}`,
          thread: target,
          replyTo: target,
          reactedTo: target,
        };
  } catch (error) {
    if (error instanceof TargetError || error instanceof UsageError) {
      return error;
    }
    throw error;
  }
}

/** Tells somebody in the card's thread why their reaction does nothing. */
async function refuseOnCard(
  context: RefusalContext & DeliverContext,
  { event, room, target }: Reaction,
  error: LawspeakerError,
): Promise<void> {
  const origin = { event, room, inReplyTo: target, thread: target };
  const reply = refusalReply(context, '', error);
  await postAndDeliver(context, 'answer', { kind: 'reply', origin, reply });
}

async function decide(
  context: DecideByReactionContext,
  confirmation: Confirmation,
  reaction: Reaction,
): Promise<void> {
  const sign = signOfReaction(reaction.key);
  if (sign === undefined) {
    return;
  }
  try {
    if (sign === 'unclear') {
      if (confirmation.state === 'pending') {
        throw unclear(
          context.settings,
          confirmation,
          `${reaction.key} may only mean that you have seen it`,
        );
      }
      return;
    }
    const decided = await decideConfirmation(context, confirmation, {
      decision: sign,
      by: reaction.sender,
      event: reaction.event,
    });
    await sayDecided(context, confirmation, reaction, sign, decided);
  } catch (error) {
    if (error instanceof StoreError) {
      throw error;
    }
    logFault(context.log, confirmation.command, error);
    const now = await context.store.confirmations.byEvent(confirmation.eventId);
    if (now?.state !== 'pending') {
      // The confirmation already shows what became of it.
      context.log.info({ code: codeOf(error) }, 'a reaction had no effect');
      return;
    }
    if (error instanceof DeniedError || error instanceof TargetError) {
      await refuse(context, confirmation, reaction, error);
      return;
    }
    await sayNotDecided(context, confirmation, reaction, error);
  }
}

/** Says in one line what a reaction has decided: the confirmation may be far up in the room. */
async function sayDecided(
  context: DecideByReactionContext,
  confirmation: Confirmation,
  { event, room, target }: Reaction,
  command: 'confirm' | 'cancel',
  decided: Decided,
): Promise<void> {
  const { thread } = parsedOf(context, confirmation).invocation.origin;
  const answer = decidedAnswer(decided);
  await postAndDeliver(context, 'answer', {
    kind: 'reply',
    origin: { event, room, inReplyTo: target, ...present({ thread }) },
    reply: { command, status: answer.status ?? 'done', audit: [], answer },
  });
}

/** Tells somebody who reacted to a pending confirmation why that does not decide it. */
async function refuse(
  context: RefuseContext,
  confirmation: Confirmation,
  { event, room, sender, target }: Reaction,
  error: DeniedError | TargetError,
): Promise<void> {
  const { thread } = parsedOf(context, confirmation).invocation.origin;
  const origin = { event, room, inReplyTo: target, ...present({ thread }) };
  const reply = refusalReply(context, confirmation.command, error);
  await postAndDeliver(context, 'answer', { kind: 'reply', origin, reply });
  if (error instanceof DeniedError) {
    await countDenial(context, sender, origin);
  }
}

/** Tells somebody whose decision failed that the confirmation is still pending. */
async function sayNotDecided(
  context: DeliverContext,
  confirmation: Confirmation,
  { event, room }: Reaction,
  error: unknown,
): Promise<void> {
  const why = error instanceof LawspeakerError ? error.message : 'an error in the bot';
  await postAndDeliver(context, 'alert', {
    kind: 'alert',
    origin: { event, room },
    mentions: [],
    reply: {
      command: confirmation.command,
      status: 'failed',
      audit: [],
      answer: {
        mark: '❌',
        title: [bold(`${confirmation.code} not decided: `), ...sentence(why)],
        body: [line('Nothing was changed, and the confirmation is still pending. Try again.')],
      },
      error: { code: codeOf(error), message: why },
    },
  });
}
