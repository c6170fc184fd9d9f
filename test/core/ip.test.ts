import { expect, it } from 'vitest';

import { isInternal, networkOf, readNetworks } from '../../src/core/ip.ts';

it('an IPv4 address stands for itself, an IPv6 address for its /64', () => {
  expect(networkOf('203.0.113.7')).toBe('203.0.113.7');
  expect(networkOf('::ffff:203.0.113.7')).toBe('203.0.113.7');
  expect(networkOf('2001:db8:0:1:aaaa::9')).toBe('2001:db8:0:1::/64');
  expect(networkOf('2001:0db8::9')).toBe('2001:db8:0:0::/64');
  expect(networkOf('::1')).toBe('0:0:0:0::/64');
  for (const other of ['', 'nonsense', '203.0.113', 'fe80::1%eth0', '-']) {
    expect(networkOf(other)).toBeUndefined();
  }
});

it('the network of an address contains it', () => {
  for (const address of ['203.0.113.7', '2001:db8:0:1:aaaa::9', '::1', 'ffff::']) {
    expect(readNetworks([networkOf(address) ?? ''])?.(address)).toBe(true);
  }
});

it('addresses and networks are read', () => {
  const isIn = readNetworks(['203.0.113.0/24', '2001:db8:1:2::/64', '198.51.100.7']);
  expect(['203.0.113.255', '2001:db8:1:2::9', '198.51.100.7'].map((one) => isIn?.(one))).toEqual([
    true,
    true,
    true,
  ]);
  expect(
    ['203.0.114.1', '2001:db8:1:3::9', '198.51.100.8', 'nonsense'].map((one) => isIn?.(one)),
  ).toEqual([false, false, false, false]);
  for (const wrong of [
    '',
    'x',
    '203.0.113',
    '203.0.113.0/33',
    '::/129',
    '::/',
    '1.1.1.1/8/8',
    'fe80::1%eth0',
  ]) {
    expect(readNetworks([wrong])).toBeUndefined();
  }
});

it('addresses of the server and of its network are internal', () => {
  for (const address of [
    '127.0.0.1',
    '::ffff:10.1.2.3',
    '172.31.0.1',
    '::1',
    'fd00::1',
    'fe80::1',
  ]) {
    expect(isInternal(address)).toBe(true);
  }
  for (const address of ['172.32.0.1', '203.0.113.7', '2001:db8::1', 'nonsense', '']) {
    expect(isInternal(address)).toBe(false);
  }
});
