import * as fc from 'fast-check';
import { Parser } from 'htmlparser2';
import { describe, expect, test } from 'vitest';

import { bold, code, line, link } from '../../../src/chat/answers/answer.ts';
import type { Answer, Block, Content, Inline } from '../../../src/chat/answers/answer.ts';
import { visible, withoutSchemes } from '../../../src/chat/answers/untrusted-text.ts';
import { matrixToLink } from '../../../src/chat/reading/values.ts';
import { escapeHtml, render } from '../../../src/matrix/delivery/content.ts';

const allowed = new Set(['strong', 'code', 'br', 'ul', 'li', 'a']);

/** What a client would show: tags that open, and the text between them. */
function parsed(html: string): { tags: string[]; attributes: string[]; text: string } {
  const tags: string[] = [];
  const attributes: string[] = [];
  let text = '';
  const parser = new Parser({
    onopentag(name, its) {
      tags.push(name);
      attributes.push(...Object.keys(its));
      text += ['br', 'li', 'ul'].includes(name) ? '\n' : '';
    },
    ontext: (data) => {
      text += data;
    },
    onclosetag: (name) => {
      text += ['ul', 'summary'].includes(name) ? '\n' : '';
    },
    oncomment: () => tags.push('comment'),
    onprocessinginstruction: () => tags.push('instruction'),
  });
  parser.end(html);
  return { tags, attributes, text };
}

/** The words, without what lays them out. */
const words = (text: string) =>
  text.split(/[\s]+/u).filter((word) => word !== '' && word !== '-' && word !== '·');
const breakable = (text: string) => text.replaceAll('\u00A0', ' ');

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({
    unit: fc.constantFrom(
      ...Array.from(`<>&"'/=a \n\r\t\0\u202E\u2066\u200B\u200D😀\uFEFF\u2028\`*_#`),
    ),
  }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '</code></strong><img src=x onerror=alert(1)>',
    '&lt;b&gt;',
    '&#60;b&#62;',
    '<!-- ',
    ']]>',
    '<a href="https://matrix.to/#/@room:x">',
    '"><mx-reply>',
    '<?php',
  ),
);
const inline: fc.Arbitrary<Inline> = fc.oneof(
  hostile,
  hostile.map((text) => code(text)),
  fc.array(hostile, { maxLength: 3 }).map((texts) => bold(...texts, code('x'))),
);
const content: fc.Arbitrary<Content> = fc.array(inline, { maxLength: 4 });
const block: fc.Arbitrary<Block> = fc.oneof(
  content.map((its) => line(...its)),
  fc.array(content, { maxLength: 4 }).map((items) => ({ kind: 'list' as const, items })),
  fc
    .tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.array(content, { maxLength: 3 }), { maxLength: 3 }),
    )
    .map(([columns, rows]) => ({
      kind: 'table' as const,
      // Only the plain text has titles.
      columns: Array.from({ length: columns }, () => ({ title: '' })),
      rows: rows.map((row) => row.slice(0, columns)),
    })),
);
const answer: fc.Arbitrary<Answer> = fc.record({
  mark: fc.constantFrom('✅', '⏳', '❌', '⚠️', 'ℹ️'),
  title: content,
  body: fc.array(block, { maxLength: 4 }),
  next: fc.array(hostile, { maxLength: 3 }),
});

describe('whatever users wrote', () => {
  test('no tag but ours is there, and none has attributes', () => {
    fc.assert(
      fc.property(answer, (its) => {
        const { tags, attributes } = parsed(render(its, '!').html);
        expect(tags.filter((tag) => !allowed.has(tag))).toEqual([]);
        expect(attributes).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  test('it is shown as it is, made visible', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const [plain, verbatim] = [withoutSchemes(visible(text)), visible(text)];
        for (const [its, shown] of [
          [text, plain],
          [bold(text), plain],
          [code(text), verbatim],
          [bold('', bold(code(text))), verbatim],
        ] as const) {
          const { body, html } = render({ mark: '✅', title: [its] }, '!');
          expect(breakable(parsed(html).text)).toBe(breakable(`✅ ${shown}`));
          expect(body).toBe(`✅ ${shown}`);
        }
        expect(parsed(escapeHtml(text.toWellFormed())).text).toBe(text.toWellFormed());
      }),
      { numRuns: 1000 },
    );
  });

  test('body and HTML say the same', () => {
    fc.assert(
      fc.property(answer, (its) => {
        const { body, html } = render(its, '!');
        expect(words(parsed(html).text)).toEqual(words(body));
      }),
      { numRuns: 500 },
    );
  });

  test('one piece of data stays on its line', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(
          render({ mark: '✅', title: [text], body: [line(text)] }, '!').body.split(
            /[\n\r\u2028\u2029\v\f\u0085]/u,
          ),
        ).toHaveLength(2);
      }),
    );
  });
});

