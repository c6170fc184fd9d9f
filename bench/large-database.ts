import Database from 'better-sqlite3';

import { openDatabase } from '../src/store/database.ts';
import { chained, genesis } from '../src/store/tables/audit/audit-chain.ts';
import type { UnchainedRow } from '../src/store/tables/audit/audit-chain.ts';

/** What to put into the database. */
export interface LargeDatabaseOptions {
  /** Rows of the audit log: intents, outcomes and refusals. */
  readonly rows: number;
  readonly reports: number;
  /** The time of the newest row; milliseconds since 1970. */
  readonly now: number;
}

/** Names that occur more often than others, for queries with many hits. */
export const frequent = {
  moderator: '@moderator-1:example.com',
  command: 'command-1',
  user: '@flooder:example.com',
  room: '!lobby:example.com',
  reporter: '@reporter-1:example.com',
} as const;

/** Names that occur rarely. */
export const rare = {
  moderator: '@moderator-30:example.com',
  command: 'command-120',
} as const;

/** A fifth of all rows: what one moderator did to very many users at once, confirmed by another. All of it is done. */
export const bulk = {
  moderator: '@moderator-bulk:example.com',
  confirmer: '@moderator-second:example.com',
  command: 'command-bulk',
  eventId: '$command-bulk',
} as const;

/** Words of reasons. */
export const words = {
  /** In every reason: that is 30% of the entries. */
  common: 'advertisements',
  /** In one of a thousand reasons. */
  rare: 'phishing',
  /** In the first reason only. */
  unique: 'case8',
} as const;

const dayMs = 86_400_000;
const days = 700;
const moderators = Array.from({ length: 30 }, (_, at) => `@moderator-${at + 1}:example.com`);
const commands = Array.from({ length: 120 }, (_, at) => `command-${at + 1}`);
const rules = ['fresh-account', 'many-reports', 'word-list'];
const server = 'example.com';
const managementRoom = '!management:example.com';

/** The same numbers from 0 to 1 on every run (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.trunc(state + 0x6d_2b_79_f5);
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Dice {
  /** Whether something that happens with this probability happens. */
  chance(probability: number): boolean;
  /** From 0 to below `end`; small numbers are more frequent. */
  skewed(end: number): number;
  of<Value>(values: readonly Value[]): Value;
}

function createDice(seed: number): Dice {
  const random = createRandom(seed);
  const skewed = (end: number) => Math.floor(random() ** 2 * end);
  return {
    chance: (probability) => random() < probability,
    skewed,
    of(values) {
      const value = values[skewed(values.length)];
      if (value === undefined) {
        throw new RangeError('there is nothing to choose from');
      }
      return value;
    },
  };
}

/**
 * Creates a database with the tables of this version, and fills it as two years of a large deployment
 * would: 30 moderators, 120 commands, 700 days. The hash chain is valid. The same options always make
 * the same content.
 */
export async function createLargeDatabase(
  file: string,
  options: LargeDatabaseOptions,
): Promise<void> {
  const opened = await openDatabase(file);
  await opened.destroy();
  const db = new Database(file);
  try {
    db.pragma('synchronous = OFF');
    db.pragma('cache_size = -400000');
    withoutIndexes(db, () => {
      fillAuditLog(db, options);
      fillReports(db, options);
    });
    db.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    db.close();
  }
}

/**
 * Drops the indexes, fills the tables, and creates the indexes again: that is faster than updating them. A
 * trigger looks up outcomes, so it needs theirs.
 */
function withoutIndexes(db: Database.Database, fill: () => void): void {
  const indexes = db
    .prepare(
      `SELECT name, sql FROM sqlite_schema
       WHERE type = 'index' AND sql IS NOT NULL AND name != 'audit_log_outcome'`,
    )
    .all() as { name: string; sql: string }[];
  db.transaction(() => {
    indexes.forEach(({ name }) => db.exec(`DROP INDEX ${name}`));
    fill();
    indexes.forEach(({ sql }) => db.exec(sql));
  })();
}

type Row = Readonly<Record<string, number | string | null>>;

/** A function that inserts rows into a table. Columns that a row does not name get their default. */
function insertInto(db: Database.Database, table: string): (row: Row) => void {
  const statements = new Map<string, Database.Statement>();
  return (row) => {
    const columns = Object.keys(row);
    const names = columns.join(', ');
    let statement = statements.get(names);
    if (statement === undefined) {
      const values = columns.map((column) => `@${column}`).join(', ');
      statement = db.prepare(`INSERT INTO ${table} (${names}) VALUES (${values})`);
      statements.set(names, statement);
    }
    statement.run(row);
  };
}

