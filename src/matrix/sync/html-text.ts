import { Parser } from 'htmlparser2';

import { withoutSchemes } from '../../chat/answers/untrusted-text.ts';
import { matrixToLink, readMedia, readReference } from '../../chat/reading/references.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { cut } from '../../core/text.ts';

/** Clients render no deeper; the parser's time grows with the square of the depth. */
const deepest = 100;

class TooDeepError extends Error {}

const lineBreaks = new Set(['br', 'p', 'div', 'li', 'tr', 'blockquote', 'pre', 'h1', 'h2', 'h3']);

/** Some clients show what stands in these, and others don't. */
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
  /** How many links to Matrix there are. */
  readonly pills: number;
  /** Why what a reader sees may not be what it means, as a sentence; undefined if it is clear. */
  readonly doubt: string | undefined;
}

/**
 * Reads a formatted message: every pill and link to Matrix becomes the ID that it points to, since
 * Element and others put only the display name of a pill into the plain body. Links must not mislead:
 * a link whose text is another ID, or that leads elsewhere than its text says, is a doubt.
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
      // One is enough to refuse the message, and thousands would take their time.
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
      if (depth > deepest) {
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
        doubt: 'The message’s formatting is nested too deep to be read.',
      };
    }
    throw error;
  }
  return { text: text.trim(), pills, doubt };
}

/** What a link stands for in a command. */
function meaningOf(
  href: string,
  label: string,
): { readonly text: string; readonly isPill: boolean; readonly doubt: string | undefined } {
  const target = targetOf(href);
  if (target === undefined) {
    // A client made a link of an address that was typed: there is nothing behind the text.
    return bareAddress(href) === bareAddress(label)
      ? { text: label, isPill: false, doubt: undefined }
      : {
          text: label,
          isPill: false,
          doubt: `“${shown(label)}” is a link to \`${shown(href)}\`, which I can’t read as a user, room or message.`,
        };
  }
  // What looks like a display name is one, whatever it says; an ID must be the one that is meant.
  const named = targetOf(label);
  const isOther =
    named === undefined ? idsSeenIn(label).some((id) => id !== target) : named !== target;
  return {
    text: quote(target),
    isPill: true,
    doubt: isOther ? `“${shown(label)}” is a link to \`${shown(target)}\`.` : undefined,
  };
}

/** User IDs and the like anywhere in what a link shows, as its reader sees them. */
function idsSeenIn(label: string): string[] {
  const seen = label.normalize('NFKC').replaceAll(/\p{Cf}/gu, '');
  return [...seen.matchAll(/[@#!][^\s:]*:\S+/gu)].map(([id]) => id.replace(/[^\p{L}\p{N}]+$/u, ''));
}

/** The ID that a link or ID names, or the link itself to a message; undefined for other text. */
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

/** An address without what clients add to it or leave out. */
function bareAddress(address: string): string {
  return address.replace(/^(?:https?:\/\/|mailto:)/iu, '').replace(/\/$/u, '');
}

/** For a sentence that marks code with backticks. */
function shown(text: string): string {
  return withoutSchemes(cut(text, 80)).replaceAll('`', "'");
}

/** Markdown and typography change marks. Letters, digits and what stands in IDs and flags they leave alone. */
const changedByFormatting = /[^\p{L}\p{N}\p{M}@:./%=+_-]/gu;
/** Two hyphens become a dash on phones. */
const dashes = /[-\u2010-\u2015\u2212]+/gu;
/** Underscores round words are emphasis; within them, as in IDs, they stay. */
const emphasis = /(?<![\p{L}\p{N}])_+|_+(?![\p{L}\p{N}])/gu;

/** Whether a plain and a formatted body say the same, but for what formatting takes or changes. */
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

/** A plain body without the quoted message that old clients put in front of a reply. */
export function withoutReplyFallback(body: string): string {
  // An emote is quoted as `> * <@user:server> waves`.
  if (!/^> (?:\* )?<@/u.test(body)) {
    return body;
  }
  const lines = body.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('>'));
  return end === -1 ? '' : lines.slice(end).join('\n').replace(/^\n/u, '');
}
