/** The longest explanation of the homeserver's that an answer repeats. */
const maxLength = 200;

/**
 * The homeserver's own words, as they can stand in a sentence of ours: short, and without backticks,
 * which would make parts of them look like commands.
 */
export function serverMessage(text: string): string {
  return text.replaceAll('`', "'").slice(0, maxLength).toWellFormed();
}
