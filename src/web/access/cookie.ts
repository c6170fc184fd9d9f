import type { IncomingMessage } from 'node:http';

import { maxSessionMs } from './sessions.ts';

/**
 * Over https, browsers accept the prefix only from the host itself: no other host can set such a cookie. Otherwise
 * the page is on this machine, where all ports share their cookies: the name tells those of two bots apart.
 */
function nameOf(origin: string): string {
  const { protocol, port } = new URL(origin);
  return protocol === 'https:' ? '__Host-lawspeaker' : `lawspeaker-${port || '80'}`;
}

const attributes = (origin: string) =>
  `Path=/; HttpOnly; SameSite=Strict${origin.startsWith('https:') ? '; Secure' : ''}`;

/** The cookie that holds the token of a session. */
export function sessionCookie(token: string, origin: string): string {
  return `${nameOf(origin)}=${token}; ${attributes(origin)}; Max-Age=${maxSessionMs / 1000}`;
}

/** Makes the browser forget it. */
export function noCookie(origin: string): string {
  return `${nameOf(origin)}=; ${attributes(origin)}; Max-Age=0`;
}

/** The token in the cookie of a request. */
export function cookieOf(
  { headers }: Pick<IncomingMessage, 'headers'>,
  origin: string,
): string | undefined {
  const name = nameOf(origin);
  return (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}
