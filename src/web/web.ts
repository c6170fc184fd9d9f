import type { IncomingMessage, ServerResponse } from 'node:http';

import { dateTime } from '../chat/answers/phrases.ts';
import type { Registry } from '../chat/command/declaration.ts';
import type { EventId, UserId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import { createAttempts, networkOfClient } from './access/attempts.ts';
import { cookieOf, noCookie, sessionCookie } from './access/cookie.ts';
import { createSessions, linkValidForMs } from './access/sessions.ts';
import { createTurns } from './access/turns.ts';
import { viewerOf } from './access/viewer.ts';
import type { RoomRoles, Viewer } from './access/viewer.ts';
import {
  busyPage,
  expiredPage,
  faultPage,
  forbiddenPage,
  foreignFormPage,
  linkPage,
  lostPage,
  readOnlyPage,
  strangerPage,
  tooManyPage,
} from './pages/notices.ts';
import type { PageServices } from './pages/page-context.ts';
import { createQuery } from './pages/query.ts';
import { routeTo } from './pages/routes.ts';
import { redirect, send, sendFile } from './respond.ts';
import { files } from './view/files.ts';
import { layout } from './view/layout.ts';
import type { Page } from './view/layout.ts';

/** What the web view needs of the bot. */
export interface WebParts {
  /** Where browsers find it: a scheme, a host and maybe a port. */
  readonly origin: string;
  /** Whether the probes and metrics are to be found there, too. */
  readonly hasProbes: boolean;
  readonly services: PageServices;
  readonly registry: Registry;
  readonly roles: RoomRoles;
  readonly serverName: string;
  readonly prefix: string;
  readonly log: Log;
  readonly now: () => number;
  /**
   * Records that somebody's link was used, and tells them. The session begins only after that.
   *
   * @throws StoreError it can't be recorded
   */
  onOpened(opening: { readonly user: UserId; readonly askedBy: EventId }): Promise<void>;
}

/** The read-only web view. */
export interface Web {
  /**
   * Makes a link for somebody.
   *
   * @param askedBy the message that asks for it
   */
  linkFor(
    user: UserId,
    askedBy: EventId,
  ): {
    readonly url: string;
    readonly validForMs: number;
    whenOver(act: () => void): void;
  };
  /**
   * Ends all sessions of somebody, and their link.
   *
   * @returns how many sessions they had
   */
  closeFor(user: UserId): number;
  /**
   * Whether a request is for the page: only under its own host, whatever a name of somebody else's resolves to.
   *
   * @param isProbe whether the path is that of a probe or of the metrics
   */
  claims(host: string | undefined, isProbe: boolean): boolean;
  /** Answers a request that came to its host. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** No address of a page is longer: filters are bounded. */
const maxUrlLength = 4000;
const linkPattern = /^\/open\/([\w-]{43})$/u;

export function createWeb(parts: WebParts): Web {
  const { origin, hasProbes, services, registry, serverName, prefix, log, now } = parts;
  const isSecure = origin.startsWith('https:');
  const { host } = new URL(origin);
  const sessions = createSessions(now);
  const attempts = createAttempts(now);
  const turns = createTurns();

  /** Who asks, with the role that they have at this moment. Whoever has lost it also loses the session. */
  function viewerIn(request: IncomingMessage): Viewer | undefined {
    const token = cookieOf(request, origin);
    const user = token === undefined ? undefined : sessions.find(token);
    if (user === undefined) {
      return undefined;
    }
    const viewer = viewerOf(parts, user);
    if (viewer === undefined) {
      sessions.endAll(user);
      log.info({ user }, 'a session of the page ended: the user may not see it any more');
    }
    return viewer;
  }

  async function show(
    response: ServerResponse,
    viewer: Viewer,
    { pathname, searchParams }: URL,
  ): Promise<void> {
    const at = now();
    const frame = { viewer, path: pathname, at: dateTime(at) };
    const sendPage = (page: Page) => send(response, page.status ?? 200, layout(page, frame));
    const route = routeTo(pathname);
    if (route === undefined) {
      sendPage(lostPage);
      return;
    }
    if (route.command !== undefined && !viewer.may(route.command)) {
      sendPage(forbiddenPage);
      return;
    }
    const query = createQuery(searchParams, { serverName, now: at, prefix });
    const context = { services, registry, viewer, query, prefix, now: at };
    sendPage((await route.make(context, route.id)) ?? lostPage);
  }

  async function showInTurn(response: ServerResponse, viewer: Viewer, url: URL): Promise<void> {
    const isDone = await turns.take(viewer.user, async () => {
      // Whoever closed the page while it waited needs none.
      if (!response.destroyed) {
        await show(response, viewer, url);
      }
    });
    if (!isDone) {
      response.setHeader('retry-after', '1');
      send(response, 503, layout(busyPage));
    }
  }

  /** Somebody pressed the button of a link. Only this uses it up: previews and scanners don't press it. */
  async function useLink(
    request: IncomingMessage,
    response: ServerResponse,
    token: string,
  ): Promise<void> {
    const started = sessions.start(token);
    if (started === undefined || viewerOf(parts, started.user) === undefined) {
      if (started !== undefined) {
        sessions.endAll(started.user);
      }
      refuseLink(request, response);
      return;
    }
    try {
      await parts.onOpened(started);
    } catch (error) {
      // Nobody looks unrecorded.
      sessions.end(started.token);
      throw error;
    }
    log.info({ user: started.user }, 'a session of the page began');
    redirect(response, '/', sessionCookie(started.token, origin));
  }

  /**
   * A wrong link came. Only these are limited: behind some proxies, all people come from one network, and nobody
   * may keep the others from using their valid links.
   */
  function refuseLink(request: IncomingMessage, response: ServerResponse): void {
    const network = networkOfClient(request);
    if (attempts.areTooMany(network)) {
      send(response, 429, layout(tooManyPage(prefix)));
      return;
    }
    attempts.count(network);
    send(response, 403, layout(expiredPage(prefix)));
  }

  /** @param everywhere also in other browsers, maybe of somebody who has stolen a link */
  function logOut(token: string, everywhere: boolean): void {
    const user = everywhere ? sessions.find(token) : undefined;
    if (user !== undefined) {
      closeFor(user);
    }
    sessions.end(token);
  }

  function closeFor(user: UserId): number {
    const number = sessions.endAll(user);
    log.info({ user, sessions: number }, 'all sessions of a user ended: they asked for it');
    return number;
  }

  async function post(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
  ): Promise<void> {
    const [, token] = linkPattern.exec(path) ?? [];
    if (token === undefined && path !== '/logout' && path !== '/logout/everywhere') {
      if (routeTo(path) === undefined) {
        send(response, 404, layout(lostPage));
      } else {
        response.setHeader('allow', 'GET, HEAD');
        send(response, 405, layout(readOnlyPage));
      }
    } else if (!isFromOwnPage(request, origin)) {
      send(response, 403, layout(foreignFormPage));
    } else if (token !== undefined) {
      await useLink(request, response, token);
    } else {
      logOut(cookieOf(request, origin) ?? '', path === '/logout/everywhere');
      redirect(response, '/', noCookie(origin));
    }
  }

  async function get(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const { pathname } = url;
    const file = files.get(pathname);
    if (file !== undefined) {
      sendFile(response, file);
    } else if (linkPattern.test(pathname)) {
      // Whether the token is valid is not looked up: whoever previews the link learns and changes nothing.
      send(response, 200, layout(linkPage(pathname)));
    } else {
      const viewer = viewerIn(request);
      if (viewer === undefined) {
        send(
          response,
          401,
          layout(strangerPage(prefix, routeTo(pathname) && `${pathname}${url.search}`)),
        );
      } else {
        await showInTurn(response, viewer, url);
      }
    }
  }

  return {
    linkFor(user, askedBy) {
      const { token, whenOver } = sessions.issueLink(user, askedBy);
      return { url: `${origin}/open/${token}`, validForMs: linkValidForMs, whenOver };
    },

    closeFor,

    claims: (asked, isProbe) => asked?.toLowerCase() === host && !(isProbe && hasProbes),

    async answer(request, response) {
      if (isSecure) {
        response.setHeader('strict-transport-security', 'max-age=31536000');
      }
      const { method = '', url: target = '' } = request;
      if (!isReadable(target, origin)) {
        send(response, 400, layout(lostPage));
        return;
      }
      try {
        const url = new URL(target, origin);
        if (url.origin !== origin) {
          send(response, 400, layout(lostPage));
        } else if (method === 'GET' || method === 'HEAD') {
          await get(request, response, url);
        } else if (method === 'POST') {
          await post(request, response, url.pathname);
        } else {
          response.setHeader('allow', 'GET, HEAD, POST');
          send(response, 405, layout(readOnlyPage));
        }
      } catch (error) {
        log.error({ err: error }, 'a page could not be shown');
        send(response, 500, layout(faultPage));
      }
    },
  };
}

/** Whether this is the address of a page here, and not too long. Anybody can send what no URL can be made of. */
function isReadable(target: string, origin: string): boolean {
  return (
    target.length <= maxUrlLength &&
    target.startsWith('/') &&
    !target.startsWith('//') &&
    URL.canParse(target, origin)
  );
}

/** Whether a form was sent from one of our own pages. Browsers say so in one header or the other. */
function isFromOwnPage({ headers }: IncomingMessage, own: string): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined
    ? headers.origin === undefined || headers.origin === own
    : site === 'same-origin';
}
