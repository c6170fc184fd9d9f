import { Tokenizer } from 'htmlparser2';

const breaksLine = /^(?:br|p|div|li|tr|td|th|blockquote|pre|h[1-6])$/iu;
const toMatrix = /^(?:https:\/\/matrix\.to\/|matrix:)/iu;

/**
 * The text that people see of a formatted body. The address of a link follows in parentheses, unless
 * the text shows it or it leads to Matrix. The time needed is proportional to the length, whatever the
 * input: nesting is not tracked.
 */
export function formattedText(html: string): string {
  const source = withoutQuotedMessage(html);
  let text = '';
  let tag = '';
  let attribute = '';
  let href = '';
  let linkAt = 0;
  const ignore = () => undefined;
  const piece = (start: number, end: number) => source.slice(start, end);

  const closeLink = () => {
    if (href !== '' && !toMatrix.test(href) && !text.slice(linkAt).includes(href)) {
      text += ` (${href})`;
    }
    href = '';
  };
  const breakLine = () => {
    text += breaksLine.test(tag) ? '\n' : '';
  };
  const tokenizer = new Tokenizer(
    { decodeEntities: true },
    {
      ontext: (start, end) => {
        text += piece(start, end);
      },
      ontextentity: (codepoint) => {
        text += String.fromCodePoint(codepoint);
      },
      onopentagname: (start, end) => {
        tag = piece(start, end);
        breakLine();
        if (tag.toLowerCase() === 'a') {
          closeLink();
          linkAt = text.length;
        }
      },
      onattribname: (start, end) => {
        attribute = `${tag} ${piece(start, end)}`.toLowerCase();
      },
      onattribdata: (start, end) => {
        href += attribute === 'a href' ? piece(start, end) : '';
      },
      onattribentity: (codepoint) => {
        href += attribute === 'a href' ? String.fromCodePoint(codepoint) : '';
      },
      onclosetag: (start, end) => {
        tag = piece(start, end);
        breakLine();
        if (tag.toLowerCase() === 'a') {
          closeLink();
        }
      },
      onattribend: ignore,
      oncdata: ignore,
      oncomment: ignore,
      ondeclaration: ignore,
      onend: ignore,
      onopentagend: ignore,
      onprocessinginstruction: ignore,
      onselfclosingtag: ignore,
    },
  );
  tokenizer.write(source);
  tokenizer.end();
  closeLink();
  return text.trim().toWellFormed();
}

/** Clients don't show the message that a reply quotes. */
function withoutQuotedMessage(html: string): string {
  const end = '</mx-reply>';
  const at = html.startsWith('<mx-reply>') ? html.indexOf(end) : -1;
  return at === -1 ? html : html.slice(at + end.length);
}
