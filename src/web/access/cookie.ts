import type { IncomingMessage } from 'node:http';

import { maxSessionMs } from './sessions.ts';

/** Browsers accept the prefix only from the host itself, over https: no other host can set such a cookie. */
const nameOf = (isSecure: boolean) => (isSecure ? '__Host-lawspeaker' : 'lawspeaker');

const attributes = (isSecure: boolean) =>
  `Path=/; HttpOnly; SameSite=Strict${isSecure ? '; Secure' : ''}`;

/** The cookie that holds the token of a session. */
export function sessionCookie(token: string, isSecure: boolean): string {
  return `${nameOf(isSecure)}=${token}; ${attributes(isSecure)}; Max-Age=${maxSessionMs / 1000}`;
}

/** Makes the browser forget it. */
export function noCookie(isSecure: boolean): string {
  return `${nameOf(isSecure)}=; ${attributes(isSecure)}; Max-Age=0`;
}

/** The token in the cookie of a request. */
export function cookieOf(
  { headers }: Pick<IncomingMessage, 'headers'>,
  isSecure: boolean,
): string | undefined {
  const name = nameOf(isSecure);
  return (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1);
}
