import { sql } from 'kysely';
import type { RawBuilder, Selectable } from 'kysely';

import { indexedBy, joinInOrder } from '../../dialect.ts';
import type { Connection, ReportItemsTable } from '../../schema.ts';
import { lastNumber, skipNumbers } from '../row-numbers.ts';
import { reportHistory } from './report-history.ts';

type Row = Selectable<ReportItemsTable>;

const itemStates = ['open', 'claimed', 'resolved', 'dismissed'] as const;
export type ItemState = (typeof itemStates)[number];

/** Whether nothing is left to decide about an item. */
export function isClosed(state: ItemState): state is 'resolved' | 'dismissed' {
  return state === 'resolved' || state === 'dismissed';
}

/** A message or user that was reported, by one person or many: what moderators work on. */
export interface ReportItem {
  readonly id: number;
  readonly kind: 'event' | 'user';
  /** The event ID or user ID that was reported. */
  readonly subject: string;
  readonly roomId: string | null;
  /** The room's alias or name, as the homeserver last gave it. */
  readonly roomName: string | null;
  /** Who is accused; null if the homeserver no longer has the event. */
  readonly sender: string | null;
  readonly senderCreatedAt: number | null;
  /** What is stored of the event, as JSON; null if it was not fetched yet, or is gone. */
  readonly content: string | null;
  readonly state: ItemState;
  /** How many reports there are. */
  readonly reports: number;
  readonly lastReportAt: number;
  readonly createdAt: number;
  /** When it was first reported, or last reported again after it was closed. */
  readonly openedAt: number;
  /** How often it was closed and reported again. */
  readonly reopened: number;
  readonly claimedBy: string | null;
  readonly claimedAt: number | null;
  readonly closedBy: string | null;
  readonly closedAt: number | null;
  readonly note: string | null;
  /** Reported before the bot's first start: rules ignore it. */
  readonly isBacklog: boolean;
  /** Where the room sees it: nowhere yet, in a card of its own, or as one of many in a digest. */
  readonly card: Row['card'];
  readonly cardAt: number | null;
  readonly cardRevision: number;
  /** How often tags of the sender or the room were set or removed while it was open. */
  readonly tagChanges: number;
  /** The homeserver of its newest report. Empty if it is not known. */
  readonly server: string;
}

export interface ItemQuery {
  readonly states?: readonly ItemState[] | undefined;
  readonly roomId?: string | undefined;
  readonly sender?: string | undefined;
  readonly reporter?: string | undefined;
  /** The homeserver of its newest report. */
  readonly server?: string | undefined;
  /** Reported since then; milliseconds since 1970. */
  readonly since?: number | undefined;
}

/** A position in a list that stays valid when items come and go. */
export interface ItemCursor {
  readonly lastReportAt: number;
  readonly id: number;
}

/** How many items about a user are open or claimed. */
export interface OpenItemCount {
  readonly sender: string;
  readonly items: number;
}

/** What the queue had about a user before. */
export interface EarlierItems {
  readonly count: number;
  readonly resolved: number;
  /** The newest first, at most `maxEarlier`. */
  readonly newest: readonly Pick<ReportItem, 'id' | 'state' | 'reports' | 'lastReportAt'>[];
}

const maxEarlier = 10;

export function itemOf(row: Row): ReportItem {
  return {
    id: row.id,
    kind: row.kind,
    subject: row.subject,
    roomId: row.room_id,
    roomName: row.room_name,
    sender: row.sender,
    senderCreatedAt: row.sender_created_at,
    content: row.content,
    state: row.state,
    reports: row.reports,
    lastReportAt: row.last_report_at,
    createdAt: row.created_at,
    openedAt: row.opened_at,
    reopened: row.reopened,
    claimedBy: row.claimed_by,
    claimedAt: row.claimed_at,
    closedBy: row.closed_by,
    closedAt: row.closed_at,
    note: row.note,
    isBacklog: row.is_backlog === 1,
    card: row.card,
    cardAt: row.card_at,
    cardRevision: row.card_revision,
    tagChanges: row.tag_changes,
    server: row.server,
  };
}

/**
 * Matching items of each state: an index has them in the order of their last reports. SQLite merges these
 * lists, and stops when a page is full.
 */
function sourcesOf(
  db: Connection,
  { states = itemStates, roomId, sender, reporter, server, since }: ItemQuery,
  columns: RawBuilder<unknown>,
  position: RawBuilder<unknown> = sql`true`,
): RawBuilder<unknown> {
  const conditions = [
    ...(roomId === undefined ? [] : [sql`room_id = ${roomId}`]),
    ...(sender === undefined ? [] : [sql`sender = ${sender}`]),
    ...(server === undefined ? [] : [sql`server = ${server}`]),
    ...(since === undefined ? [] : [sql`last_report_at >= ${since}`]),
    position,
  ];
  const condition = sql.join(conditions, sql` AND `);
  if (reporter !== undefined) {
    return sql`
      SELECT ${columns}
      FROM (SELECT DISTINCT item_id FROM reports WHERE reports.reporter = ${reporter}) AS reported
      ${joinInOrder(db)} report_items ON id = reported.item_id
      WHERE state IN (${sql.join(states)}) AND ${condition}`;
  }
  const index =
    sender !== undefined
      ? 'report_items_sender_state'
      : roomId !== undefined
        ? 'report_items_room_state'
        : server !== undefined
          ? 'report_items_server_state'
          : 'report_items_state';
  return sql.join(
    states.map(
      (state) => sql`
        SELECT ${columns} FROM report_items ${indexedBy(db, index)}
        WHERE state = ${state} AND ${condition}`,
    ),
    sql` UNION ALL `,
  );
}

