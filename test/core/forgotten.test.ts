import { expect, it } from 'vitest';

import { mentionReplacer } from '../../src/core/forgotten.ts';

const forget = mentionReplacer('@bob:example.com', 'NOBODY');
const json = JSON.stringify;
const encoded = encodeURIComponent('@bob:example.com');

it.each([
  'see @bob:example.com.',
  '--target=@bob:example.com',
  '-@bob:example.com',
  '_@bob:example.com_',
  '@ana:example.com,@bob:example.com',
  'https://matrix.to/#/@bob:example.com?via=x',
  `https://matrix.to/#/${encoded}`,
  `https://matrix.to/#/${encoded.replaceAll('%3A', '%3a')}`,
  encodeURIComponent('https://matrix.to/#/@bob:example.com'),
  'matrix:u/bob:example.com?action=chat',
  json('one\n@bob:example.com'),
  json('one\t@bob:example.com\r\n'),
  json('one\u001F@bob:example.com'),
  json({ content: json({ body: 'one\n@bob:example.com' }) }),
])('finds who is mentioned in %s', (text) => {
  expect(forget(text)).toContain('NOBODY');
  expect(forget(text)).not.toContain('bob');
});

it.each([
  '@bob:example.com.au',
  '@bob:example.community',
  '@bob:example.com:8448',
  encodeURIComponent('@bob:example.com:8448'),
  '@not-bob:example.com',
  '@a=@bob:example.com',
  'mail@bob:example.com',
  'matrix:u/bob:example.com.au',
])('leaves %s alone, which is somebody else', (text) => {
  expect(forget(text)).toBe(text);
});

it('is fast in long texts that seem to name people everywhere', () => {
  const before = performance.now();
  forget('@'.repeat(500_000));
  forget(`@${'a'.repeat(500_000)}@bob:example.com`);
  forget('m_'.repeat(500_000));
  expect(performance.now() - before).toBeLessThan(2000);
});
