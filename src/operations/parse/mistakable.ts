import { readUser } from '../../chat/reading/references.ts';
import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import type { House } from '../house.ts';
import type { Message } from '../message.ts';

/**
 * Refuses what its sender may have meant otherwise: the links, the formatted text or the mentions of a
 * message name somebody else than the text that would be carried out.
 *
 * @throws UsageError says which
 */
export async function assertUnmistakable(house: House, message: Message): Promise<void> {
  if (message.doubt !== undefined) {
    throw new UsageError(message.doubt, {
      advice:
        'Write the ID itself, such as `@name:server`, or paste a link to it. Nothing was changed.',
    });
  }
  const strange = await strangeMention(house, message);
  if (strange !== undefined) {
    throw new UsageError(
      `The message mentions \`${cut(strange, 255).replaceAll('`', "'")}\`, and its text does not.`,
      { advice: 'Write the ID into the command, or leave out the mention. Nothing was changed.' },
    );
  }
}

/** Somebody whom a client mentions for no reason that the message shows. */
async function strangeMention(
  { settings, peopleOf }: Pick<House, 'settings' | 'peopleOf'>,
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
  // Clients mention whoever is replied to, and whom that message mentions.
  const replied = new Set(await peopleOf(pointsTo));
  return strange.find((user) => !replied.has(user));
}
