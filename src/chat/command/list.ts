import { stringify } from 'csv-stringify/sync';

import { UsageError } from '../../core/errors.ts';
import type { Listing, Pages } from '../../services/pages.ts';
import { absentLines, absentTitle } from '../answers/absent.ts';
import { bold, line } from '../answers/answer.ts';
import type { Answer, AnswerFile, Column, Content } from '../answers/answer.ts';
import { count } from '../answers/phrases.ts';
import { flag } from './arguments.ts';
import type { CheckContext, Context } from './declaration.ts';
import type { Invocation } from './invocation.ts';
import { writeInvocation } from './write-invocation.ts';

/** The default number of rows in one answer. */
export const pageSize = 20;
/** More rows than this can't be read at once without harm to the server or the reader. */
const maxFileLength = 100_000;

/** The flags that every list has. Spread them into a command's arguments. */
export const listFlags = {
  limit: flag('integer', `Number of rows (default: ${pageSize}, all in a file)`, {
    min: 1,
    max: 100,
  }),
  from: flag('word', 'Start position (set by !more)', { placeholder: 'TOKEN' }),
  all: flag('boolean', 'Everything, as a file', { default: false }),
  format: flag('choice', 'Send a file of this type', { choices: ['csv', 'json'] }),
} as const;

/**
 * The flags that sort a list.
 *
 * @param orders what it can be sorted by
 * @param texts descriptions that say more than the usual ones
 */
export function sortFlags<const Orders extends readonly string[]>(
  orders: Orders,
  texts: { readonly orderBy?: string; readonly dir?: string } = {},
) {
  return {
    orderBy: flag('choice', texts.orderBy ?? 'Sort by this', { choices: orders }),
    dir: flag('choice', texts.dir ?? 'f: ascending, b: descending', { choices: ['f', 'b'] }),
  };
}

interface ListArguments {
  readonly all: boolean;
  readonly limit: number | undefined;
  readonly from: string | undefined;
  readonly format: 'csv' | 'json' | undefined;
}

/** A column of a file. */
interface FileColumn<Row> {
  /** The API's name, for CSV and JSON. */
  readonly name: string;
  readonly value: (row: Row) => string | number | boolean | null;
}

/** A column that answers show as well. */
interface ShownColumn<Row> extends FileColumn<Row>, Column {
  readonly show: (row: Row) => Content;
}

/** A column of a list. A phone has little room, so only columns with a title are shown. */
export type ListColumn<Row> = FileColumn<Row> | ShownColumn<Row>;

/** The columns that answers show. */
export function shownColumns<Row>(columns: readonly ListColumn<Row>[]): ShownColumn<Row>[] {
  return columns.filter((column) => 'show' in column);
}

/**
 * A page of rows that were read after a position.
 *
 * @param found one row more than `limit`, if there are that many; it shows that a next page exists
 * @param total of all pages
 * @param positionOf the value of `--from` that continues after this row
 */
export function pageAfter<Row>(
  found: readonly Row[],
  limit: number,
  total: number,
  positionOf: (last: Row) => string,
): Listing<Row> {
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const isMore = found.length > rows.length && last !== undefined;
  return { rows, total, nextFrom: isMore ? positionOf(last) : undefined };
}

/** How many rows are read at once for a file. */
const rowsAtOnce = 500;

/** All rows of a list whose pages start after a row, read in pieces. */
export async function* allInPieces<Row, Cursor>(
  read: (request: {
    readonly limit: number;
    readonly after: Cursor | undefined;
  }) => Promise<readonly Row[]>,
  cursorOf: (last: Row) => Cursor,
): AsyncGenerator<Row> {
  let after: Cursor | undefined;
  for (;;) {
    const rows = await read({ limit: rowsAtOnce, after });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsAtOnce) {
      return;
    }
    after = cursorOf(last);
  }
}

/** Whether the list is sent as a file. */
export function isInFile({
  all,
  format,
}: {
  readonly all: boolean;
  readonly format: string | undefined;
}): boolean {
  return all || format !== undefined;
}

/** Whether all rows are wanted. A file has all, unless a page of them is asked for. */
function wantsAll(args: ListArguments): boolean {
  return (
    args.all || (args.format !== undefined && args.limit === undefined && args.from === undefined)
  );
}

/** Reads a page, or everything for a file; the total is undefined if that is more than a file can have. */
export async function readList<Row>(
  args: ListArguments,
  source: Pages<Row>,
): Promise<Listing<Row>> {
  if (!wantsAll(args)) {
    return source.page();
  }
  const rows: Row[] = [];
  for await (const row of source.all()) {
    if (rows.length === maxFileLength) {
      return { rows, total: undefined, nextFrom: undefined };
    }
    rows.push(row);
  }
  return { rows, total: rows.length, nextFrom: undefined };
}

/** For lists that the server gives whole: cuts a page out of it. */
export function pageOf<Row>(rows: readonly Row[], args: ListArguments): Listing<Row> {
  const isWhole = wantsAll(args);
  const start = isWhole ? 0 : Number(args.from ?? 0) || 0;
  const end = isWhole ? rows.length : start + (args.limit ?? pageSize);
  return {
    rows: rows.slice(start, end),
    total: rows.length,
    nextFrom: end < rows.length ? String(end) : undefined,
  };
}

