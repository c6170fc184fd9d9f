import { BlockList, isIP, isIPv4 } from 'node:net';

/** Bits of an IPv6 address that belong to one customer: the rest changes from device to device. */
const customerBits = 64;

/** Loopback, private and link-local networks. Source: RFC 6890. */
const internalNetworks = [
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  '::1',
  'fc00::/7',
  'fe80::/10',
];

/** Whether an address belongs to the server itself or to the network that it is in, such as that of a proxy. */
export function isInternal(address: string): boolean {
  return isInInternalNetworks?.(mappedIn(address) ?? address) === true;
}

/** Whether only programs on this machine can reach a host. An IPv6 address may have brackets. */
export function isLoopback(host: string): boolean {
  return (
    host === 'localhost' ||
    host === '::1' ||
    host === '[::1]' ||
    (isIPv4(host) && host.startsWith('127.'))
  );
}

/**
 * The network that an IP address stands for: an IPv4 address itself, and the /64 of an IPv6 address, since one
 * customer has at least that. Undefined if it is not an IP address.
 */
export function networkOf(address: string): string | undefined {
  const plain = mappedIn(address) ?? address;
  if (isIPv4(plain)) {
    return plain;
  }
  if (isIP(plain) === 0 || plain.includes('%')) {
    return undefined;
  }
  const groups = groupsOf(plain);
  return `${groups.slice(0, customerBits / 16).join(':')}::/${customerBits}`;
}

/** The IPv4 address that an IPv6 address stands for: `::ffff:203.0.113.7`. */
function mappedIn(address: string): string | undefined {
  return /^::ffff:(?<v4>[\d.]+)$/iu.exec(address)?.groups?.['v4'];
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  // The URL parser writes addresses in one way only.
  const written = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [front = '', back] = written.split('::');
  const before = front === '' ? [] : front.split(':');
  const after = back === undefined || back === '' ? [] : back.split(':');
  return [
    ...before,
    ...Array.from({ length: 8 - before.length - after.length }, () => '0'),
    ...after,
  ];
}

/**
 * Reads IP addresses and networks in CIDR notation.
 *
 * @returns whether an address is one of them; undefined if a word is neither
 */
export function readNetworks(words: readonly string[]): ((address: string) => boolean) | undefined {
  const list = new BlockList();
  for (const word of words) {
    const [address = '', bits, more] = word.split('/');
    const version = isIP(address);
    if (version === 0 || address.includes('%') || more !== undefined) {
      return undefined;
    }
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (bits === undefined) {
      list.addAddress(address, family);
      continue;
    }
    if (!/^\d{1,3}$/u.test(bits) || Number(bits) > (version === 4 ? 32 : 128)) {
      return undefined;
    }
    list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}

const isInInternalNetworks = readNetworks(internalNetworks);
