import { visible } from '../../chat/answers/untrusted-text.ts';

/** Markup that is safe to send. Only `html` makes it, so a string can't be taken for markup. */
export class Html {
  readonly #markup: string;
  constructor(parts: readonly string[], values: readonly Value[]) {
    this.#markup = String.raw({ raw: parts }, ...values.map(markupOf));
  }
  toString(): string {
    return this.#markup;
  }
}

/** What can stand in a template. What is absent leaves nothing. */
export type Value = Html | string | number | false | null | undefined | readonly Value[];

/**
 * Markup with values in it. Every string is escaped, and characters that are invisible or that change the
 * direction of the text are shown as their numbers: no value can add markup, or make the page read otherwise
 * than it is. Values of attributes must be in double quotes.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts, values);
}

function markupOf(value: Value): string {
  if (value === undefined || value === null || value === false) {
    return '';
  }
  if (value instanceof Html) {
    return value.toString();
  }
  return Array.isArray(value)
    ? (value as readonly Value[]).map(markupOf).join('')
    : escaped(String(value));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return visible(text).replaceAll(/[&<>"']/gu, (character) => entities[character] ?? '');
}
