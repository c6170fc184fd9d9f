import { Parser } from 'htmlparser2';

import { withoutSchemes } from '../../chat/answers/untrusted-text.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { matrixToLink, readMedia, readReference } from '../../chat/reading/values.ts';
import { cut } from '../../core/text.ts';

/** Clients don't render deeper levels, and the parser's time grows with the square of the depth. */
const maxDepth = 100;

class TooDeepError extends Error {}

/** Stands for the mark before an item of a list. It is a letter, so that nothing else is taken for it. */
const itemMark = '\uA78F';
/** How Markdown writes a line across the text. */
const rule = '---';

const lineBreaks = new Set(['br', 'p', 'div', 'li', 'tr', 'blockquote', 'pre', 'h1', 'h2', 'h3']);

/** Some clients show the content of these elements, and others don't. */
const seenBySome = new Set([
  'iframe',
  'noscript',
  'option',
  'script',
  'style',
  'template',
  'textarea',
  'title',
]);

/** A link to Matrix in a formatted message. */
interface Pill {
  readonly label: string;
  /** The ID that it points to, as a word of a command. */
  readonly text: string;
}

/** A formatted message as it was understood. */
interface FormattedText {
  /** The text, with every link to Matrix as the ID that it points to. */
  readonly text: string;
  /** The same, with lines across the text, and marks before the items of lists: for comparing only. */
  readonly listed: string;
  readonly pills: readonly Pill[];
  /** A sentence that says why the message may mean something else than it shows; undefined if it does not. */
  readonly doubt: string | undefined;
}

/**
 * Reads a formatted message: every pill and link to Matrix becomes the ID that it points to, because
 * Element and others put only the display name of a pill into the plain body. Links must not mislead: a link
 * whose text is another ID or another address is a doubt.
 */
export function readFormatted(html: string): FormattedText {
  let text = '';
  let listed = '';
  const pills: Pill[] = [];
  /** The number of the next item of each list that is open; undefined if its items have none. */
  const lists: (number | undefined)[] = [];
  let doubt: string | undefined;
  let quotedDepth = 0;
  let depth = 0;
  /** The link that is open, with its text so far. */
  let link: { readonly href: string; label: string; depth: number } | undefined;

  const add = (piece: string, shown = piece) => {
    text += piece;
    listed += shown;
  };
  const nextMark = (): string => {
    const number = lists.at(-1);
    if (number === undefined) {
      return `${itemMark} `;
    }
    lists[lists.length - 1] = number + 1;
    return `${number}. `;
  };
  const closeLink = ({ href, label }: { href: string; label: string }) => {
    if (doubt !== undefined) {
      // One doubt is enough to refuse the message, and checking thousands of links takes long.
      add(label);
      return;
    }
    const meaning = meaningOf(href, label.trim());
    if (meaning.isPill) {
      pills.push({ label, text: meaning.text });
    }
    ({ doubt } = meaning);
    add(meaning.text);
  };
  const parser = new Parser({
    onopentag(name, attributes) {
      depth += 1;
      if (depth > maxDepth) {
        throw new TooDeepError();
      }
      if (name === 'mx-reply' || quotedDepth > 0) {
        quotedDepth += 1;
        return;
      }
      if (seenBySome.has(name)) {
        doubt ??= `The message holds a <${name}>, which clients show differently.`;
      }
      const href = name === 'a' ? (attributes['href'] ?? '') : '';
      if (link !== undefined) {
        link.depth += 1;
        if (href !== '') {
          doubt ??= 'The message holds a link inside a link.';
        }
      } else if (href !== '') {
        link = { href, label: '', depth: 1 };
      } else if (name === 'ul' || name === 'ol') {
        lists.push(name === 'ul' ? undefined : firstNumber(attributes['start']));
      } else if (name === 'hr') {
        add('\n', `\n${rule}\n`);
      } else if (lineBreaks.has(name)) {
        add('\n', name === 'li' ? `\n${nextMark()}` : '\n');
      }
    },
    ontext(data) {
      if (quotedDepth > 0) {
        return;
      }
      if (link === undefined) {
        add(data);
      } else {
        link.label += data;
      }
    },
    onclosetag(name, isImplied) {
      depth -= 1;
      if (quotedDepth > 0) {
        quotedDepth -= 1;
      } else if (link === undefined && (name === 'ul' || name === 'ol')) {
        lists.pop();
      } else if (link !== undefined) {
        link.depth -= 1;
        if (link.depth === 0) {
          if (isImplied) {
            doubt ??= 'The message holds a link that is not closed.';
          }
          closeLink(link);
          link = undefined;
        }
      }
    },
  });
  try {
    parser.write(html);
    parser.end();
  } catch (error) {
    if (error instanceof TooDeepError) {
      return {
        text: '',
        listed: '',
        pills: [],
        doubt: 'The message’s formatting is nested too deep for me to read.',
      };
    }
    throw error;
  }
  return { text: text.trim(), listed: listed.trim(), pills, doubt };
}

/** The number of the first item of a list. */
function firstNumber(start = ''): number {
  return /^\d{1,9}$/u.test(start) ? Number(start) : 1;
}

