import { cut } from '../../core/text.ts';
import { code } from './answer.ts';
import type { Inline } from './answer.ts';

/**
 * Control characters, bidi controls, fillers, tags, and other invisible characters. The first alternative
 * matches a joiner between two emoji, which is part of them and stays.
 */
const hidden =
  /(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F])\u200D(?=\p{Extended_Pictographic})|([\u034F\u17B4\u17B5]|[\p{Cc}\u00AD\u061C\u115F\u1160\u180E\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uFEFF\uFFA0\uFFF9-\uFFFB\u{1D173}-\u{1D17A}\u{E0000}-\u{E007F}])/gu;
/** Half surrogate pairs, which JSON and HTML can't hold. */
const loneSurrogate = /\p{Cs}/gu;

/** Data as one visible line: shows characters that could reorder or break the answer. */
export function visible(text: string): string {
  return text
    .replaceAll(loneSurrogate, '\uFFFD')
    .replaceAll(hidden, (joiner: string, character: string | undefined) => {
      if (character === undefined) {
        return joiner;
      }
      const code = character.codePointAt(0) ?? 0;
      return character === '\n' ? '␤' : `⟨U+${code.toString(16).toUpperCase().padStart(4, '0')}⟩`;
    });
}

/** IDs that clients turn into links without any markup: they open a profile or a room. */
const ids = /(?<![^\s("'<“„])([@#!$+][^\s:]{0,255}):(?=[\p{L}\p{N}[])/gu;
/** The dots in `evil.example`. Any top-level domain counts, because tomorrow's clients may know new ones. */
const dotsInNames = /(?<=[\p{L}\p{N}_-])[.\u3002\uFF0E\uFF61](?=[\p{L}]{2})/gu;

/**
 * The same text without anything that a client would turn into a link: addresses with a scheme or without
 * one, domains, e-mail addresses, and IDs of users, rooms and events. It stays readable:
 * `https[:]//evil[.]example`.
 */
export function withoutLinks(text: string): string {
  return withoutSchemes(text).replaceAll(ids, '$1[:]').replaceAll(dotsInNames, '[.]');
}

/** Breaks only addresses with a scheme or `www`: none of the bot's own sentences need one that opens. */
export function withoutSchemes(text: string): string {
  return text
    .replaceAll(/(?<!mxc):\/\//gu, '[:]//')
    .replaceAll(/\b(matrix|tel|sms|xmpp|magnet|geo):(?=\S)/giu, '$1[:]')
    .replaceAll(/\b(?:www|mailto)\b(?!\])/giu, '[$&]');
}

/**
 * A stranger's text, to be looked at: shortened, as code, and with its links broken, so that no client
 * opens or previews one.
 */
export function untrustedText(text: string, length = 300): Inline {
  return code(cut(withoutLinks(text), length));
}

/**
 * Text that somebody else has chosen, inside one of the bot's sentences: a name, a reason, a topic, a note.
 * Cut, and with its links broken.
 */
export function inert(text: string, length?: number): string {
  return cut(withoutLinks(text), length);
}

/** Characters of a name that are shown. */
const maxLength = 40;
/** A single word of letters and digits can't be mistaken for one of the bot's sentences. */
const plainName = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]*$/u;
const quotes = /["“”„‟«»＂]/gu;

/**
 * Who has done something, in a sentence: `Ana (@ana:example.com)`. Everybody chooses their own name, and it
 * may look like the bot's own words. So the ID always follows it, and a name that is more than a plain word
 * is in quotes: `“boss (admin) · audit #1” (@mallory:example.com)`.
 *
 * @param displayName null if the user has none: only the ID is shown
 */
export function memberName(user: string, displayName: string | null): string {
  const name = inert(displayName?.replaceAll(quotes, '’').trim() ?? '', maxLength);
  if (name === '' || name === user) {
    return user;
  }
  return plainName.test(name) ? `${name} (${user})` : `“${name}” (${user})`;
}
