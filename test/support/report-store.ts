import { randomUUID } from 'node:crypto';

import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import type { ItemState } from '../../src/store/tables/reports/report-items.ts';
import { openTestStore } from './test-database.ts';

/** A report as a test writes it; the rest is of no matter to it. */
export interface GivenReport {
  readonly at: number;
  readonly event?: string;
  /** Set where a user is reported, and no event of theirs. */
  readonly user?: string;
  readonly sender?: string | null;
  readonly reporter?: string;
  readonly room?: string;
  readonly roomName?: string;
  readonly reason?: string | null;
}

/** The report queue of a bot, filled past the homeserver: by hand, at any time. */
export interface ReportStore extends AsyncDisposable {
  readonly store: Store;
  /** Returns the number of the item. */
  report(report: GivenReport): Promise<number>;
  move(item: number, state: ItemState, by: string, at: number): Promise<void>;
}

/** Opens the database of a bot, which may run; or a new one, which goes with it. */
export async function openReportStore(place?: string): Promise<ReportStore> {
  const store = place === undefined ? await openTestStore() : await openStore(place);
  let reportId = 0;
  return {
    store,
    async report({ at, event, user, ...given }) {
      reportId += 1;
      const joined = await store.transaction(async ({ reports }) =>
        reports.add(
          {
            kind: user === undefined ? 'event' : 'user',
            reportId,
            receivedTs: at,
            subject: user ?? event ?? `$${randomUUID()}`,
            reporter: given.reporter ?? '@rita:x',
            reason: given.reason === undefined ? 'spam' : given.reason,
            score: null,
            roomId: user === undefined ? (given.room ?? '!lobby:x') : null,
            roomName: user === undefined ? (given.roomName ?? '#lobby:x') : null,
            sender: user ?? (given.sender === undefined ? '@mallory:x' : given.sender),
          },
          at,
          { isBacklog: false, isQuiet: false },
        ),
      );
      return Number(joined?.itemId);
    },
    async move(item, state, by, at) {
      await store.transaction(async ({ reportItems }) =>
        reportItems.move(item, { state, by, isShown: true }, at),
      );
    },
    [Symbol.asyncDispose]: store.close,
  };
}
