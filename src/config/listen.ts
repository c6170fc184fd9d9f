import { isIPv6 } from 'node:net';

import { z } from 'zod';

/** Where a server listens. An IPv6 address has no brackets here. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:9090`, `localhost:9090`, `[::1]:9090` */
const pattern = /^(?:\[(?<address>[^\]]+)\]|(?<name>[A-Za-z0-9.-]+)):(?<port>[0-9]{1,5})$/u;

const form = 'must be off, or host:port such as 127.0.0.1:9090 or "[::1]:9090"';

/** An address to listen on, or `off`. */
export const listenAddress = z.string(form).transform((text, context): ListenAddress | 'off' => {
  if (text === 'off') {
    return text;
  }
  const { address, name, port: digits } = pattern.exec(text)?.groups ?? {};
  const host = address ?? name;
  const port = Number(digits);
  if (host === undefined || (address !== undefined && !isIPv6(address))) {
    context.addIssue({ code: 'custom', message: form });
    return z.NEVER;
  }
  if (port < 1 || port > 65_535) {
    context.addIssue({ code: 'custom', message: 'must have a port from 1 to 65535' });
    return z.NEVER;
  }
  return { host, port };
});

/** The address in the format of the configuration. */
export function writeListenAddress({ host, port }: ListenAddress): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
