import Database from 'better-sqlite3';

import type { Answer, Moderator } from '../../dev/room/moderator.ts';
import { startOwnHomeserver } from '../../dev/synapse/homeserver.ts';
import type { Homeserver } from '../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import type { Timing } from '../../src/app/timing.ts';
import { createAdminApi } from '../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../src/homeserver/admin/admin-api.ts';
import { uniqueLocalpart } from './homeserver.ts';
import { openRoom } from './room.ts';
import type { Settings, TestRoom } from './room.ts';

/** A Synapse of a test file's own: every report on a server is in every queue. */
export interface ReportServer {
  readonly homeserver: Homeserver;
  readonly api: AdminApi;
  readonly admin: MatrixUser;
  /** Accounts that are a month old. */
  readonly elders: readonly MatrixUser[];
  /** A public room with these people, who can report what is said there. */
  lobby(...people: MatrixUser[]): Promise<string>;
  newUser(prefix?: string, options?: { admin?: boolean }): Promise<MatrixUser>;
  /**
   * Stops the server, lets `change` work on its database, and starts it again: what takes long, or many
   * days, with ordinary clients.
   */
  changeDatabase(change: (db: Database.Database) => void): Promise<void>;
  /** A management room whose bot works on the queue. */
  openRoom(settings?: Settings, timing?: Timing): Promise<TestRoom>;
  stop(): Promise<void>;
}

const elderAgeS = 30 * 86_400;

export async function startReportServer(elderCount = 4): Promise<ReportServer> {
  const homeserver = await startOwnHomeserver();
  const register = async (prefix: string, options: { admin?: boolean } = {}) =>
    MatrixUser.register(homeserver, { localpart: uniqueLocalpart(prefix), ...options });
  const admin = await register('admin', { admin: true });
  const elders: MatrixUser[] = [];
  for (let at = 0; at < elderCount; at += 1) {
    elders.push(await register('elder'));
  }
  async function changeDatabase(change: (db: Database.Database) => void): Promise<void> {
    await homeserver.restart(() => {
      const db = new Database(homeserver.databaseFile);
      change(db);
      db.close();
    });
  }
  if (elders.length > 0) {
    // Nobody can be old on a server that has just begun, unless its clock says so.
    await changeDatabase((db) => makeOlder(db, elders));
  }
  const api = createAdminApi({ url: homeserver.url, accessToken: admin.account.accessToken });
  return {
    homeserver,
    api,
    admin,
    elders,
    newUser: register,
    changeDatabase,
    async lobby(owner, ...guests) {
      if (owner === undefined) {
        throw new TypeError('a room needs somebody');
      }
      const room = await owner.createRoom({ preset: 'public_chat', name: 'Lobby' });
      await Promise.all(guests.map(async (guest) => guest.join(room)));
      return room;
    },
    openRoom: async ({ reports, ...settings } = {}, timing = {}) =>
      openRoom(
        { ...settings, reports: { enabled: true, ...reports } },
        { server: homeserver, timing: { pollIntervalMs: 500, ...timing } },
      ),
    stop: async () => homeserver.stop(),
  };
}

function makeOlder(db: Database.Database, users: readonly MatrixUser[]): void {
  const update = db.prepare('UPDATE users SET creation_ts = creation_ts - ? WHERE name = ?');
  users.forEach(({ userId }) => update.run(elderAgeS, userId));
}

/** The card of an item about this event or user, as it stands now. */
export async function cardOf(
  moderator: Moderator,
  subject: string,
  fits: (card: Answer) => boolean = () => true,
): Promise<Answer> {
  return moderator.until(`the card of ${subject}`, () => {
    const card = moderator.unasked().find(({ field }) => {
      const data = field?.data as { subject?: string } | undefined;
      return data?.subject === subject;
    });
    return card !== undefined && fits(card) ? card : undefined;
  });
}
