import assert from 'node:assert/strict';

/** The tags that answers are made of. A spoiler hides its text, and a link opens nothing but a client. */
const tags =
  /<\/?(?:strong|code|ul|li|details|summary)>|<a href="https:\/\/matrix\.to\/#\/[^<>"\s]*">|<\/a>|<span data-mx-spoiler>|<\/span>|<br>|&(?:amp|lt|gt|quot|#39);/gu;

/** Controls, bidi controls, tags, and what has no form; `\n` parts the lines of a body. */
const obeyed =
  /[\p{Cc}\u061C\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF\u{E0000}-\u{E007F}]/u;

/** What Synapse takes as one event, less what it adds itself. */
const maxBytes = 64_000;

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Throws where an event's content could do more in a client than be read. */
export function assertSafe(content: Readonly<Record<string, unknown>>): void {
  const json = JSON.stringify(content);
  assert.ok(Buffer.byteLength(json) <= maxBytes, 'the event is too large');
  assert.ok(json.isWellFormed() && !/\\ud[89a-f]/iu.test(json), 'half a surrogate pair');
  const messages = [content, content['m.new_content'] ?? {}] as Readonly<Record<string, unknown>>[];
  for (const message of messages) {
    const body = textOf(message['body']);
    assert.ok(!obeyed.test(body.replaceAll('\n', '')), `obeyed in the body: ${body}`);
    const html = textOf(message['formatted_body']);
    assert.ok(!obeyed.test(html), `obeyed in the HTML: ${html}`);
    const text = html.replaceAll(tags, '');
    assert.ok(!/[<>&"']/u.test(text), `not escaped: ${html}`);
    assert.ok(isBalanced(html), `not closed: ${html}`);
  }
  assert.ok(noFractions(content), 'a number that events can’t hold');
}

function isBalanced(html: string): boolean {
  const open: string[] = [];
  for (const [, end, name = ''] of html.matchAll(/<(\/?)([a-z]+)(?: [^>]*)?>/gu)) {
    if (end === '/') {
      if (open.pop() !== name) {
        return false;
      }
    } else if (name !== 'br') {
      open.push(name);
    }
  }
  return open.length === 0;
}

function noFractions(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) {
    return Object.values(value).every(noFractions);
  }
  return typeof value !== 'number' || Number.isSafeInteger(value);
}
