import { table } from './table.ts';

/*
 * The same sums as on SQLite. A trigger runs once for each statement: a statement that adds many rows then changes
 * each sum once.
 */

const dayOf = (time: string) => `${time} / 86400000`;

/** Each timer acts under a name of its own, such as `timer:12`. They count as one. */
const nameOf = (actor: string) =>
  `CASE WHEN substr(${actor}, 1, 6) = 'timer:' THEN 'timer' ELSE ${actor} END`;

const steps = ['claimed', 'resolved', 'dismissed'];
const dailyColumns = ['reports', ...steps, 'actions', 'failed', 'refused'];
const workColumns = ['asked', 'confirmed', ...steps];

const sumColumns = (names: readonly string[]) =>
  names.map((name) => `${name} INTEGER NOT NULL DEFAULT 0`).join(', ');

export const sumTables: readonly string[] = [
  table('daily_counts', `day INTEGER PRIMARY KEY, ${sumColumns(dailyColumns)}`),
  table(
    'daily_work',
    `name TEXT NOT NULL, day INTEGER NOT NULL, ${sumColumns(workColumns)}, PRIMARY KEY (name, day)`,
  ),
  table(
    'daily_matches',
    `rule TEXT NOT NULL, mode TEXT NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL,
     PRIMARY KEY (rule, mode, day)`,
  ),
  table('work_totals', `name TEXT PRIMARY KEY, ${sumColumns(workColumns)}`),
  table(
    'action_totals',
    `command TEXT NOT NULL, status TEXT NOT NULL, count INTEGER NOT NULL,
     PRIMARY KEY (command, status)`,
  ),
  table('report_totals', `kind TEXT PRIMARY KEY, count INTEGER NOT NULL`),
  table('item_totals', `state TEXT PRIMARY KEY, count INTEGER NOT NULL`),
  // The numbers of the first and the last entry of each day.
  table(
    'audit_days',
    `day INTEGER PRIMARY KEY, first_id INTEGER NOT NULL, last_id INTEGER NOT NULL`,
  ),
  // Intents without an outcome.
  table('open_intents', `id INTEGER PRIMARY KEY REFERENCES audit_log (id)`),
];

/** Adds counts to rows of sums, or makes the rows. The query gives the key, and then each count. */
const add = (
  name: string,
  keys: Readonly<Record<string, string>>,
  counts: Readonly<Record<string, string>>,
  from: string,
) => `
  INSERT INTO ${name} AS sums (${[...Object.keys(keys), ...Object.keys(counts)].join(', ')})
  SELECT ${[...Object.values(keys), ...Object.values(counts)].join(', ')} FROM ${from}
  GROUP BY ${Object.keys(keys)
    .map((_, at) => at + 1)
    .join(', ')}
  ON CONFLICT (${Object.keys(keys).join(', ')}) DO UPDATE SET ${Object.keys(counts)
    .map((count) => `${count} = sums.${count} + excluded.${count}`)
    .join(', ')};`;

const counted = (condition: string) => `count(*) FILTER (WHERE ${condition})`;

/** A trigger on the rows that a statement adds, which are `added`. */
const onAdded = (name: string, body: string) => [
  `CREATE FUNCTION ${name}_sums() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     ${body}
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER ${name}_added AFTER INSERT ON ${name} REFERENCING NEW TABLE AS added
   FOR EACH STATEMENT EXECUTE FUNCTION ${name}_sums()`,
];

const addWork = (actor: string, counts: Readonly<Record<string, string>>, from: string) =>
  add('daily_work', { name: nameOf(actor), day: dayOf('at') }, counts, from) +
  add('work_totals', { name: nameOf(actor) }, counts, from);

const stepCounts = Object.fromEntries(steps.map((step) => [step, counted(`kind = '${step}'`)]));
const stepsAdded = `added WHERE kind IN (${steps.map((step) => `'${step}'`).join(', ')})`;

export const sumTriggers: readonly string[] = [
  ...onAdded(
    'audit_log',
    `INSERT INTO open_intents SELECT id FROM added WHERE kind = 'intent';
     DELETE FROM open_intents WHERE id IN (SELECT intent_id FROM added WHERE kind = 'outcome');
     ${add(
       'daily_counts',
       { day: dayOf('at') },
       {
         actions: counted(`kind = 'intent'`),
         failed: counted(`kind = 'outcome' AND status = 'failed'`),
         refused: counted(`kind = 'refusal'`),
       },
       `added WHERE kind != 'outcome' OR status = 'failed'`,
     )}
     ${addWork('actor', { asked: 'count(*)' }, `added WHERE kind = 'intent'`)}
     ${addWork('confirmer', { confirmed: 'count(*)' }, `added WHERE kind = 'intent' AND confirmer IS NOT NULL`)}
     ${add('action_totals', { command: 'command', status: 'status' }, { count: 'count(*)' }, `added WHERE kind != 'intent'`)}
     INSERT INTO audit_days SELECT ${dayOf('at')}, min(id), max(id) FROM added
     WHERE kind != 'outcome' GROUP BY 1
     ON CONFLICT (day) DO UPDATE SET last_id = excluded.last_id;`,
  ),
  ...onAdded(
    'reports',
    add('daily_counts', { day: dayOf('received_ts') }, { reports: 'count(*)' }, 'added') +
      add('report_totals', { kind: 'kind' }, { count: 'count(*)' }, 'added'),
  ),
  ...onAdded(
    'report_items',
    add('item_totals', { state: 'state' }, { count: 'count(*)' }, 'added'),
  ),
  `CREATE FUNCTION report_items_move_sums() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     UPDATE item_totals SET count = count - 1 WHERE state = OLD.state;
     INSERT INTO item_totals AS sums VALUES (NEW.state, 1)
     ON CONFLICT (state) DO UPDATE SET count = sums.count + 1;
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER report_items_moved AFTER UPDATE OF state ON report_items FOR EACH ROW
   WHEN (NEW.state != OLD.state) EXECUTE FUNCTION report_items_move_sums()`,
  ...onAdded(
    'report_history',
    add('daily_counts', { day: dayOf('at') }, stepCounts, stepsAdded) +
      addWork(`coalesce(actor, 'nobody')`, stepCounts, stepsAdded),
  ),
  ...onAdded(
    'rule_matches',
    add(
      'daily_matches',
      { rule: 'rule', mode: 'mode', day: dayOf('at') },
      { count: 'count(*)' },
      'added',
    ),
  ),
];
