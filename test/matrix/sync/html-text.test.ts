import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { tokenize } from '../../../src/chat/reading/tokenize.ts';
import {
  readFormatted,
  saysWhatIsShown,
  withPillsIn,
  withoutReplyFallback,
} from '../../../src/matrix/sync/html-text.ts';

const link = (target: string, text: string) =>
  `<a href="https://matrix.to/#/${target}">${text}</a>`;

/** The text as it is carried out, if HTML with pills decides it. */
const textWithPills = (html: string) => {
  const { text, pills } = readFormatted(html);
  return pills.length === 0 ? undefined : text;
};

describe('formatted text', () => {
  test.each([
    // Element: the plain body has `!user Mallory`.
    [`!user ${link('@mallory:x', 'Mallory')}`, '!user @mallory:x'],
    [`!user ${link('%40mallory%3Ax', 'Mallory')}`, '!user @mallory:x'],
    [`!user <a href="matrix:u/mallory:x">Mallory</a>`, '!user @mallory:x'],
    [`!room ${link('#lobby:x', 'Lobby')}`, '!room #lobby:x'],
    [`!room ${link('!abc:x?via=x&amp;via=y.org', 'Lobby')}`, '!room !abc:x'],
    [`!user ${link('@a:x', 'A &amp; <b>B</b>')} ${link('@b:x', '@b')}`, '!user @a:x @b:x'],
    ['!user <a href="https://chat.example.org/#/user/@mallory:x">bob</a>', '!user @mallory:x'],
    ['!room <a href="https://chat.example.org/a/#/room/#lobby:x">Bob</a>', '!room #lobby:x'],
    [`!user ${link('@mallory:x', 'bob --for=30d')}`, '!user @mallory:x'],
    [`!user ${link('@mallory:x', '@mallory:x')}`, '!user @mallory:x'],
    [
      '!quarantine <a href="https://hs.x/_matrix/client/v1/media/download/x/abc">cat.png</a>',
      '!quarantine mxc://x/abc',
    ],
    [`<p>!user ${link('@a:x', 'A')}</p>`, '!user @a:x'],
    [`!user<br>${link('@a:x', 'A')}<br/>b`, '!user\n@a:x\nb'],
    [`!user&nbsp;${link('@a:x', 'A')} &lt;&#34;&gt;`, '!user\u00A0@a:x <">'],
    [`!users ${link('@a:x', '<i>A<br>B</i>')} b`, '!users @a:x b'],
    [
      `<mx-reply><blockquote>${link('@q:x', 'Q')}</blockquote></mx-reply>!user ${link('@a:x', 'A')}`,
      '!user @a:x',
    ],
    [`<mx-reply><p>a<br><img>b</p></mx-reply>!user ${link('@a:x', 'A')}`, '!user @a:x'],
    [
      `!x ${link('@a:x', 'A')} <a href="https://example.com/">example.com</a>`,
      '!x @a:x example.com',
    ],
  ])('%s', (html, expected) => {
    expect(textWithPills(html)?.replaceAll(/\n+/g, '\n')).toBe(expected);
  });

  test.each([
    [link('@mallory:x', '@bob:x'), '“@bob:x” is a link to `@mallory:x`.'],
    [link('@mallory:x', 'https://matrix.to/#/@bob:x'), 'is a link to `@mallory:x`'],
    [link('!a:x', '#lobby:x'), '“#lobby:x” is a link to `!a:x`'],
    [link('!a:x/$e', 'https://matrix.to/#/!a:x/$f'), 'is a link to'],
    ['<a href="https://chat.example.org/@mallory:x">bob</a>', '“bob” is a link to'],
    ['<a href="https://chat.example.org/#/room/@mallory:x">bob</a>', '“bob” is a link to'],
    [link('garbage', 'bob --for=30d'), '“bob --for=30d” is a link to'],
    ['<a href="https://evil.example/">https://example.com/</a>', 'is a link to'],
    ['<a href="https://example.com"><img alt="bob"></a>', 'is a link to'],
    [`<a href="https://x"><a href="https://matrix.to/#/@a:x">A</a></a>`, 'not closed'],
    [`<a href="https://x"><b><a href="https://matrix.to/#/@a:x">A</a></b></a>`, 'link'],
    [`!user <a href="https://matrix.to/#/@a:x">A --dry-run`, 'not closed'],
    ...[
      '@mallory:x\u200B',
      '(@mallory:x)',
      '“@mallory:x”',
      '@mallory:x,',
      '@mallory:x/',
      '@mallory:x y',
      '\u202A@mallory:x\u202C',
      '＠mallory：x',
    ].map((label): [string, string] => [link('@bob:x', label), 'is a link to `@bob:x`']),
    ['<script>bob</script>', 'clients show differently'],
    ['<div>'.repeat(200), 'nested too deep'],
  ])('%s is in doubt', (html, why) => {
    expect(readFormatted(`!suspend ${html}`).doubt).toContain(why);
  });

  test.each([
    '<b>!user</b> mallory',
    '<a href="https://example.com/a">https://example.com/a</a>',
    '<a href="https://example.com">example.com/</a>',
    '<a href="mailto:a@example.com">a@example.com</a>',
    '<a name="x">bob</a>',
    '<a href="">bob</a>',
    `<mx-reply>${link('@mallory:x', '@bob:x')}<a href="https://x">y</a></mx-reply>!user a`,
    link('@mallory:x', 'bob'),
  ])('%s is in no doubt', (html) => {
    expect(readFormatted(html).doubt).toBeUndefined();
  });

  test.each([
    ['!users --name *a_b* --reason _why_', '!users --name a_b —reason why', true],
    ['!suspend @a-b:x', '!suspend @ab:x', false],
    ['!suspend @a_b:x', '!suspend @ab:x', false],
    ['!shadow-ban @a:x --for 1h', '!shadow-ban @a:x for 1h', false],
    ['!suspend a=b', '!suspend ab', false],
    ['!suspend `@a:x` --reason "it’s"', '!suspend @a:x —reason “it’s”', true],
    ['!suspend @a:x', '!suspend\n@a:x', true],
    ['!suspend bob', '!suspend mallory', false],
    ['!suspend bob', '!suspend @bob', false],
    ['!suspend a.b', '!suspend ab', false],
    ['!suspend a', '!suspend', false],
  ])('%j and %j', (plain, formatted, same) => {
    expect(saysWhatIsShown(plain, { text: formatted, listed: formatted })).toBe(same);
  });

  const items = (...texts: string[]) => texts.map((text) => `<li>${text}</li>`).join('\n');

  test.each([
    ['a\n- b\n- c', `<p>a</p><ul>${items('b', 'c')}</ul>`, true],
    ['a\n* b\n+ c', `<p>a</p><ul>${items('b', 'c')}</ul>`, true],
    ['a\n7. b\n8) c', `<p>a</p><ol start="7">${items('b', 'c')}</ol>`, true],
    ['1. a\n   - b\n2. c', `<ol>${items(`a<ul>${items('b')}</ul>`, 'c')}</ol>`, true],
    ['a\n\n---\n\nb', '<p>a</p><hr /><p>b</p>', true],
    ['a\n\n* * *\nb\n\n___', '<p>a</p><hr><p>b</p><hr>', true],
    ['a\n\n---\n- b', `<p>a</p><hr>\n<ul>${items('b')}</ul>`, true],
    ['a\n\n---\nb', '<p>a</p><p>b</p>', false],
    // In a list of one kind, the marks of another one mean something else.
    ['a\n5. b', `<p>a</p><ul>${items('b')}</ul>`, false],
    ['a\n--b', `<p>a</p><ul>${items('b')}</ul>`, false],
    ['a\n-b', `<p>a</p><ul>${items('b')}</ul>`, false],
    ['a\n- b', '<p>a</p><p>b</p>', false],
  ])('%j and %s', (plain, html, same) => {
    expect(saysWhatIsShown(plain, readFormatted(html))).toBe(same);
  });

  test.each([
    ['!note Mallory *a*', [['Mallory', '@m:x']], '!note @m:x *a*'],
    ['!note [Mallory](https://matrix.to/#/@m:x) a', [['Mallory', '@m:x']], '!note @m:x a'],
    [
      '!note [A](x) and A',
      [
        ['A', '@a:x'],
        ['A', '@b:x'],
      ],
      '!note @a:x and @b:x',
    ],
    ['!note Mallory', [['Bob', '@b:x']], undefined],
    ['!note a', [['', '@b:x']], undefined],
  ] as const)('pills in %j', (body, pills, typed) => {
    expect(
      withPillsIn(
        body,
        pills.map(([label, text]) => ({ label, text })),
      ),
    ).toBe(typed);
  });

  test('a link to a message stays a link, in one word', () => {
    const text = textWithPills(`!report ${link('!r:x/$e?via=x', 'message')}`);
    expect(tokenize(text ?? '').map((token) => token.text)).toEqual([
      '!report',
      'https://matrix.to/#/!r%3Ax/%24e',
    ]);
  });

  test('an odd ID stays one word', () => {
    const text = textWithPills(`!user ${link(encodeURIComponent(`@a"b\\c'd:x`), 'A')} b`);
    expect(tokenize(text ?? '').map((token) => token.text)).toEqual(['!user', `@a"b\\c'd:x`, 'b']);
  });

  test.each([
    '',
    '!user mallory',
    '<b>!user</b> mallory',
    '<a name="@mallory:x">Mallory</a>',
    `<mx-reply>${link('@q:x', 'Q')}</mx-reply>!user a`,
    `<mx-reply>${link('@q:x', 'Q')} never closed`,
  ])('without a pill, the body serves better: %s', (html) => {
    expect(textWithPills(html)).toBeUndefined();
  });

  test('never throws, and keeps what stands around pills', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '<p>',
        '</p>',
        '<a>',
        '</a>',
        '<mx-reply>',
        '</mx-reply>',
        '<br>',
        '<!--',
        '&',
      ),
      fc.constant(link('@a:x', 'A')),
      fc.constant('<a href="https://matrix.to/#/@a:x">'),
    );
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        expect(['string', 'undefined']).toContain(typeof textWithPills(parts.join('')));
      }),
    );
    const plain = fc.string({ unit: fc.constantFrom(...Array.from('abä日😀 .')) });
    fc.assert(
      fc.property(plain, plain, (before, behind) => {
        expect(textWithPills(`${before}${link('@a:x', 'A')}${behind}`)).toBe(
          `${before}@a:x${behind}`.trim(),
        );
      }),
    );
  });

  test('deep and long HTML takes no time', () => {
    const startedAt = performance.now();
    textWithPills('<div>'.repeat(12_000));
    textWithPills(link('@a:x', 'A').repeat(1500));
    textWithPills('<'.repeat(60_000));
    textWithPills('&'.repeat(60_000));
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });
});

describe('withoutReplyFallback', () => {
  test.each([
    ['> <@a:x> hello\n\n!user b', '!user b'],
    ['> <@a:x> !deactivate c\n> more\n\n!user b', '!user b'],
    ['> * <@a:x> !deactivate c\n\n!user b', '!user b'],
    ['> <@a:x> hello\n!user b', '!user b'],
    ['> <@a:x> !user b', ''],
    ['> <@a:x> a\n\n!user b\n> c', '!user b\n> c'],
    ['!user b', '!user b'],
    ['> quoted by hand\n\n!user b', '> quoted by hand\n\n!user b'],
    ['', ''],
  ])('%j', (body, expected) => {
    expect(withoutReplyFallback(body)).toBe(expected);
  });
});
