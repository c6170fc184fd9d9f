import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { tokenize } from '../../src/command/tokenize.ts';
import { textWithPills, withoutReplyFallback } from '../../src/matrix/html-text.ts';

const link = (target: string, text: string) =>
  `<a href="https://matrix.to/#/${target}">${text}</a>`;

describe('textWithPills', () => {
  test.each([
    // Element: the plain body has `!user Mallory`.
    [`!user ${link('@mallory:x', 'Mallory')}`, '!user @mallory:x'],
    [`!user ${link('%40mallory%3Ax', 'Mallory')}`, '!user @mallory:x'],
    [`!user <a href="matrix:u/mallory:x">Mallory</a>`, '!user @mallory:x'],
    [`!room ${link('#lobby:x', 'Lobby')}`, '!room #lobby:x'],
    [`!room ${link('!abc:x?via=x&amp;via=y.org', 'Lobby')}`, '!room !abc:x'],
    [`!user ${link('@a:x', 'A &amp; <b>B</b>')} ${link('@b:x', '@c:x')}`, '!user @a:x @b:x'],
    [`<p>!user ${link('@a:x', 'A')}</p>`, '!user @a:x'],
    [`!user<br>${link('@a:x', 'A')}<br/>b`, '!user\n@a:x\nb'],
    [`!user&nbsp;${link('@a:x', 'A')} &lt;&#34;&gt;`, '!user\u00A0@a:x <">'],
    [`!users ${link('@a:x', '<i>A<br>B</i>')} b`, '!users @a:x b'],
    [
      `<mx-reply><blockquote>${link('@q:x', 'Q')}</blockquote></mx-reply>!user ${link('@a:x', 'A')}`,
      '!user @a:x',
    ],
    [`<mx-reply><p>a<br><img>b</p></mx-reply>!user ${link('@a:x', 'A')}`, '!user @a:x'],
    [`!x ${link('@a:x', 'A')} <a href="https://example.com">see</a>`, '!x @a:x see'],
  ])('%s', (html, expected) => {
    expect(textWithPills(html)?.replaceAll(/\n+/g, '\n')).toBe(expected);
  });

  test('a link to a message stays a link, in one word', () => {
    const text = textWithPills(`!report ${link('!r:x/$e?via=x', 'message')}`);
    expect(tokenize(text ?? '').map((token) => token.text)).toEqual([
      '!report',
      'https://matrix.to/#/!r:x/$e?via=x',
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
    '<a href="https://example.com/@mallory:x">Mallory</a>',
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
