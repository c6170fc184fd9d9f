import { link } from '../view/components.ts';
import { html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';

/** What somebody sees who has just followed a link. */
export function linkPage(path: string): Page {
  return {
    title: 'Open the page?',
    body: html`<div class="card">
      <p>
        This link shows one person what their role in the management room may see. It works once.
      </p>
      <form method="post" action="${path}">
        <button class="primary large" type="submit">Open</button>
      </form>
      <p class="muted">If you didn’t ask for it yourself, close this window.</p>
    </div>`,
  };
}

export function expiredPage(prefix: string): Page {
  return {
    title: 'This link doesn’t work any more',
    body: html`<p>Each link works once, and only for 10 minutes. A newer one replaces it.</p>
      <p>Type <code>${prefix}open</code> in the management room to get a new one.</p>
      <p>
        If you have not used this link yourself, somebody else may have. Type
        <code>${prefix}open --close</code> in the room: it ends all of your sessions.
      </p>`,
  };
}

/** @param wanted the address of the page that they wanted to see, if there is such a page */
export function strangerPage(prefix: string, wanted = '/'): Page {
  return {
    title: 'You are not logged in',
    body: html`<p>
        Type <code>${prefix}open</code> in the management room: you get a link in a direct message.
        Sessions end after an hour without use, after 8 hours, when you lose your role, and when the
        bot restarts.
      </p>
      <p>If you came from another site and are logged in, ${link(wanted, 'continue')}.</p>`,
  };
}

export function tooManyPage(prefix: string): Page {
  return {
    title: 'Too many attempts',
    body: html`<p>
      Too many links that don’t work came from your network. Type <code>${prefix}open</code> in the
      management room to get one that does.
    </p>`,
  };
}

export const busyPage: Page = {
  title: 'You asked for too many pages at once',
  body: html`<p>Wait a moment, and load this page again.</p>`,
};

export const forbiddenPage: Page = {
  title: 'You may not see this',
  status: 403,
  body: html`<p>Your role in the management room doesn’t allow the command that asks for this.</p>`,
};

export const endedPage: Page = {
  title: 'This operation has ended',
  status: 403,
  body: html`<p>
    Operations that have ended are part of the audit log, which your role in the management room may
    not read.
  </p>`,
};

export const foreignFormPage: Page = {
  title: 'This came from another site',
  status: 403,
  body: html`<p>
    Another site sent this form, or your browser doesn’t say which site did. Nothing was done.
    ${link('/', 'Go to the overview')}
  </p>`,
};

export const readOnlyPage: Page = {
  title: 'Nothing can be changed here',
  status: 405,
  body: html`<p>This page is read-only. ${link('/', 'Go to the overview')}</p>`,
};

export const lostPage: Page = {
  title: 'There is nothing here',
  status: 404,
  body: html`<p>Nothing has this address. ${link('/', 'Go to the overview')}</p>`,
};

export function lostEntryPage(id: number): Page {
  return {
    title: `Audit entry #${id} was lost`,
    status: 404,
    body: html`<p>
      The database was restored or lost since it was written. The management room still shows what
      was done.
    </p>`,
  };
}

export const faultPage: Page = {
  title: 'This can’t be shown now',
  status: 500,
  body: html`<p>
    Something went wrong. The log of the bot says what. ${link('/', 'Go to the overview')}
  </p>`,
};
