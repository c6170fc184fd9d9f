import type { InboxEvent } from '../store/tables/inbox.ts';
import { cardReaction } from './answer/card.ts';
import { refusalReply } from './answer/refusal.ts';
import type { Outgoing, SayNow } from './answer/reply.ts';
import { originOfLookalike } from './handle-lookalike.ts';
import type { House } from './house.ts';
import type { Incoming } from './message.ts';
import { originOf } from './message.ts';
import { commandLineIn, namesCommand } from './parse/command-line.ts';
import { canDecide, signOfReaction } from './parse/decision-word.ts';
import { holdsSecret } from './parse/secret.ts';

/** What of the events that came is for the bot, without the secrets that they held. */
export function accept(house: House, incoming: readonly Incoming[]): Incoming[] {
  return incoming.map((one) => withoutSecret(house, one)).filter((one) => isForUs(house, one));
}

function isForUs(house: House, incoming: Incoming): boolean {
  const { settings } = house;
  if (incoming.sender === settings.botUser || incoming.room !== settings.managementRoom) {
    return false;
  }
  switch (incoming.kind) {
    case 'message':
      return (
        incoming.heldSecret === true ||
        commandLineIn(incoming.text, house) !== undefined ||
        canDecide(incoming)
      );
    case 'lookalike':
      return incoming.heldSecret === true || namesCommand(incoming.text, house);
    case 'reaction':
      return signOfReaction(incoming.key) !== undefined || cardReaction(incoming.key) !== undefined;
  }
}

/**
 * Commits events to the inbox; returns those that were not known.
 *
 * @throws StoreError none was committed; whoever typed has been told
 */
export async function receive(
  house: House,
  sayNow: SayNow,
  wanted: readonly Incoming[],
): Promise<Incoming[]> {
  try {
    const fresh = await house.store.transaction(async ({ inbox }) =>
      inbox.take(wanted.map(inboxRow), house.now()),
    );
    const known = new Set(fresh.map(({ eventId }) => eventId));
    return wanted.filter((one) => known.delete(one.event));
  } catch (error) {
    // Whoever typed hears it; the bot stops, and what it could not take in is taken in later.
    for (const one of wanted) {
      await sayNow(refusalOf(house, one, error)).catch(() => undefined);
    }
    throw error;
  }
}

/** What whoever typed or tapped is told when the database fails. */
export function refusalOf(house: House, incoming: Incoming, error: unknown): Outgoing {
  const reply = refusalReply(house, '', error);
  if (incoming.kind === 'lookalike') {
    return { kind: 'reply', origin: originOfLookalike(incoming), reply };
  }
  return incoming.kind === 'message'
    ? { kind: 'reply', origin: originOf(incoming), reply }
    : // A reply to a reaction would show what nobody wrote.
      {
        kind: 'alert',
        origin: { event: incoming.event, room: incoming.room },
        mentions: [incoming.sender],
        reply,
      };
}

/** Commits events as seen and handled, without doing what they ask. */
export async function skip(house: House, wanted: readonly Incoming[]): Promise<void> {
  const now = house.now();
  await house.store.transaction(async ({ inbox }) => {
    for (const { eventId } of await inbox.take(wanted.map(inboxRow), now)) {
      await inbox.handled(eventId, now);
    }
  });
}

/** A secret is not even taken in: what is stored and handled is that there was one. */
function withoutSecret(house: House, incoming: Incoming): Incoming {
  return incoming.kind !== 'reaction' &&
    holdsSecret(incoming.text, commandLineIn(incoming.text, house))
    ? { ...incoming, text: '', heldSecret: true }
    : incoming;
}

function inboxRow(incoming: Incoming): InboxEvent {
  return {
    eventId: incoming.event,
    type: incoming.kind,
    sender: incoming.sender,
    event: JSON.stringify(incoming),
  };
}
