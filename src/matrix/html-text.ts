import { Parser } from 'htmlparser2';

import { readReference } from '../command/references.ts';
import { quote } from '../command/tokenize.ts';

/** Clients render no deeper; the parser's time grows with the square of the depth. */
const deepest = 100;

class TooDeepError extends Error {}

const lineBreaks = new Set(['br', 'p', 'div', 'li', 'tr', 'blockquote', 'pre', 'h1', 'h2', 'h3']);

/**
 * The text of a formatted message, where every pill and link to Matrix is the ID that it points to;
 * undefined where there is none, and the plain body serves better (HTML loses what Markdown ate), or
 * where tags stand in tags deeper than any client writes them.
 *
 * Element and others put only the display name of a pill into the plain body.
 */
export function textWithPills(html: string): string | undefined {
  let text = '';
  let pills = 0;
  let quotedDepth = 0;
  let pillDepth = 0;
  let depth = 0;
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
      if (pillDepth > 0) {
        pillDepth += 1;
        return;
      }
      const link = name === 'a' ? (attributes['href'] ?? '') : '';
      const reference = readReference(link);
      if (link !== '' && reference !== undefined) {
        pills += 1;
        pillDepth = 1;
        text += quote(
          reference.kind === 'user'
            ? reference.user
            : reference.kind === 'room'
              ? reference.room
              : link,
        );
        return;
      }
      if (lineBreaks.has(name)) {
        text += '\n';
      }
    },
    ontext(data) {
      if (quotedDepth === 0 && pillDepth === 0) {
        text += data;
      }
    },
    onclosetag() {
      depth -= 1;
      if (quotedDepth > 0) {
        quotedDepth -= 1;
      } else if (pillDepth > 0) {
        pillDepth -= 1;
      }
    },
  });
  try {
    parser.write(html);
    parser.end();
  } catch (error) {
    if (error instanceof TooDeepError) {
      return undefined;
    }
    throw error;
  }
  return pills === 0 ? undefined : text.trim();
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