/** The answer to a list: a table with its total, or a file. */
export function listAnswer<Row>(
  context: Pick<Context, 'invocation' | 'registry' | 'absent'> & { readonly args: ListArguments },
  listing: Listing<Row>,
  form: {
    /** `account`, for `3 accounts`. */
    readonly noun: string;
    readonly plural?: string;
    /** After the number: ` in #lobby:example.com`. */
    readonly of?: Content;
    readonly columns: readonly ListColumn<Row>[];
    /** The title if there are no rows: `Mallory has no devices`. */
    readonly nothing?: Content;
    /** What else to say if there are no rows. */
    readonly none?: Content;
    /** What to say below the list, such as what it leaves out. */
    readonly note?: Content | undefined;
    readonly next?: readonly string[];
  },
): Answer {
  const { rows, nextFrom } = listing;
  const { args, invocation, absent } = context;
  const total = totalOf(listing, args);
  const note = [
    ...(form.note === undefined ? [] : [line(...form.note)]),
    ...absentLines(absent, total === 0),
  ];
  const counted = (number: number) => count(number, form.noun, form.plural);
  const knownOf = (number: number) =>
    number === 0
      ? `No ${form.plural ?? `${form.noun}s`} on this page`
      : `At least ${counted(number)}`;
  const title: Content =
    total === 0
      ? (absentTitle(absent) ?? form.nothing ?? [bold(`No ${form.noun} found`)])
      : [bold(total === undefined ? knownOf(rows.length) : counted(total)), ...(form.of ?? [])];
  const more = nextFrom === undefined ? {} : { more: nextPage(context, { from: nextFrom }) };
  if (isInFile(args)) {
    const file = fileOf(invocation.command, args.format ?? 'csv', rows, form.columns);
    return {
      mark: 'ℹ️',
      title: [...title, `: ${count(rows.length, 'row')} in ${file.name}`],
      body: note,
      next: nextFrom === undefined ? [] : ['more'],
      ...more,
      file,
      data: { total: total ?? null },
    };
  }
  const shown = shownColumns(form.columns);
  const isPart = total === undefined || rows.length < total || nextFrom !== undefined;
  return {
    mark: 'ℹ️',
    title: [...title, ...(isPart && rows.length > 0 ? [`, ${rows.length} shown`] : [])],
    body: [
      ...(rows.length === 0
        ? total !== 0
          ? [line('There are no rows after that position.')]
          : form.none === undefined
            ? []
            : [line(...form.none)]
        : [
            {
              kind: 'table' as const,
              columns: shown,
              rows: rows.map((row) => shown.map((column) => column.show(row))),
            },
          ]),
      ...note,
    ],
    next: [...(nextFrom === undefined ? [] : ['more']), ...(form.next ?? [])],
    ...more,
    data: { total: total ?? null, rows, nextFrom },
  };
}

/**
 * The number of rows on all pages; undefined if it is not known. If no page follows the first, the first has
 * all rows.
 */
function totalOf(
  { rows, total, nextFrom }: Listing<unknown>,
  args: ListArguments,
): number | undefined {
  // All rows that were read are the total, unless they were too many for a file.
  const isWhole = !wantsAll(args) && args.from === undefined && nextFrom === undefined;
  return total ?? (isWhole ? rows.length : undefined);
}

/**
 * The command line of the next page.
 *
 * @param position the arguments that say where it starts
 */
export function nextPage(
  { invocation, registry }: Pick<Context, 'invocation' | 'registry'>,
  position: Invocation['arguments'],
): string {
  const command = registry.find(invocation.command);
  return command === undefined
    ? invocation.command
    : writeInvocation(command, {
        ...invocation,
        arguments: { ...invocation.arguments, ...position },
      });
}

/** Rows as a file, with a name and a format. */
export function fileOf<Row>(
  command: string,
  format: 'csv' | 'json',
  rows: readonly Row[],
  columns: readonly ListColumn<Row>[],
): AnswerFile {
  const records = rows.map((row) =>
    Object.fromEntries(columns.map(({ name, value }) => [name, value(row)])),
  );
  return format === 'json'
    ? {
        name: `${command}.json`,
        contentType: 'application/json',
        content: JSON.stringify(records, null, 2),
      }
    : {
        name: `${command}.csv`,
        contentType: 'text/csv',
        content: stringify(records, {
          header: true,
          columns: columns.map(({ name }) => name),
          cast: { boolean: String },
          // Spreadsheets run cells that begin with `=`: names are strangers' words.
          escape_formulas: true,
        }),
      };
}

/** The error for a `--from` that no page has given. */
export function unknownPosition(from: string, { prefix }: CheckContext): UsageError {
  return new UsageError(`\`--from\`: \`${from}\` is not a start position.`, {
    word: from,
    advice: `Leave it out. \`${prefix}more\` sets it.`,
  });
}

/**
 * For lists whose pages start at a row number. It is checked here because Synapse answers a number that is
 * too large with an internal error.
 *
 * @throws UsageError `--from` is not a row number
 */
export function checkOffset(
  { from }: { readonly from: string | undefined },
  context: CheckContext,
): void {
  if (from !== undefined && !/^\d{1,15}$/u.test(from)) {
    throw unknownPosition(from, context);
  }
}

/** A page of a list of Synapse's whose pages start at a row number, which `checkOffset` has checked. */
export function pageQuery<Order>({
  orderBy,
  dir,
  limit = pageSize,
  from,
}: {
  readonly orderBy: Order;
  readonly dir: 'f' | 'b' | undefined;
  readonly limit: number | undefined;
  readonly from: string | undefined;
}) {
  return { orderBy, dir, limit, from: from === undefined ? undefined : Number(from) };
}
