import { textOf } from '../../chat/answers/answer.ts';
import type { Answer, Block, Column, Content, Inline } from '../../chat/answers/answer.ts';
import { withoutSchemes } from '../../chat/answers/untrusted-text.ts';
import { parseRoomAlias, parseUserId } from '../../core/ids.ts';
import { textWidth } from './text-width.ts';

/**
 * Control characters, bidi controls, fillers, tags, and other invisible characters. Except a joiner between
 * two emoji, which is part of them.
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

/** Like `visible`, but also shows blanks in IDs, which would get lost at the end or beside another blank. */
function visibleCode(text: string): string {
  const isId = (parseUserId(text) ?? parseRoomAlias(text)) !== undefined;
  return visible(
    isId
      ? text.replaceAll(/\p{Zs}/gu, (blank) =>
          blank === ' '
            ? '␠'
            : `⟨U+${blank.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
        )
      : text,
  );
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Sentences never hold anything that opens with a tap. Only code stays as it is. */
function contentText(content: Content): string {
  return textOf(content, (part) => {
    if (typeof part === 'string') {
      return withoutSchemes(visible(part));
    }
    switch (part.kind) {
      case 'code':
        return visibleCode(part.text);
      case 'link':
        return visible(part.address);
      case 'spoiler':
        return visible(part.plain);
    }
  });
}

/**
 * Text whose lines never break between a separator, an emoji or a number and the word that it belongs to,
 * and never inside of a time. For HTML alone: the plain text is also read by programs.
 */
function heldTogether(text: string): string {
  return text
    .replaceAll(' · ', '\u00A0· ')
    .replaceAll(/(?<=\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]?) (?:or )?/gu, (blanks) =>
      blanks.replaceAll(' ', '\u00A0'),
    )
    .replaceAll(/(\d{4})-(\d\d)-(\d\d) (\d\d:\d\d)/gu, '$1\u2011$2\u2011$3\u00A0$4')
    .replaceAll(/(?<=\d) (?=\p{L})|(?<=\p{L}) (?=#\d)/gu, '\u00A0');
}

function inlineHtml(inline: Inline): string {
  if (typeof inline === 'string') {
    return escapeHtml(heldTogether(withoutSchemes(visible(inline))));
  }
  switch (inline.kind) {
    case 'code':
      return `<code>${escapeHtml(visibleCode(inline.text))}</code>`;
    case 'spoiler':
      // https://spec.matrix.org/latest/client-server-api/#spoiler-messages
      return `<span data-mx-spoiler>${escapeHtml(visible(inline.text))}</span>`;
    case 'link':
      return `<a href="${escapeHtml(visible(inline.address))}">${escapeHtml(visible(inline.text))}</a>`;
    case 'bold':
      return `<strong>${inline.children.map(inlineHtml).join('')}</strong>`;
  }
}

const contentHtml = (content: Content): string => content.map(inlineHtml).join('');

function tableText(columns: readonly Column[], rows: readonly Content[][]): string {
  const cells = [
    columns.map(({ title }) => visible(title)),
    ...rows.map((row) => row.map(contentText)),
  ];
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => textWidth(row[at] ?? ''))));
  return cells
    .map((row) =>
      columns
        .map(({ align }, at) => {
          const cell = row[at] ?? '';
          const padding = ' '.repeat(Math.max(0, (widths[at] ?? 0) - textWidth(cell)));
          return align === 'right' ? `${padding}${cell}` : `${cell}${padding}`;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const listHtml = (items: readonly Content[]): string =>
  `<ul>${items.map((item) => `<li>${contentHtml(item)}</li>`).join('')}</ul>`;

/** The cells of a row, one after another. */
function joined(cells: readonly Content[]): Content {
  return cells
    .filter((cell) => cell.length > 0)
    .flatMap((cell, at) => (at === 0 ? cell : [' · ', ...cell]));
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'line':
      return contentText(block.content);
    case 'list':
      return block.items.map((item) => `- ${contentText(item)}`).join('\n');
    case 'folded':
      return contentText(block.plain);
    case 'table':
      return tableText(block.columns, block.rows);
  }
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'line':
      return contentHtml(block.content);
    case 'list':
      return listHtml(block.items);
    case 'folded':
      // Clients that can't fold show all of it.
      return `<details><summary>${contentHtml(block.summary)}</summary>${listHtml(block.items)}</details>`;
    case 'table':
      return listHtml(block.rows.map(joined));
  }
}

/** An answer as plain text and as HTML that says the same. */
export function render(answer: Answer, prefix: string): { body: string; html: string } {
  const next = (answer.next ?? []).map((command) => `${prefix}${command}`);
  const title: Content = [`${answer.mark} `, ...answer.title];
  const blocks: Block[] = [
    { kind: 'line', content: title },
    ...(answer.body ?? []),
    ...(next.length === 0
      ? []
      : [
          {
            kind: 'line' as const,
            content: [
              'Next: ',
              ...next.flatMap((text, at): Inline[] => [
                ...(at === 0 ? [] : [' · ']),
                { kind: 'code', text },
              ]),
            ],
          },
        ]),
  ];
  const shown = blocks.filter((block) => block.kind !== 'line' || block.content.length > 0);
  let html = '';
  for (const [at, block] of shown.entries()) {
    // Lists already start and end with a line break.
    const follows = at > 0 && block.kind === 'line' && shown[at - 1]?.kind === 'line';
    html += `${follows ? '<br>' : ''}${blockHtml(block)}`;
  }
  return { body: shown.map(blockText).join('\n'), html };
}
