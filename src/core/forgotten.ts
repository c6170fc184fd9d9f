import type { UserId } from './ids.ts';

/*
 * Who was forgotten stands in the database under an ID that nobody can have: RFC 2606 reserves `invalid`. It is a
 * valid user ID, so that whatever reads one still can.
 */

/** The ID for a person who is being forgotten; `code` tells them from others: six or more hexadecimal digits. */
export const forgottenAs = (code: string) => `@forgotten-${code}:invalid` as UserId;

/** Whoever was forgotten because a retention period has ended. */
export const forgottenByAge = '@forgotten:invalid' as UserId;

export function isForgotten(id: string): boolean {
  return /^@forgotten(?:-[0-9a-f]+)?:invalid$/u.test(id);
}

/** A part of a server name or a port, after which an ID would be a longer one. */
const idGoesOn = '(?![\\w]|[.:-]\\w|%3A\\d)';

/** How an ID can be written in stored texts: as it is, in JSON, and in a link. */
function formsOf(id: string): readonly string[] {
  const encoded = encodeURIComponent(id);
  return [
    ...new Set([
      id,
      JSON.stringify(id).slice(1, -1),
      encoded,
      // As permalinks have it.
      encoded.replace('%40', '@'),
      encoded.replaceAll('%3A', ':'),
      encoded.replace('%40', '@').replaceAll('%3A', ':'),
    ]),
  ];
}

/** The same for texts in which ASCII letters are lower case. */
export function lowerFormsOf(id: string): readonly string[] {
  return [
    ...new Set(formsOf(id).map((form) => form.replaceAll(/[A-Z]/gu, (a) => a.toLowerCase()))),
  ];
}

/** A function that replaces an ID in texts, however it is written, and never a longer one that begins the same. */
export function mentionReplacer(id: string, by: string): (text: string) => string {
  const forms = formsOf(id).map((form) => RegExp.escape(form));
  const pattern = new RegExp(`(?:${forms.join('|')})${idGoesOn}`, 'giu');
  return (text) => text.replaceAll(pattern, () => by);
}

/** What may stay of texts about somebody: numbers, IDs of rooms, events and files, and codes of errors. */
const impersonal = /^(?:[!$][^\s"]+|mxc:\/\/\S+|[A-Z][A-Z_]+|\d[\d.]*[a-zA-Z]{0,2})$/u;
const userId = /^@[^\s"]+:\S+$/u;

/**
 * A value of JSON without the texts in it: strings that can name or quote somebody are empty. Its structure stays, so
 * that whatever reads it still can.
 *
 * @param keepsUsers whether user IDs stay
 */
export function withoutTexts(value: unknown, { keepsUsers }: { keepsUsers: boolean }): unknown {
  if (typeof value === 'string') {
    const stays =
      impersonal.test(value) || isForgotten(value) || (keepsUsers && userId.test(value));
    return stays ? value : '';
  }
  if (Array.isArray(value)) {
    return value.map((item) => withoutTexts(item, { keepsUsers }));
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, withoutTexts(item, { keepsUsers })]),
    );
  }
  return value;
}

/** The same of text that should be JSON; `{}` if it isn't. */
export function jsonWithoutTexts(json: string, { keepsUsers }: { keepsUsers: boolean }): string {
  try {
    return JSON.stringify(withoutTexts(JSON.parse(json), { keepsUsers }));
  } catch {
    return '{}';
  }
}
