import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

import { hourMs, minuteMs } from '../../core/duration.ts';
import type { EventId, UserId } from '../../core/ids.ts';

export const linkValidForMs = 10 * minuteMs;
const maxIdleMs = hourMs;
export const maxSessionMs = 8 * hourMs;
const maxSessionsOfOne = 5;

interface Link {
  readonly user: UserId;
  readonly askedBy: EventId;
  readonly digest: Buffer;
  readonly expiresAt: number;
  whenOver: (() => void) | undefined;
}

interface Session {
  readonly user: UserId;
  readonly digest: Buffer;
  readonly expiresAt: number;
  usedAt: number;
}

/** A secret for one person. Here, only its digest is kept. */
interface Issued {
  readonly token: string;
  /** Sets what happens when it is used, or replaced. */
  whenOver(act: () => void): void;
}

/** A session that has just begun. */
interface Started {
  readonly user: UserId;
  readonly token: string;
  /** The message that asked for its link. */
  readonly askedBy: EventId;
}

/**
 * Who may see the page in which browser. All of this is in memory: after a restart, people ask for new links.
 */
export interface Sessions {
  /**
   * Makes the token of a link. The same person's earlier one is void from now on.
   *
   * @param askedBy the message that asks for it
   */
  issueLink(user: UserId, askedBy: EventId): Issued;
  /**
   * Uses the token of a link, once, and starts a session. Beyond a few, the person's oldest session ends.
   *
   * @returns the token of the session; undefined if the link's token is wrong, used or expired
   */
  start(linkToken: string): Started | undefined;
  /** Whose session this is, which keeps it from ending for idleness; undefined if there is none, or it has ended. */
  find(token: string): UserId | undefined;
  /** Ends one session. */
  end(token: string): void;
  /**
   * Ends everything of somebody: their link, and their sessions in all browsers.
   *
   * @returns how many sessions they had
   */
  endAll(user: UserId): number;
}

const digestOf = (token: string) => createHash('sha256').update(token).digest();
const newToken = () => randomBytes(32).toString('base64url');

/** Compares with all of them, and each in constant time: how long it takes says nothing about any. */
function findByToken<One extends { readonly digest: Buffer }>(
  all: readonly One[],
  token: string,
): One | undefined {
  const digest = digestOf(token);
  let found: One | undefined;
  for (const one of all) {
    found = timingSafeEqual(one.digest, digest) ? one : found;
  }
  return found;
}

export function createSessions(now: () => number): Sessions {
  const links = new Map<UserId, Link>();
  let sessions: readonly Session[] = [];

  const isOver = ({ expiresAt, usedAt }: Session) =>
    now() >= expiresAt || now() >= usedAt + maxIdleMs;

  function endLink(user: UserId): void {
    links.get(user)?.whenOver?.();
    links.delete(user);
  }

  return {
    issueLink(user, askedBy) {
      endLink(user);
      const token = newToken();
      const link: Link = {
        user,
        askedBy,
        digest: digestOf(token),
        expiresAt: now() + linkValidForMs,
        whenOver: undefined,
      };
      links.set(user, link);
      return {
        token,
        whenOver(act) {
          if (links.get(user) === link) {
            link.whenOver = act;
          } else {
            act();
          }
        },
      };
    },

    start(linkToken) {
      const link = findByToken([...links.values()], linkToken);
      if (link === undefined) {
        return undefined;
      }
      const { user, askedBy, expiresAt } = link;
      endLink(user);
      if (now() >= expiresAt) {
        return undefined;
      }
      const token = newToken();
      const session = {
        user,
        digest: digestOf(token),
        expiresAt: now() + maxSessionMs,
        usedAt: now(),
      };
      const kept = sessions.filter((one) => !isOver(one));
      const own = kept.filter((one) => one.user === user);
      const [oldest] = own.length < maxSessionsOfOne ? [] : own;
      sessions = [...kept.filter((one) => one !== oldest), session];
      return { user, token, askedBy };
    },

    find(token) {
      const session = findByToken(sessions, token);
      if (session === undefined || isOver(session)) {
        return undefined;
      }
      session.usedAt = now();
      return session.user;
    },

    end(token) {
      const session = findByToken(sessions, token);
      sessions = sessions.filter((one) => one !== session);
    },

    endAll(user) {
      endLink(user);
      const own = sessions.filter((one) => one.user === user);
      sessions = sessions.filter((one) => one.user !== user);
      return own.filter((one) => !isOver(one)).length;
    },
  };
}