/** Appends audit entries with the operations that they belong to. */
function fillAuditLog(db: Database.Database, { rows, now }: LargeDatabaseOptions): void {
  const dice = createDice(1);
  const insert = insertInto(db, 'audit_log');
  const operate = insertInto(db, 'operations');
  let id = 0;
  let hash = genesis;
  const append = (row: UnchainedRow): number => {
    id += 1;
    const next = chained(hash, row, id.toString(16).padStart(32, '0'));
    insert({ id, ...next });
    ({ hash } = next);
    return id;
  };
  const stepMs = (days * dayMs) / rows;
  const start = now - days * dayMs;
  for (let at = start; at < now; at = Math.floor(start + id * stepMs)) {
    const eventId = `$command-${id}`;
    if (id >= rows * 0.4 && id < rows * 0.6) {
      appendOfBulk(append, at, id);
      continue;
    }
    const actor = actorOf(dice, id);
    const target = targetOf(dice);
    const isConfirmed = actor.startsWith('@') && dice.chance(0.2);
    const command = dice.of(commands);
    const row = {
      at,
      actor,
      confirmer: isConfirmed ? (dice.chance(0.7) ? actor : dice.of(moderators)) : null,
      command,
      arguments: JSON.stringify({
        accounts: [target],
        erase: false,
        // Done to a user in one room.
        ...(target?.startsWith('@') === true && dice.chance(0.1) ? { step: roomOf(dice) } : {}),
      }),
      target,
      reason: dice.chance(0.3) ? reasonOf(dice, id) : null,
      event_id: eventId,
      room_id: managementRoom,
      detail: null,
      item_id: dice.chance(0.2) ? 1 + dice.skewed(50_000) : null,
    };
    if (dice.chance(0.02)) {
      const status = dice.chance(0.7) ? 'denied' : 'protected';
      append({ ...row, kind: 'refusal', intent_id: null, status, detail: `{"code":"${status}"}` });
      continue;
    }
    const intent = append({ ...row, kind: 'intent', intent_id: null, status: null });
    const invocation = JSON.stringify({ command, arguments: { accounts: [target] } });
    const isAsked = isConfirmed || dice.chance(0.02);
    operate({
      event_id: eventId,
      room_id: managementRoom,
      actor,
      command,
      invocation,
      danger: isAsked ? 'destructive' : 'change',
      state: isAsked && !isConfirmed ? 'expired' : 'done',
      ...(isAsked
        ? {
            code: '7K3Q',
            expires_at: at + 600_000,
            decided_by: row.confirmer,
            decision_event_id: isConfirmed ? `$decision-${id}` : null,
            decided_at: at + 60_000,
          }
        : {}),
      created_at: at,
      started_at: at,
      finished_at: at + 60_000,
    });
    if (dice.chance(0.02)) {
      operate({
        event_id: `$timer-${id}-${at}`,
        room_id: managementRoom,
        actor,
        command: `undo-${command}`,
        line: `undo-${command} ${target}`,
        danger: 'change',
        state: 'done',
        not_before: at + dayMs,
        reverts_intent: intent,
        reverts_event: eventId,
        created_at: at,
        finished_at: at + dayMs,
      });
    }
    const outcome = { ...row, arguments: '{}', reason: null, kind: 'outcome', intent_id: intent };
    const finish = (status: string) =>
      append({ ...outcome, kind: 'outcome', at: at + 400, status, detail: '{"took_ms":400}' });
    if (dice.chance(0.001)) {
      // The operation was cut off, so it has no outcome.
      continue;
    }
    if (dice.chance(0.02)) {
      finish(dice.chance(0.9) ? 'running' : 'unknown');
    }
    finish(dice.chance(0.92) ? 'done' : dice.chance(0.9) ? 'failed' : 'partial');
  }
}

function appendOfBulk(append: (row: UnchainedRow) => number, at: number, id: number): void {
  const row = {
    at,
    actor: bulk.moderator,
    confirmer: bulk.confirmer,
    command: bulk.command,
    arguments: '{}',
    target: `@bot-${id}:example.com`,
    reason: null,
    event_id: bulk.eventId,
    room_id: managementRoom,
    detail: null,
    item_id: null,
  };
  const intent = append({ ...row, kind: 'intent', intent_id: null, status: null });
  append({ ...row, kind: 'outcome', intent_id: intent, status: 'done' });
}

function actorOf(dice: Dice, id: number): string {
  if (dice.chance(0.05)) {
    return `rule:${dice.of(rules)}`;
  }
  return dice.chance(0.03) ? `timer:${id}` : dice.of(moderators);
}

/** A sentence with words that occur often, words that occur rarely, and one that occurs once. */
function reasonOf(dice: Dice, id: number): string {
  const kind = dice.chance(0.001) ? words.rare : dice.of(['crypto', 'casino', 'pills', 'loans']);
  return `Sent ${words.common} for ${kind} to many rooms after a warning, case${id}`;
}

