import { bold, line } from '../chat/answers/answer.ts';
import { DeniedError, LawspeakerError, StoreError, TargetError, codeOf } from '../core/errors.ts';
import type { Confirmation } from '../store/tables/confirmations.ts';
import { cardReaction, itemOfCard } from './answer/card.ts';
import { refusalReply, sentence } from './answer/refusal.ts';
import { post } from './answer/reply.ts';
import type { SayNow } from './answer/reply.ts';
import { countDenial } from './authorize/denials.ts';
import { isLater, confirmationAskedBy } from './confirm/awaiting-delivery.ts';
import type { Later } from './confirm/awaiting-delivery.ts';
import { decideConfirmation } from './confirm/decide.ts';
import { parsedOf } from './confirm/find-confirmation.ts';
import { logFault } from './execute/execute.ts';
import { handleMessage } from './handle-message.ts';
import type { House } from './house.ts';
import type { Message, Reaction } from './message.ts';
import { signOfReaction, unclear } from './parse/decision-word.ts';
import { refusalOf } from './receive.ts';
import { isFromLostRecord, isFromLostTime, lostRecordReply } from './record/room-record.ts';

/**
 * A reaction on a confirmation settles it, and one on the card of a report is a command about it. On
 * anything else and after the end it counts for nothing; who may not settle it, and whose sign may mean
 * something else, is told so. Never throws.
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
    const isOfLostTime = isFromLostTime(await house.store.dataLoss.get(), reaction.sentAt);
    const confirmation = await confirmationAskedBy(house, reaction.target, reaction);
    if (confirmation === undefined || isOfLostTime) {
      await sayIfLost(house, reaction, confirmation !== undefined);
    } else {
      if (isLater(confirmation)) {
        return confirmation;
      }
      await settle(house, confirmation, reaction);
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

async function settle(house: House, confirmation: Confirmation, reaction: Reaction): Promise<void> {
  const sign = signOfReaction(reaction.key);
  if (sign === undefined) {
    return;
  }
  try {
    if (sign === 'unclear') {
      if (confirmation.state === 'pending') {
        throw unclear(house, confirmation, `${reaction.key} may only mean that you have seen it`);
      }
      return;
    }
    await decideConfirmation(house, confirmation, {
      decision: sign,
      by: reaction.sender,
      event: reaction.event,
    });
  } catch (error) {
    if (error instanceof StoreError) {
      throw error;
    }
    logFault(house, confirmation.command, error);
    const now = await house.store.confirmations.byEvent(confirmation.eventId);
    if (now?.state !== 'pending') {
      // What became of it stands where it was asked.
      house.log.info({ code: codeOf(error) }, 'a reaction counted for nothing');
      return;
    }
    if (error instanceof DeniedError || error instanceof TargetError) {
      await refuse(house, confirmation, reaction, error);
      return;
    }
    await sayNotDecided(house, confirmation, reaction, error);
  }
}

/** Whoever tapped a confirmation that still waits is told why that was not enough. */
async function refuse(
  house: House,
  confirmation: Confirmation,
  { event, room, sender, target }: Reaction,
  error: DeniedError | TargetError,
): Promise<void> {
  const { thread } = parsedOf(house, confirmation).invocation.origin;
  const origin = { event, room, inReplyTo: target, ...(thread === undefined ? {} : { thread }) };
  await house.store.transaction(async (tables) => {
    const reply = refusalReply(house, confirmation.command, error);
    await post(house, tables, 'answer', { kind: 'reply', origin, reply });
  });
  house.deliver(event);
  if (error instanceof DeniedError) {
    await countDenial(house, sender, origin);
  }
}

/** The confirmation still waits, and whoever tapped it can't see why nothing happens. */
async function sayNotDecided(
  house: House,
  confirmation: Confirmation,
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
        command: confirmation.command,
        status: 'failed',
        audit: [],
        answer: {
          mark: '❌',
          title: [bold(`${confirmation.code} not settled: `), ...sentence(why)],
          body: [line('Nothing was changed, and the confirmation still waits. Try again.')],
        },
        error: { code: codeOf(error), message: why },
      },
    }),
  );
  house.deliver(event);
}
