import { Parser } from 'htmlparser2';

import { withoutSchemes } from '../../chat/answers/untrusted-text.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { matrixToLink, readMedia, readReference } from '../../chat/reading/values.ts';
import { cut } from '../../core/text.ts';

/** Clients don't render deeper levels, and the parser's time grows with the square of the depth. */
const maxDepth = 100;

class TooDeepError extends Error {}

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

/** A formatted message as it was understood. */
interface FormattedText {
  /** The text, with every link to Matrix as the ID that it points to. */
  readonly text: string;
  /** The number of links to Matrix. */
  readonly pills: number;
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
  let pills = 0;
  let doubt: string | undefined;
  let quotedDepth = 0;
  let depth = 0;
  /** The link that is open, with its text so far. */
  let link: { readonly href: string; label: string; depth: number } | undefined;

  const closeLink = ({ href, label }: { href: string; label: string }) => {
    if (doubt !== undefined) {
      // One doubt is enough to refuse the message, and checking thousands of links takes long.
      text += label;
      return;
    }
    const meaning = meaningOf(href, label.trim());
    pills += meaning.isPill ? 1 : 0;
    ({ doubt } = meaning);
    text += meaning.text;
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
      } else if (lineBreaks.has(name)) {
        text += '\n';
      }
    },
    ontext(data) {
      if (quotedDepth > 0) {
        return;
      }
      if (link === undefined) {
        text += data;
      } else {
        link.label += data;
      }
    },
    onclosetag(_, isImplied) {
      depth -= 1;
      if (quotedDepth > 0) {
        quotedDepth -= 1;
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
        pills: 0,
        doubt: 'The message’s formatting is nested too deep for me to read.',
      };
    }
    throw error;
  }
  return { text: text.trim(), pills, doubt };
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

/** Whether a plain and a formatted body say the same, apart from characters that formatting changes. */
export function saysTheSame(plain: string, formatted: string): boolean {
  const [one, other] = [plain, formatted].map((text) =>
    text
      .replaceAll('…', '...')
      .replaceAll(dashes, '-')
      .replaceAll(emphasis, '')
      .replaceAll(changedByFormatting, ''),
  );
  return one === other;
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
