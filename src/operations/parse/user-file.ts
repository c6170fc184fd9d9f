import { readUser, withoutMarksAround } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { parseUserId } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';

/** The users that a file names. */
export interface UserFile {
  /** Each once, in the order of the file. */
  readonly users: readonly UserId[];
  /** The first line that names each, counted from 1. */
  readonly lines: ReadonlyMap<UserId, number>;
}

/** A file with more users than this is refused. */
const maxLines = 10_000;

/** The columns that hold users, in any case. The first of them counts. Audit exports have a `target`. */
const userColumns = new Set(['user_id', 'user', 'mxid', 'target']);

interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly cells: readonly string[];
}

/**
 * Reads users from a text file: one or several a line, or a CSV file with a header and a column `user_id`,
 * `user` or `mxid`; the first column if there is none of these. Cells are separated by commas, semicolons or
 * tabs. Of the bot's own `outcomes.csv`, it skips what is done.
 *
 * @throws UsageError names the first line that is not a user
 */
export function readUserFile(text: string, serverName: string): UserFile {
  const { column, rows } = tableIn(text) ?? { column: undefined, rows: listIn(text) };
  const words = rows.flatMap(({ number, cells }) =>
    (column === undefined ? cells : [cells[column] ?? ''])
      .filter((word) => word.trim() !== '')
      .map((word) => ({ number, word })),
  );
  if (words.length > maxLines) {
    throw refusal(
      `The file has ${words.length.toLocaleString('en-US')} users.`,
      `A file can have up to ${maxLines.toLocaleString('en-US')}. Split it.`,
    );
  }
  const lines = new Map<UserId, number>();
  for (const { number, word } of words) {
    const user = readUser(plain(word), serverName);
    if (user === undefined) {
      throw refusal(
        `Line ${number} of the file is not a user: \`${cut(word.trim()).replaceAll('`', '’')}\`.`,
        `Give \`@name:server\`, a link to the user, or a name on ${serverName}.`,
      );
    }
    if (!lines.has(user)) {
      lines.set(user, number);
    }
  }
  if (lines.size === 0) {
    throw refusal('The file contains no users.', 'Send a text file with one user per line.');
  }
  return { users: [...lines.keys()], lines };
}

function refusal(message: string, advice: string): UsageError {
  return new UsageError(message, { word: '--from-file', advice });
}

/** Spreadsheets are given IDs with an apostrophe in front, so that they run no formula. */
function plain(cell: string): string {
  const word = cell.trim().replace(/^'(?=@)/u, '');
  return parseUserId(word) === undefined ? withoutMarksAround(word) : word;
}

/** The words of a plain list. */
function listIn(text: string): Line[] {
  return numbered(text).map(({ number, line }) => ({
    number,
    cells:
      // An ID may contain blanks if it has a line of its own.
      line.startsWith('@') && parseUserId(line) !== undefined ? [line] : line.split(/[\s,;]+/u),
  }));
}

/** The lines that are not empty. */
function numbered(text: string): { number: number; line: string }[] {
  return text
    .replace(/^\uFEFF/u, '')
    .split(/\r\n|\r|\n/u)
    .map((line, at) => ({ number: at + 1, line: line.trim() }))
    .filter(({ line }) => line !== '');
}

/** The rows of a CSV file without its header; undefined if the text has no header. */
function tableIn(text: string): { column: number; rows: Line[] } | undefined {
  const [first = { line: '' }, second] = numbered(text);
  const separator = [',', ';', '\t'].find((one) => first.line.includes(one)) ?? ',';
  const header = (cellsIn(first.line, separator)[0]?.cells ?? []).map((cell) =>
    cell.trim().toLowerCase(),
  );
  const named = header.findIndex((cell) => userColumns.has(cell));
  const isUnnamed =
    header.length > 1 &&
    !header.some((cell) => cell.includes('@')) &&
    /^["']*@/u.test(second?.line ?? '');
  if (named === -1 && !isUnnamed) {
    return undefined;
  }
  const rows = cellsIn(text.replace(/^\uFEFF/u, ''), separator);
  const isEmpty = ({ cells }: Line) => cells.every((cell) => cell.trim() === '');
  const status = header.includes('step') ? header.indexOf('status') : -1;
  const isDone = ({ cells }: Line) => cells[status] === 'done';
  return {
    column: Math.max(named, 0),
    rows: rows
      .filter((row) => !isEmpty(row))
      .slice(1)
      .filter((row) => !isDone(row)),
  };
}

/** Reads CSV by RFC 4180: cells in quotes may contain separators, line breaks and doubled quotes. */
function cellsIn(text: string, separator: string): Line[] {
  const rows: Line[] = [];
  let cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  let number = 1;
  let start = 1;
  const endRow = () => {
    rows.push({ number: start, cells: [...cells, cell] });
    cells = [];
    cell = '';
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    const isBreak = character === '\n' || (character === '\r' && text[at + 1] !== '\n');
    number += isBreak ? 1 : 0;
    if (isQuoted) {
      if (character !== '"') {
        cell += character;
      } else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else {
        isQuoted = false;
      }
    } else if (character === '"' && cell.trim() === '') {
      isQuoted = true;
      cell = '';
    } else if (character === separator) {
      cells.push(cell);
      cell = '';
    } else if (isBreak) {
      endRow();
      start = number;
    } else if (character !== '\r') {
      cell += character;
    }
  }
  endRow();
  return rows;
}
