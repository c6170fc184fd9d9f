import { readUser } from '../../chat/reading/references.ts';
import { UsageError } from '../../core/errors.ts';
import type { EventId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { Message } from '../message.ts';
import type { Settings } from '../settings.ts';

export interface MistakableContext {
  readonly settings: Pick<Settings, 'botUser' | 'serverName'>;
  /** The sender of an event of the room and whom it mentions; empty if that can't be looked up. */
  peopleOf(event: EventId): Promise<readonly string[]>;
}

/**
 * Makes sure that the sender and the bot see the same command: the links, the formatted text and the
 * mentions of a message must not name anybody whom its text does not.
 *
 * @throws UsageError says what differs
 */
export async function assertUnmistakable(
  context: MistakableContext,
  message: Message,
): Promise<void> {
  if (message.doubt !== undefined) {
    throw new UsageError(message.doubt, {
      advice:
        'Write the ID itself, such as `@name:server`, or paste a link to it. Nothing was changed.',
    });
  }
  const strange = await strangeMention(context, message);
  if (strange !== undefined) {
    throw new UsageError(
      `The message mentions \`${cut(strange, 255).replaceAll('`', "'")}\`, but its text does not.`,
      { advice: 'Put the ID into the command, or remove the mention. Nothing was changed.' },
    );
  }
}

/** Somebody whom a message mentions for no visible reason. */
async function strangeMention(
  { settings, peopleOf }: MistakableContext,
  message: Message,
): Promise<string | undefined> {
  const { mentions = [], replyTo, fallsBackTo, sender, text } = message;
  const pointsTo = replyTo ?? fallsBackTo;
  const unnamed = mentions.filter((user) => user !== settings.botUser && user !== sender);
  if (unnamed.length === 0) {
    return undefined;
  }
  const words = new Set<string | undefined>(
    text.split(/[\s=,;:"'()<>]+/u).map((word) => readUser(word, settings.serverName)),
  );
  const strange = unnamed.filter((user) => !text.includes(user) && !words.has(user));
  if (strange.length === 0 || pointsTo === undefined) {
    return strange[0];
  }
  // Clients mention the sender of the message that is replied to, and everybody mentioned in it.
  const replied = new Set(await peopleOf(pointsTo));
  return strange.find((user) => !replied.has(user));
}
