import { createHash } from 'node:crypto';

import { style } from './style.ts';

/** A file that pages need. Its address changes with its content, so browsers may keep it. */
export interface File {
  readonly contentType: string;
  readonly content: string;
}

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#3f4fb5"/><path d="M11 7v18h11" fill="none" stroke="#fff" stroke-width="4"/></svg>`;

const versioned = (name: string, content: string, extension: string) =>
  `/${name}.${createHash('sha256').update(content).digest('hex').slice(0, 12)}.${extension}`;

export const stylePath = versioned('style', style, 'css');
export const iconPath = versioned('icon', icon, 'svg');

/** By path. */
export const files: ReadonlyMap<string, File> = new Map([
  [stylePath, { contentType: 'text/css; charset=utf-8', content: style }],
  [iconPath, { contentType: 'image/svg+xml', content: icon }],
]);
