import { count } from '../../chat/answers/phrases.ts';
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
  /** How many other users the file names as done. */
  readonly done: number;
}

/** A file with more users than this is refused. */
const maxLines = 10_000;

/**
 * The columns that may hold users, in any case. If a file has several, the first of this list counts. Audit
 * exports have a `target`.
 */
const userColumns = 'user_id mxid matrix_id userid user account username target'.split(' ');

/** Characters of an unknown header that are shown. */
const maxHeaderShown = 200;

interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly cells: readonly string[];
  /** A quote in it is not closed: it contains the rest of the file. */
  readonly isOpen?: boolean;
}

/**
 * Reads users from a text file: one or several a line, or a CSV file with a header and a column such as
 * `user_id`; if no column has such a name, the first one, provided that it contains IDs. Cells are
 * separated by commas, semicolons or tabs. Lines that start with `#` are comments. Of the bot's own
 * `outcomes.csv`, it skips what is done.
 *
 * @throws UsageError names the first line that is not a user, or the columns if none can hold users
 */
export function readUserFile(text: string, serverName: string): UserFile {
  const table = tableIn(text) ?? { column: undefined, rows: listIn(text), done: [] };
  const { column } = table;
  const wordsOf = ({ number, cells }: Line) =>
    (column === undefined ? cells : [cells[column] ?? ''])
      .filter((word) => word.trim() !== '')
      .map((word) => ({ number, word }));
  const words = table.rows.flatMap(wordsOf);
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
  const named = table.done.flatMap(wordsOf).map(({ word }) => readUser(plain(word), serverName));
  const done = new Set(named.filter((user) => user !== undefined && !lines.has(user))).size;
  if (lines.size === 0 && done > 0) {
    throw refusal(
      `The file says that ${done === 1 ? 'its only account is' : `all ${count(done, 'account')} are`} done.`,
      'To take them all the same, remove the column “status” from it.',
    );
  }
  if (lines.size === 0) {
    throw refusal('The file contains no users.', 'Send a text file with one user per line.');
  }
  return { users: [...lines.keys()], lines, done };
}

function refusal(message: string, advice: string): UsageError {
  return new UsageError(message, { word: '--from-file', advice });
}

/** Spreadsheets are given IDs with an apostrophe in front, so that they run no formula. */
function plain(cell: string): string {
  const word = cell.trim().replace(/^'(?=@)/u, '');
  return parseUserId(word) === undefined ? withoutMarksAround(word) : word;
}

/**
 * The words of a plain list.
 *
 * @throws UsageError a line has an ID and words that may be anything: a display name could be somebody else's username
 */
function listIn(text: string): Line[] {
  return numbered(text).map(({ number, line }) => {
    // An ID may contain blanks if it has a line of its own.
    const isOne = line.startsWith('@') && parseUserId(line) !== undefined;
    const cells = isOne ? [line] : line.split(/[\s,;]+/u).filter((word) => word !== '');
    const strange = cells.some(isSpelledOut)
      ? cells.find((word) => !isSpelledOut(word))
      : undefined;
    if (strange !== undefined) {
      throw refusal(
        `Line ${number} of the file has the ID of a user and something else: \`${cut(strange).replaceAll('`', '’')}\`.`,
        'Give IDs alone, or put the names of the columns into the first line, such as `user_id,name`.',
      );
    }
    return { number, cells };
  });
}

/** Whether a word is an ID or a link, and not a bare name. */
function isSpelledOut(word: string): boolean {
  return /^["'<([]*(?:@|https?:|matrix:)/u.test(word);
}

/** Whether a line is a comment. A header may begin with a column `#`. */
function isComment(line: string): boolean {
  return /^#(?!\s*[,;\t])/u.test(line);
}

/** The lines that are neither empty nor comments. */
function numbered(text: string): { number: number; line: string }[] {
  return text
    .replace(/^\uFEFF/u, '')
    .split(/\r\n|\r|\n/u)
    .map((line, at) => ({ number: at + 1, line: line.trim() }))
    .filter(({ line }) => line !== '' && !isComment(line));
}

/**
 * The rows of a CSV file without its header, and those that are done; undefined if the text has no header.
 *
 * @throws UsageError it has a header, and no column that can hold users; or a quote is not closed
 */
function tableIn(text: string): { column: number; rows: Line[]; done: Line[] } | undefined {
  const [first = { line: '' }, second = { line: '' }] = numbered(text);
  const separator = [',', ';', '\t'].find((one) => first.line.includes(one)) ?? ',';
  const header = (cellsIn(first.line, separator)[0]?.cells ?? []).map((cell) =>
    cell.trim().toLowerCase(),
  );
  const name = userColumns.find((one) => header.includes(one));
  const mayBeHeader = header.length > 1 && !header.some((cell) => cell.includes('@'));
  if (name === undefined && !(mayBeHeader && /^["']*@/u.test(second.line))) {
    const [row] = cellsIn(second.line, separator);
    if (mayBeHeader && row?.cells.some((cell) => /^\s*'?@/u.test(cell)) === true) {
      throw refusal(
        `The file has the columns ${cut(header.join(', '), maxHeaderShown)}, and I don’t know which holds the users.`,
        `Give that column one of the names ${userColumns.join(', ')}.`,
      );
    }
    return undefined;
  }
  const all = cellsIn(text.replace(/^\uFEFF/u, ''), separator);
  const open = all.find(({ isOpen }) => isOpen === true);
  if (open !== undefined) {
    throw refusal(
      `Line ${open.number} of the file has a quote that is not closed.`,
      'Close it, or write it twice if it belongs to the text: the lines after it can’t be told apart.',
    );
  }
  const [, ...rows] = all.filter(
    ({ cells }) =>
      cells.some((cell) => cell.trim() !== '') && !isComment(cells.join(separator).trim()),
  );
  const status = header.includes('step') ? header.indexOf('status') : -1;
  return {
    column: name === undefined ? 0 : header.indexOf(name),
    rows: rows.filter(({ cells }) => cells[status] !== 'done'),
    done: rows.filter(({ cells }) => cells[status] === 'done'),
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
    rows.push({ number: start, cells: [...cells, cell], isOpen: isQuoted });
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