/** What a link means in a command. */
function meaningOf(
  href: string,
  label: string,
): { readonly text: string; readonly isPill: boolean; readonly doubt: string | undefined } {
  const target = targetOf(href);
  if (target === undefined) {
    // The client turned a typed address into a link: it points to what the text says.
    return bareAddress(href) === bareAddress(label)
      ? { text: label, isPill: false, doubt: undefined }
      : {
          text: label,
          isPill: false,
          doubt: `“${shown(label)}” is a link to \`${shown(href)}\`, which I can’t read as a user, room or message.`,
        };
  }
  // A display name can be anything, but a text that looks like an ID must be the target's.
  const named = targetOf(label);
  const isOther =
    named === undefined ? idsSeenIn(label).some((id) => id !== target) : named !== target;
  return {
    text: quote(target),
    isPill: true,
    doubt: isOther ? `“${shown(label)}” is a link to \`${shown(target)}\`.` : undefined,
  };
}

/** User IDs and the like anywhere in a link's text, as its reader sees them. */
function idsSeenIn(label: string): string[] {
  const seen = label.normalize('NFKC').replaceAll(/\p{Cf}/gu, '');
  return [...seen.matchAll(/[@#!][^\s:]*:\S+/gu)].map(([id]) => id.replace(/[^\p{L}\p{N}]+$/u, ''));
}

/** The ID that a link or ID names, or the link itself if it points to a message; undefined for other text. */
function targetOf(link: string): string | undefined {
  const reference = readReference(link);
  switch (reference?.kind) {
    case 'user':
      return reference.user;
    case 'room':
      return reference.room;
    case 'event':
      return matrixToLink(reference.room, reference.event);
    case undefined:
      return readMedia(link);
  }
}

/** An address without the parts that clients add or leave out. */
function bareAddress(address: string): string {
  return address.replace(/^(?:https?:\/\/|mailto:)/iu, '').replace(/\/$/u, '');
}

/** Text for a sentence that marks code with backticks. */
function shown(text: string): string {
  return withoutSchemes(cut(text, 80)).replaceAll('`', "'");
}

/** Markdown and typography change punctuation, but not letters, digits, and characters of IDs and flags. */
const changedByFormatting = /[^\p{L}\p{N}\p{M}@:./%=+_-]/gu;
/** Phones turn two hyphens into a dash. */
const dashes = /[-\u2010-\u2015\u2212]+/gu;
/** Underscores around words are emphasis; inside words, as in IDs, they stay. */
const emphasis = /(?<![\p{L}\p{N}])_+|_+(?![\p{L}\p{N}])/gu;

/** A text without what formatting changes. */
function bare(text: string): string {
  return text
    .replaceAll('…', '...')
    .replaceAll(dashes, '-')
    .replaceAll(emphasis, '')
    .replaceAll(changedByFormatting, '');
}

/** The same, word by word. */
function bareWords(text: string): string {
  const words = text.split(/\s+/u).map(bare);
  return words.filter((word) => word !== '').join(' ');
}

/**
 * Whether a plain body says what a formatted one shows, apart from characters that formatting changes. Its lists and
 * lines may have the marks of Markdown.
 *
 * @param strictness `words`: also where words begin and end
 */
export function saysWhatIsShown(
  plain: string,
  { text, listed }: Pick<FormattedText, 'listed' | 'text'>,
  strictness: 'letters' | 'words' = 'letters',
): boolean {
  const read = strictness === 'words' ? bareWords : bare;
  return read(plain) === read(text) || read(withUsualMarks(plain)) === read(listed);
}

/** Markdown takes `-`, `*` and `+` in front of an item of a list for the same, `1)` for `1.`, and `***` for `---`. */
function withUsualMarks(plain: string): string {
  return plain
    .replaceAll(/^[ \t]*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$/gmu, rule)
    .replaceAll(/^([ \t]*)[-*+](?=\s)/gmu, `$1${itemMark}`)
    .replaceAll(/^([ \t]*\d{1,9})\)(?=\s)/gmu, '$1.');
}

/**
 * A plain body with IDs in place of pills. Clients put the names of pills there, or Markdown links.
 *
 * @returns undefined if it can't be told where they are
 */
export function withPillsIn(body: string, pills: readonly Pill[]): string | undefined {
  let typed = '';
  let at = 0;
  for (const { label, text } of pills) {
    const start = label === '' ? -1 : body.indexOf(label, at);
    if (start === -1) {
      return undefined;
    }
    const end = start + label.length;
    const isOpen = start > at && body[start - 1] === '[';
    const address = isOpen
      ? /^\]\([^\s()]{1,2000}\)/u.exec(body.slice(end, end + 2003))?.[0]
      : undefined;
    typed += body.slice(at, address === undefined ? start : start - 1) + text;
    at = end + (address?.length ?? 0);
  }
  return typed + body.slice(at);
}

/** A plain body without the quoted message that older clients put before a reply. */
export function withoutReplyFallback(body: string): string {
  // An emote is quoted as `> * <@user:server> waves`.
  if (!/^> (?:\* )?<@/u.test(body)) {
    return body;
  }
  const lines = body.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('>'));
  return end === -1 ? '' : lines.slice(end).join('\n').replace(/^\n/u, '');
}