function targetOf(dice: Dice): string | null {
  if (dice.chance(0.08)) {
    return null;
  }
  if (dice.chance(0.01)) {
    return frequent.user;
  }
  if (dice.chance(0.1)) {
    return JSON.stringify({ room: roomOf(dice), event: `$message-${dice.skewed(100_000)}` });
  }
  return dice.chance(0.1) ? roomOf(dice) : `@user-${dice.skewed(50_000)}:example.com`;
}

function roomOf(dice: Dice): string {
  return dice.chance(0.1) ? frequent.room : `!room-${dice.skewed(500)}:example.com`;
}

interface Item {
  readonly subject: string;
  readonly roomId: string;
  readonly sender: string;
  readonly createdAt: number;
  reports: number;
  lastReportAt: number;
}

/** Adds reported messages, the reports about them, and what became of them. */
function fillReports(db: Database.Database, { reports, now }: LargeDatabaseOptions): void {
  const dice = createDice(2);
  const start = now - days * dayMs;
  const stepMs = (days * dayMs) / reports;
  const items: Item[] = [];
  const made: { readonly item: number; readonly at: number; readonly reporter: string }[] = [];
  for (let number = 0; number < reports; number += 1) {
    const at = Math.floor(start + number * stepMs);
    const isNew = items.length === 0 || dice.chance(0.6);
    // Somebody reports a message that others reported recently.
    const place = isNew ? items.length : Math.max(0, items.length - 1 - dice.skewed(20));
    const known = items[place];
    if (known === undefined) {
      items.push({
        subject: `$reported-${place}`,
        roomId: roomOf(dice),
        sender: dice.chance(0.03) ? frequent.user : `@user-${dice.skewed(20_000)}:example.com`,
        createdAt: at,
        reports: 1,
        lastReportAt: at,
      });
    } else {
      known.reports += 1;
      known.lastReportAt = at;
    }
    const reporter = `@reporter-${1 + (dice.chance(0.03) ? 0 : dice.skewed(10_000))}:example.com`;
    made.push({ item: place, at, reporter });
  }
  addItems(db, dice, items, now);
  const insert = insertInto(db, 'reports');
  made.forEach(({ item, at, reporter }, number) =>
    insert({
      kind: 'event',
      report_id: number + 1,
      received_ts: at,
      subject: `$reported-${item}`,
      server,
      item_id: item + 1,
      reporter,
      reason: 'This is an advertisement',
      seen_at: at,
    }),
  );
}

function addItems(db: Database.Database, dice: Dice, items: readonly Item[], now: number): void {
  const insert = insertInto(db, 'report_items');
  const match = insertInto(db, 'rule_matches');
  const history = insertInto(db, 'report_history');
  items.forEach((item, place) => {
    const id = place + 1;
    const age = now - item.lastReportAt;
    const isOld = age > 2 * dayMs;
    const isClosed = isOld ? dice.chance(0.98) : dice.chance(0.5);
    const isClaimed = dice.chance(0.5);
    const by = dice.chance(0.1) ? `rule:${dice.of(rules)}` : dice.of(moderators);
    const state = isClosed
      ? dice.chance(0.7)
        ? 'resolved'
        : 'dismissed'
      : isClaimed
        ? 'claimed'
        : 'open';
    const claimedAt = item.lastReportAt + 60_000 * (1 + dice.skewed(60));
    const closedAt = claimedAt + 60_000 * (1 + dice.skewed(600));
    insert({
      id,
      kind: 'event',
      subject: item.subject,
      server,
      room_id: item.roomId,
      room_name: `#${item.roomId.slice(1)}`,
      sender: item.sender,
      content: JSON.stringify({ msgtype: 'm.text', body: 'Buy this. '.repeat(20) }),
      state,
      reports: item.reports,
      last_report_at: item.lastReportAt,
      created_at: item.createdAt,
      opened_at: item.createdAt,
      reopened: 0,
      claimed_by: isClaimed ? by : null,
      claimed_at: isClaimed ? claimedAt : null,
      closed_by: isClosed ? by : null,
      closed_at: isClosed ? closedAt : null,
      is_backlog: 0,
      needs_look: 0,
      needs_card: 0,
      card: 'own',
      card_at: item.createdAt,
      card_revision: 1,
    });
    const add = (kind: string, at: number) =>
      history({
        item_id: id,
        at,
        kind,
        actor: by,
        needs_note: 0,
        took_ms: at - item.createdAt,
      });
    if (isClaimed) {
      add('claimed', claimedAt);
    }
    if (isClosed) {
      add(state, closedAt);
    }
    if (dice.chance(0.1)) {
      const rule = dice.of(rules);
      match({ item_id: id, rule, mode: 'act', at: item.createdAt, ended_at: item.createdAt });
    }
  });
}