/** The items of the report queue, and the state that they are in. */
export function reportItems(db: Connection) {
  const all = () => db.selectFrom('report_items').selectAll();

  /** How many items there are in each state. */
  async function countByState(): Promise<Record<ItemState, number>> {
    const rows = await db.selectFrom('item_totals').selectAll().execute();
    const counts = { open: 0, claimed: 0, resolved: 0, dismissed: 0 };
    rows.forEach(({ state, count }) => (counts[state] = count));
    return counts;
  }

  return {
    async get(id: number): Promise<ReportItem | undefined> {
      const row = await all().where('id', '=', id).executeTakeFirst();
      return row && itemOf(row);
    },

    /** A page of items, the last reported first. */
    async search(
      query: ItemQuery,
      page: { readonly limit: number; readonly after?: ItemCursor | undefined },
    ): Promise<ReportItem[]> {
      const { limit, after } = page;
      const position = after && sql`(last_report_at, id) < (${after.lastReportAt}, ${after.id})`;
      const sources = sourcesOf(db, query, sql`id, last_report_at`, position);
      const rows = await all()
        .where(
          sql<boolean>`id IN (
            SELECT id FROM (
              ${sources} ORDER BY last_report_at DESC, id DESC LIMIT ${limit}
            ) AS page
          )`,
        )
        .orderBy('last_report_at', 'desc')
        .orderBy('id', 'desc')
        .execute();
      return rows.map(itemOf);
    },

    async count(query: ItemQuery): Promise<number> {
      const { states = itemStates, ...filter } = query;
      if (Object.values(filter).every((value) => value === undefined)) {
        const counts = await countByState();
        return states.reduce((total, state) => total + counts[state], 0);
      }
      const { rows } = await sql<{ count: number }>`
        SELECT sum(count) AS count FROM (${sourcesOf(db, query, sql`count(*) AS count`)}) AS source
      `.execute(db);
      return rows[0]?.count ?? 0;
    },

    countByState,

    /** How many items are open or claimed about each of these users; only those who have any. */
    async countOpen(senders: readonly string[]): Promise<OpenItemCount[]> {
      const rows = await db
        .selectFrom('report_items')
        .select(['sender', ({ fn }) => fn.countAll<number>().as('items')])
        .where('sender', 'in', senders)
        .where('state', 'in', ['open', 'claimed'])
        .groupBy('sender')
        .execute();
      return rows.map(({ sender, items }) => ({ sender: sender ?? '', items }));
    },

    /** The earlier items about the same user: how many there are, and the newest, without what they hold. */
    async earlier({ id, sender }: Pick<ReportItem, 'id' | 'sender'>): Promise<EarlierItems> {
      if (sender === null) {
        return { count: 0, resolved: 0, newest: [] };
      }
      const { rows } = await sql<{ state: ItemState; count: number }>`
        SELECT state, count(*) AS count FROM report_items ${indexedBy(db, 'report_items_sender_state')}
        WHERE sender = ${sender} AND id < ${id} GROUP BY state
      `.execute(db);
      const newest = await db
        .selectFrom('report_items')
        .select(['id', 'state', 'reports', 'last_report_at as lastReportAt'])
        .where('sender', '=', sender)
        .where('id', '<', id)
        .orderBy('id', 'desc')
        .limit(maxEarlier)
        .execute();
      return {
        count: rows.reduce((total, { count }) => total + count, 0),
        resolved: rows.find(({ state }) => state === 'resolved')?.count ?? 0,
        newest,
      };
    },

    /**
     * Moves an item to a state. Claiming a closed item opens it again.
     *
     * @param to.isShown the thread of its card shows it already
     */
    async move(
      id: number,
      to: {
        readonly state: ItemState;
        readonly by: string;
        readonly note?: string | undefined;
        readonly isShown: boolean;
      },
      at: number,
    ): Promise<void> {
      const { state, by, note, isShown } = to;
      await db
        .updateTable('report_items')
        .set({
          state,
          needs_card: 1,
          note: note ?? null,
          closed_by: isClosed(state) ? by : null,
          closed_at: isClosed(state) ? at : null,
          ...(state === 'claimed' ? { claimed_by: by, claimed_at: at } : {}),
          ...(state === 'open' ? { claimed_by: null, claimed_at: null } : {}),
        })
        .where('id', '=', id)
        .execute();
      const kind = state === 'open' ? 'released' : state;
      const entry = { itemId: id, at, kind, actor: by, detail: note ?? null } as const;
      await reportHistory(db).add(entry, { isShown });
    },

    /** Rules ignore all items from now on: what was done about them is no longer known. */
    async makeBacklog(): Promise<void> {
      await db.updateTable('report_items').set({ is_backlog: 1 }).execute();
    },

    /** See `row-numbers.ts`. */
    lastNumber: async () => lastNumber(db, 'report_items'),
    skipNumbers: async (upTo: number) => skipNumbers(db, 'report_items', upTo),
  };
}

export type ReportItems = ReturnType<typeof reportItems>;
