import * as fc from 'fast-check';
import { Parser } from 'htmlparser2';
import { expect, test } from 'vitest';

import { html } from '../../src/web/view/html.ts';

test('a template without values is what it says', () => {
  expect(html`<p>a &amp; b</p>`.toString()).toBe('<p>a &amp; b</p>');
});

test('strings are escaped, markup and lists of it are not, and what is absent leaves nothing', () => {
  const quotes = `"x" & 'y'`;
  const items = ['<a>', 'b'].map((item) => html`<li>${item}</li>`);
  const list = html`<ul title="${quotes}">
    ${items}
  </ul>`;
  expect(list.toString().replaceAll(/\s*\n\s*/gu, '')).toBe(
    '<ul title="&quot;x&quot; &amp; &#39;y&#39;"><li>&lt;a&gt;</li><li>b</li></ul>',
  );
  expect(html`<i>${[undefined, null, false, 0]}</i>`.toString()).toBe('<i>0</i>');
});

test('an object that only looks like markup is text', () => {
  const lookalike = { toString: () => '<script>' };
  expect(html`${lookalike as never}`.toString()).not.toContain('<script>');
});

test('text that could reorder or hide a part of the page shows it', () => {
  expect(html`${'a\u202Eb\u200Bc\u0000'}`.toString()).toBe('a⟨U+202E⟩b⟨U+200B⟩c⟨U+0000⟩');
});

test('no string adds an element or an attribute', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '<script>',
      '"',
      "'",
      '>',
      '</p>',
      ' onload=x',
      '<!--',
      ']]>',
      '&quot;',
      '\u2028',
    ),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
      const text = parts.join('');
      const seen: unknown[] = [];
      const parser = new Parser({ onopentag: (name, attributes) => seen.push([name, attributes]) });
      parser.end(html`<p title="${text}">${text}</p>`.toString());
      expect(seen).toEqual([['p', { title: expect.any(String) as string }]]);
    }),
  );
});
