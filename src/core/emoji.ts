/** What clients add to an emoji: a request for its colored form, a skin tone, or a gender. */
const variants = /\uFE0F|\p{Emoji_Modifier}|\u200D[♀♂]/gu;

/** An emoji without skin tone and gender: clients send the same reaction in several forms. */
export function plainEmoji(emoji: string): string {
  return emoji.replaceAll(variants, '');
}

/** Whether a text is one emoji. */
export function isEmoji(text: string): boolean {
  const [first, ...others] = new Intl.Segmenter().segment(text);
  return (
    first !== undefined &&
    others.length === 0 &&
    /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20E3/u.test(text)
  );
}
