/** Inline Markdown, in the order in which it is looked for: code first, since it holds none. */
const inline =
  /`(?<code>[^`]+)`|\[(?<label>[^\]]+)\]\((?<address>https?:\/\/[^\s()<>"]+)\)|\*\*(?<bold>[^*]+)\*\*|(?<![\p{L}\p{N}])(?:\*(?<italic>[^*]+)\*|_(?<italic2>[^_]+)_)(?![\p{L}\p{N}])/gu;

/**
 * A text in Markdown as a Matrix message: bold, italics, code and links. Other Markdown, and HTML, stay as
 * they were typed.
 */
export function noticeText(text: string): {
  readonly body: string;
  readonly formattedBody: string;
} {
  return { body: text, formattedBody: toHtml(text) };
}

function toHtml(text: string): string {
  let html = '';
  let end = 0;
  for (const match of text.matchAll(inline)) {
    const { code, label, address, bold, italic, italic2 } = match.groups ?? {};
    html += escaped(text.slice(end, match.index));
    end = match.index + match[0].length;
    if (code !== undefined) {
      html += `<code>${escaped(code)}</code>`;
    } else if (label !== undefined && address !== undefined) {
      html += `<a href="${escaped(address)}">${escaped(label)}</a>`;
    } else if (bold !== undefined) {
      html += `<strong>${toHtml(bold)}</strong>`;
    } else {
      html += `<em>${toHtml(italic ?? italic2 ?? '')}</em>`;
    }
  }
  return html + escaped(text.slice(end));
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"]/gu, (character) => entities[character] ?? '');
}
