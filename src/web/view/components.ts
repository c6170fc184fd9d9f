import type { Content, Inline } from '../../chat/answers/answer.ts';
import { ago, dateTime } from '../../chat/answers/phrases.ts';
import { cut } from '../../core/text.ts';
import { html } from './html.ts';
import type { Html, Value } from './html.ts';

/** The longest ID that is shown whole. */
const maxIdLength = 255;

/** An ID, or other text that is shown letter by letter. */
export function code(text: string): Html {
  return html`<code>${cut(text, maxIdLength)}</code>`;
}

/** A time, as people say it and exactly. */
export function time(at: number, now: number): Html {
  const exact = dateTime(at);
  return html`<time datetime="${isoOf(at)}" title="${exact}"
    >${ago(at, now)} <span class="exact">${exact}</span></time
  >`;
}

function isoOf(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

const tones: Readonly<Record<string, string>> = {
  done: 'good',
  resolved: 'good',
  open: 'accent',
  running: 'accent',
  claimed: 'accent',
  in_flight: 'accent',
  awaiting: 'warn',
  scheduled: 'warn',
  partial: 'warn',
  unknown: 'warn',
  failed: 'bad',
  denied: 'bad',
  protected: 'bad',
};

/** A state. Its word says it; the color only repeats that. */
export function state(name: string): Html {
  return html`<span class="state ${tones[name] ?? 'plain'}">${name.replaceAll('_', ' ')}</span>`;
}

/** Words of an answer. */
export function words(content: Content): Html {
  return html`${content.map(word)}`;
}

function word(inline: Inline): Value {
  if (typeof inline === 'string') {
    return html`<bdi>${inline}</bdi>`;
  }
  switch (inline.kind) {
    case 'bold':
      return html`<b>${words(inline.children)}</b>`;
    case 'code':
      return code(inline.text);
    case 'link':
    case 'spoiler':
      return html`<bdi>${inline.text}</bdi>`;
  }
}

/** Text of several lines, as it is. */
export function lines(text: string): Html {
  return html`${text.split(/\r?\n/u).map((line, at) => [at > 0 && html`<br />`, line])}`;
}

/** Characters of a text that are shown. */
const maxTextLength = 4000;

/** The beginning of a text that may be long. */
export function beginning(text: string): string {
  return text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength).toWellFormed()}…`;
}

/** What somebody wrote, which nobody has to see who doesn't want to. */
export function quoted(summary: string, text: string): Html {
  return html`<details class="quoted">
    <summary>${summary}</summary>
    <blockquote dir="auto">${lines(beginning(text))}</blockquote>
  </details>`;
}

function isAbsent(value: Value): boolean {
  return (
    value === undefined ||
    value === null ||
    value === false ||
    (Array.isArray(value) && value.length === 0)
  );
}

/** Names and values; those without a value are left out. */
export function facts(rows: readonly (readonly [name: string, value: Value])[]): Html {
  const given = rows.filter(([, value]) => !isAbsent(value));
  return html`<dl>
    ${given.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

export interface Column<Row> {
  readonly title: string;
  /** Numbers are easier to compare if they are aligned on the right. */
  readonly align?: 'right';
  cell(row: Row): Value;
}

/**
 * A table. On a phone its rows become blocks, whose cells repeat the titles; the roles keep it a table for
 * screen readers.
 */
export function table<Row>(options: {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** What to say if there are no rows. */
  readonly nothing: string;
}): Html {
  const { caption, columns, rows, nothing } = options;
  if (rows.length === 0) {
    return html`<p class="nothing">${nothing}</p>`;
  }
  const side = ({ align }: Column<Row>) => align === 'right' && html` class="number"`;
  return html`<table role="table">
    <caption>
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map(
          (column) =>
            html`<th role="columnheader" scope="col" ${side(column)}>${column.title}</th>`,
        )}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map(
        (row) =>
          html`<tr role="row">
            ${columns.map(
              (column) =>
                html`<td role="cell" ${side(column)} data-title="${column.title}">
                  <div>${column.cell(row)}</div>
                </td>`,
            )}
          </tr> `,
      )}
    </tbody>
  </table>`;
}

/** An address on this page, with the parameters that have a value. */
export function address(
  path: string,
  parameters: Readonly<Record<string, string | undefined>> = {},
): string {
  const given = Object.entries(parameters).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given).toString()}`;
}

export function link(to: string, text: Value): Html {
  return html`<a href="${to}">${text}</a>`;
}

/** Links to the first page and the next one of a list. */
export function pager(options: {
  readonly first: string | undefined;
  readonly next: string | undefined;
}): Html | undefined {
  const { first, next } = options;
  return first === undefined && next === undefined
    ? undefined
    : html`<nav class="pager" aria-label="Pages">
        ${first !== undefined && link(first, '← First page')}
        ${next !== undefined && html`<a href="${next}" rel="next">Next page →</a>`}
      </nav>`;
}
