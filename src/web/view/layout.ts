import type { Viewer } from '../access/viewer.ts';
import { address, code, link } from './components.ts';
import { iconPath, stylePath } from './files.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';

/** A page without what all pages share. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Default: 200. */
  readonly status?: number;
}

interface Section {
  readonly path: string;
  readonly title: string;
  /** The command that asks for the same in the room: whoever may use it may see this. */
  readonly command: string | undefined;
}

const sections: readonly Section[] = [
  { path: '/', title: 'Overview', command: undefined },
  { path: '/reports', title: 'Reports', command: 'reports' },
  { path: '/operations', title: 'Operations', command: 'jobs' },
  { path: '/audit', title: 'Audit log', command: 'audit' },
];

/** The whole document. */
export function layout(
  { title, body, status }: Page,
  visit?: { readonly viewer: Viewer; readonly path: string; readonly at: string },
): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${status === 400 && 'Error: '}${title} · Lawspeaker</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex, nofollow" />
        <meta name="format-detection" content="telephone=no, email=no, address=no" />
        <link rel="icon" href="${iconPath}" type="image/svg+xml" />
        <link rel="stylesheet" href="${stylePath}" />
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        ${visit === undefined ? html`<header><p class="name">Lawspeaker</p></header>` : header(visit)}
        <main id="main" tabindex="-1">
          <h1>${title}</h1>
          ${body}
        </main>
        <footer>
          ${
            visit === undefined
              ? 'Read-only page of a moderation bot.'
              : html`<p>
                    Read-only. As of ${visit.at}. To act, use the commands in the management room.
                  </p>
                  <form method="post" action="/logout/everywhere">
                    <button type="submit">Log out everywhere</button>
                  </form>`
          }
        </footer>
      </body>
    </html> `.toString();
}

function header({ viewer, path }: { readonly viewer: Viewer; readonly path: string }): Html {
  const shown = sections.filter(({ command }) => command === undefined || viewer.may(command));
  return html`<header>
    <p class="name">${link('/', 'Lawspeaker')}</p>
    <nav aria-label="Sections">
      <ul>
        ${shown.map(
          (section) =>
            html`<li>
              <a
                href="${address(section.path)}"
                ${isIn(section, path) && html` aria-current="${path === section.path ? 'page' : 'true'}"`}
                >${section.title}</a
              >
            </li>`,
        )}
      </ul>
    </nav>
    <div class="visitor">
      ${code(viewer.user)} <span class="role">${viewer.role}</span>
      <form method="post" action="/logout"><button type="submit">Log out</button></form>
    </div>
  </header>`;
}

function isIn(section: Section, path: string): boolean {
  return path === section.path || (section.path !== '/' && path.startsWith(`${section.path}/`));
}
