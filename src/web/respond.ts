import type { ServerResponse } from 'node:http';

import type { File } from './view/files.ts';

/** Of every response: nothing runs, nothing is loaded from elsewhere, no other page can hold this one. */
const always = {
  'content-security-policy': [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; '),
  'x-frame-options': 'DENY',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex, nofollow',
  // No path is told to anybody: it may be that of a link. Without an origin, no form could say where it comes from.
  'referrer-policy': 'strict-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
} as const;

const never = { 'cache-control': 'no-store' } as const;
/** The address changes with the content. */
const long = { 'cache-control': 'public, max-age=31536000, immutable' } as const;

/** Sends a page. */
export function send(response: ServerResponse, status: number, document: string): void {
  answer(response, status, { ...never, 'content-type': 'text/html; charset=utf-8' }, document);
}

export function sendFile(response: ServerResponse, { contentType, content }: File): void {
  answer(response, 200, { ...long, 'content-type': contentType }, content);
}

/** Sends the browser to another page, and sets a cookie. */
export function redirect(response: ServerResponse, to: string, cookie: string): void {
  answer(response, 303, { ...never, location: to, 'set-cookie': cookie }, '');
}

function answer(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  if (response.headersSent || response.destroyed) {
    return;
  }
  // No request has a body that is read: what somebody sends all the same ends with the connection.
  const { method } = response.req;
  const closing = method === 'GET' || method === 'HEAD' ? {} : { connection: 'close' };
  response.writeHead(status, {
    ...always,
    ...headers,
    ...closing,
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
