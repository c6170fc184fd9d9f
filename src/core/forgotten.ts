import type { UserId } from './ids.ts';

/*
 * Who was forgotten stands in the database under an ID that nobody can have: RFC 2606 reserves `invalid`. It is a
 * valid user ID, so that whatever reads one still can.
 */

/** The ID for somebody who is forgotten; `code` tells them from others: hexadecimal digits. */
export const forgottenAs = (code: string) => `@forgotten-${code}:invalid` as UserId;

export function isForgotten(id: string): boolean {
  return /^@forgotten-[0-9a-f]+:invalid$/u.test(id);
}

/** The same for SQL. */
export const forgottenGlob = '@forgotten-*:invalid';

/**
 * What can't stand before an ID: a letter or digit of a word, or the beginning of a longer ID. In JSON and in links,
 * other characters are written with letters and digits. It is only looked for where an ID may begin, which is fast.
 */
const startsHere =
  '(?=[@%m])(?:(?<![\\p{L}\\p{N}])|(?<=\\\\(?:[a-z]|u[0-9a-f]{4})|%[0-9A-Fa-f]{2}))(?<!@[\\p{L}\\p{N}._=+-]{0,255})';
/** What can't follow: a part of a longer server name, or a port. */
const endsHere = '(?![\\p{L}\\p{N}]|[.-][\\p{L}\\p{N}]|(?::|%3[Aa])\\d)';

/** How an ID can be written in stored texts: as it is, in JSON, in JSON within JSON, in a link, in HTML. */
function formsOf(id: string): readonly string[] {
  const inJson = (text: string) => JSON.stringify(text).slice(1, -1);
  const encoded = encodeURIComponent(id);
  const [localpart, server] = [id.slice(1, id.indexOf(':')), id.slice(id.indexOf(':'))];
  return [
    ...new Set([
      id,
      inJson(id),
      inJson(inJson(id)),
      id.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
      `matrix:u/${localpart}${server}`,
      `matrix:u/${encodeURIComponent(localpart)}${server}`,
      ...[encoded, encoded.replaceAll("'", '%27'), encoded.replaceAll('%2F', '/')].flatMap(
        (form) => {
          // Permalinks leave some characters as they are.
          const withAt = form.replace('%40', '@');
          return [form, withAt, form.replaceAll('%3A', ':'), withAt.replaceAll('%3A', ':')];
        },
      ),
    ]),
  ];
}

/** A function that replaces an ID in texts, however it is written, and never a part of a longer one. */
export function mentionReplacer(id: string, by: string): (text: string) => string {
  const forms = formsOf(id).map((form) =>
    // `RegExp.escape` writes `%` as `\x25`.
    RegExp.escape(form).replaceAll(
      /\\x25([0-9A-F]{2})/gu,
      (_, digits: string) => `%(?:${digits}|${digits.toLowerCase()})`,
    ),
  );
  const pattern = new RegExp(`${startsHere}(?:${forms.join('|')})${endsHere}`, 'gu');
  return (text) => text.replaceAll(pattern, () => by);
}

/** A part of an ID that all of its forms have: texts without it don't hold the ID. */
export function needleOf(id: string): string {
  const runs = id.match(/[A-Za-z0-9._-]+/gu) ?? [];
  return runs.reduce((one, other) => (other.length > one.length ? other : one), '');
}

/** IDs of rooms, events and files. */
const thing = /^(?:[!$][^\s"]{1,255}|mxc:\/\/[^\s"]{1,255})$/u;
const userId = /^@[^\s"]*:[^\s"]+$/u;
/** What the program writes itself, by the name of the value. */
const own: Readonly<Record<string, RegExp>> = {
  code: /^[A-Za-z_]{1,64}$/u,
  errcode: /^[A-Za-z_.]{1,64}$/u,
  step: /^[a-z-]{1,64}$/u,
  for: /^\d{1,9}[a-z]{1,2}$/u,
};
const plainKey = /^[A-Za-z_]{1,64}$/u;

/**
 * A value of JSON without the strings in it that can name or quote somebody.
 *
 * @param keepsUsers whether user IDs stay
 */
function withoutTexts(value: unknown, { keepsUsers }: { readonly keepsUsers: boolean }): unknown {
  const stays = (text: string) =>
    thing.test(text) || isForgotten(text) || (keepsUsers && userId.test(text));
  const clean = (item: unknown, key: string): unknown => {
    if (typeof item === 'string') {
      return stays(item) || own[key]?.test(item) === true ? item : undefined;
    }
    if (Array.isArray(item)) {
      return item.map((one) => clean(one, '')).filter((one) => one !== undefined);
    }
    if (typeof item !== 'object' || item === null) {
      return item;
    }
    return Object.fromEntries(
      Object.entries(item)
        .filter(([name]) => plainKey.test(name))
        .map(([name, one]) => [name, clean(one, name)])
        .filter(([, one]) => one !== undefined),
    );
  };
  return clean(value, '') ?? null;
}

/** The same of text that should be JSON; `{}` if it isn't. */
export function jsonWithoutTexts(json: string, options: { readonly keepsUsers: boolean }): string {
  try {
    return JSON.stringify(withoutTexts(JSON.parse(json), options));
  } catch {
    return '{}';
  }
}