describe('visible', () => {
  test.each([
    ['a\nb', 'a␤b'],
    ['a\tb', 'a⟨U+0009⟩b'],
    ['a\0b', 'a⟨U+0000⟩b'],
    ['a\u0085b', 'a⟨U+0085⟩b'],
    ['a\u2028b', 'a⟨U+2028⟩b'],
    ['\u202Egpj.exe', '⟨U+202E⟩gpj.exe'],
    ['\u2066a\u2069', '⟨U+2066⟩a⟨U+2069⟩'],
    ['\u200Fa\u061C', '⟨U+200F⟩a⟨U+061C⟩'],
    ['ad\u200Bmin', 'ad⟨U+200B⟩min'],
    ['ad\u200Cmin', 'ad⟨U+200C⟩min'],
    ['ad\u200Dmin', 'ad⟨U+200D⟩min'],
    ['ad\u2060min', 'ad⟨U+2060⟩min'],
    ['ad\u00ADmin', 'ad⟨U+00AD⟩min'],
    ['ad\uFEFFmin', 'ad⟨U+FEFF⟩min'],
    ['\u3164', '⟨U+3164⟩'],
    ['a\u{E0041}', 'a⟨U+E0041⟩'],
    ['a\uD800b', 'a\uFFFDb'],
    ['\uDC00', '\uFFFD'],
    // What belongs to how people write.
    ['👩‍👩‍👧', '👩‍👩‍👧'],
    ['👩🏽‍🚀', '👩🏽‍🚀'],
    ['🏳️‍🌈', '🏳️‍🌈'],
    ['❤️', '❤️'],
    ['Zoë שלום 日本', 'Zoë שלום 日本'],
    ['e\u0301', 'e\u0301'],
  ])('%j is shown as %j', (text, expected) => {
    expect(visible(text)).toBe(expected);
  });

  test('is well-formed and has nothing to hide', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(visible(text).isWellFormed()).toBe(true);
        expect(visible(text)).not.toMatch(
          /[\p{Cc}\u200B\u200C\u200E\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/u,
        );
        expect(visible(visible(text))).toBe(visible(text));
      }),
    );
  });
});

test.each([
  ['@mal lory:localhost', '@mal␠lory:localhost'],
  ['@mal\u00A0lory\u200B:localhost', '@mal⟨U+00A0⟩lory⟨U+200B⟩:localhost'],
  ['#lob by:localhost', '#lob␠by:localhost'],
  // What is not an ID has its blanks.
  ['!user mallory --all', '!user mallory --all'],
])('the blanks of the ID %j are shown', (text, shown) => {
  const { body, html } = render({ mark: 'ℹ️', title: [code(text)] }, '!');
  expect(body).toBe(`ℹ️ ${shown}`);
  expect(html).toBe(`ℹ️\u00A0<code>${shown}</code>`);
});

describe('the form', () => {
  test('lines, lists, tables and what comes next', () => {
    const { body, html } = render(
      {
        mark: 'ℹ️',
        title: [bold('2 accounts'), ' shown'],
        body: [
          line('a ', code('b')),
          line(),
          line('Message: ', link('open it', matrixToLink('!r:x', '$e&"'))),
          { kind: 'list', items: [['one'], [bold('two')]] },
          {
            kind: 'table',
            columns: [{ title: 'Name' }, { title: 'Files', align: 'right' }],
            rows: [
              [[code('@日本:x')], ['7']],
              [['b'], ['1,204']],
            ],
          },
        ],
        next: ['user a', 'more'],
      },
      '!',
    );
    expect(body).toBe(
      [
        'ℹ️ 2 accounts shown',
        'a b',
        'Message: https://matrix.to/#/!r%3Ax/%24e%26%22',
        '- one',
        '- two',
        'Name     Files',
        '@日本:x      7',
        'b        1,204',
        'Next: !user a · !more',
      ].join('\n'),
    );
    expect(html).toBe(
      'ℹ️\u00A0<strong>2\u00A0accounts</strong> shown<br>a <code>b</code><br>' +
        'Message: <a href="https://matrix.to/#/!r%3Ax/%24e%26%22">open it</a>' +
        '<ul><li>one</li><li><strong>two</strong></li></ul>' +
        '<ul><li><code>@日本:x</code>\u00A0· 7</li><li>b\u00A0· 1,204</li></ul>' +
        'Next: <code>!user a</code>\u00A0· <code>!more</code>',
    );
  });

  test.each([
    ['12 rooms · 3 devices', '12_rooms_· 3_devices'],
    ['🔨 deactivate · 👩🏽‍🚀 launch', '🔨_deactivate_· 👩🏽‍🚀_launch'],
    ['✅ or !confirm 7K3Q · ❌ or !cancel', '✅_or_!confirm 7K3Q_· ❌_or_!cancel'],
    ['seen 3 days ago (2026-11-18 09:12 UTC)', 'seen 3_days ago (2026‑11‑18_09:12_UTC)'],
    ['reason: spam, audit #7', 'reason: spam, audit_#7'],
  ])('the lines of %j break at none of %j', (text, held) => {
    const { body, html } = render({ mark: '✅', title: [text] }, '!');
    expect(html.replaceAll('\u00A0', '_')).toBe(`✅_${held}`);
    expect(body).toBe(`✅ ${text}`);
  });

  test('a huge answer is rendered', () => {
    const rows = Array.from({ length: 5000 }, (_, at) => [
      [code(`@user${at}:x`)],
      ['x'.repeat(50)],
    ]);
    const startedAt = performance.now();
    render(
      {
        mark: 'ℹ️',
        title: [],
        body: [{ kind: 'table', columns: [{ title: 'a' }, { title: 'b' }], rows }],
      },
      '!',
    );
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });
});
