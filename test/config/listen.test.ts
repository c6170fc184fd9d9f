import { describe, expect, test } from 'vitest';

import { listenAddress, writeListenAddress } from '../../src/config/listen.ts';

describe('http.listen', () => {
  test.each([
    ['127.0.0.1:9090', { host: '127.0.0.1', port: 9090 }],
    ['0.0.0.0:1', { host: '0.0.0.0', port: 1 }],
    ['localhost:65535', { host: 'localhost', port: 65_535 }],
    ['bot-1.internal:80', { host: 'bot-1.internal', port: 80 }],
    ['[::1]:9090', { host: '::1', port: 9090 }],
    ['[::]:9090', { host: '::', port: 9090 }],
  ])('%s is an address, and is written so', (text, address) => {
    expect(listenAddress.parse(text)).toEqual(address);
    expect(writeListenAddress(address)).toBe(text);
  });

  test('off is none', () => {
    expect(listenAddress.parse('off')).toBe('off');
  });

  test.each([
    '',
    '9090',
    ':9090',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:http',
    '::1:9090',
    '[::1]',
    '[127.0.0.1]:9090',
    '[zz]:9090',
    'http://127.0.0.1:9090',
    '127.0.0.1:9090/metrics',
    '*:9090',
    ' 127.0.0.1:9090',
  ])('%j is none, and it is said how to write one', (text) => {
    const { error } = listenAddress.safeParse(text);
    expect(error?.issues[0]?.message).toContain('127.0.0.1:9090');
  });

  test.each(['127.0.0.1:0', '127.0.0.1:65536', '[::1]:99999'])('%s has no such port', (text) => {
    const { error } = listenAddress.safeParse(text);
    expect(error?.issues[0]?.message).toContain('1 to 65535');
  });
});
