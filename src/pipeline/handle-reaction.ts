import { bold, line } from '../command/answer.ts';
import { DeniedError, LawspeakerError, StoreError, TargetError, codeOf } from '../errors.ts';
import type { Confirmation } from '../store/confirmations.ts';
import { cardReaction, itemOfCard } from './card.ts';
import { logFault } from './execute.ts';
import { handleMessage } from './handle-message.ts';
import type { House } from './house.ts';
import { refusalOf } from './intake.ts';
import type { Message, Reaction } from './message.ts';
import { isLater, questionAskedBy } from './question-asked.ts';
import type { Later } from './question-asked.ts';
import { sentence } from './refusal.ts';
import { confirmKey, post } from './reply.ts';
import type { SayNow } from './reply.ts';
import { isFromLostRecord, isFromLostTime, lostRecordReply } from './room-record.ts';
import { settleQuestion } from './settle-question.ts';

/**
 * A reaction on a question settles it, and one on the card of a report is a command about it. On
 * anything else, after the end, or by somebody who may not, it counts for nothing. Never throws.
 * Returns when it is to be handled again, where nothing can be done with it yet.
 */
export async function handleReaction(
  house: House,
  sayNow: SayNow,
  reaction: Reaction,
): Promise<Later | undefined> {
  try {
    const command = await commandOn(house, reaction);
    if (command !== undefined) {
      return await handleMessage(house, sayNow, command);
    }
    const isOfLostTime = isFromLostTime(await house.store.recordGap.get(), reaction.sentAt);
    const question = await questionAskedBy(house, reaction.target, reaction);
    if (question === undefined || isOfLostTime) {
      await sayIfLost(house, reaction, question !== undefined);
    } else {
      if (isLater(question)) {
        return question;
      }
      await settle(house, question, reaction);
    }
    await house.store.inbox.handled(reaction.event, house.now());
  } catch (error) {
    logFault(house, 'reaction', error);
    house.log.error({ code: codeOf(error) }, 'a reaction could not be handled');
    if (error instanceof StoreError) {
      await sayNow(refusalOf(house, reaction, error)).catch((sendError: unknown) => {
        house.log.error({ code: codeOf(sendError) }, 'nor could that be said');
      });
    }
  }
  return undefined;
}

/** Somebody decides about what only a database knew that is not there any more: silence would be no answer. */
async function sayIfLost(
  house: House,
  { event, room, target }: Reaction,
  isOfLostTime: boolean,
): Promise<void> {
  if (!isOfLostTime && !(await isFromLostRecord(house.store, target))) {
    return;
  }
  await house.store.transaction(async (tables) =>
    post(house, tables, 'alert', {
      kind: 'alert',
      origin: { event, room },
      mentions: [],
      reply: lostRecordReply(),
    }),
  );
  house.deliver(event);
}

/** The command that a reaction on a card stands for, as if it had been typed in the card's thread. */
async function commandOn(house: House, reaction: Reaction): Promise<Message | undefined> {
  const name = cardReaction(reaction.key);
  const item = name === undefined ? undefined : await itemOfCard(house.store, reaction.target);
  if (item === undefined) {
    return undefined;
  }
  const { event, room, sender, sentAt, target } = reaction;
  return {
    kind: 'message',
    event,
    room,
    sender,
    sentAt,
    text: `${house.settings.prefix}${name}`,
    thread: target,
    replyTo: target,
    reactedTo: target,
  };
}

async function settle(house: House, question: Confirmation, reaction: Reaction): Promise<void> {
  try {
    await settleQuestion(house, question, {
      decision: reaction.key === confirmKey ? 'confirm' : 'cancel',
      by: reaction.sender,
      event: reaction.event,
    });
  } catch (error) {
    if (error instanceof StoreError) {
      throw error;
    }
    logFault(house, question.command, error);
    const now = await house.store.confirmations.byEvent(question.eventId);
    if (error instanceof DeniedError || error instanceof TargetError || now?.state !== 'pending') {
      house.log.info({ code: codeOf(error) }, 'a reaction counted for nothing');
      return;
    }
    await sayNotSettled(house, question, reaction, error);
  }
}

/** The question still waits, and whoever tapped it can't see why nothing happens. */
async function sayNotSettled(
  house: House,
  question: Confirmation,
  { event, room }: Reaction,
  error: unknown,
): Promise<void> {
  const why = error instanceof LawspeakerError ? error.message : 'the bot has a fault of its own';
  await house.store.transaction(async (tables) =>
    post(house, tables, 'alert', {
      kind: 'alert',
      origin: { event, room },
      mentions: [],
      reply: {
        command: question.command,
        status: 'failed',
        audit: [],
        answer: {
          mark: '❌',
          title: [bold(`${question.code} not settled: `), ...sentence(why)],
          body: [line('Nothing was changed, and the question still waits. Try again.')],
        },
        error: { code: codeOf(error), message: why },
      },
    }),
  );
  house.deliver(event);
}
