import { sql } from 'kysely';

import { dialectOf } from '../../dialect.ts';
import type { Connection } from '../../schema.ts';
import { numbersOf, readFilter } from './audit-search.ts';
import type { AuditFilter, AuditSearchQuery, NumberRange } from './audit-search.ts';
import { sortTerms } from './search-beginnings.ts';
import { hasBeginning, wordsOf } from './search-expression.ts';
import type { Term } from './search-expression.ts';
import { wordReader } from './word-reader.ts';
import type { NumberedText } from './word-reader.ts';

/** How many entries are read first, and how many more each time. */
const firstWindow = 100;
const widening = 3;
/** After so many, the index of words is asked: what begins like this is rare among these entries. */
const maxRead = 1300;

/** The numbers of the newest entries in this range that match. */
export async function newestNumbers(
  db: Connection,
  filter: AuditFilter,
  range: NumberRange,
  limit: number,
): Promise<readonly number[]> {
  const query = readFilter(db, filter);
  const { terms: all = [] } = query;
  const beginnings = dialectOf(db) === 'sqlite' ? all.filter(hasBeginning) : [];
  if (beginnings.length === 0) {
    return find(db, query, range, limit);
  }
  const whole = all.filter((term) => !hasBeginning(term));
  const { indexed, frequent, shortened } = await sortTerms(db, beginnings);
  const terms = [...whole, ...indexed];
  // There are few open entries. Each of them would be looked for by itself.
  const read = query.status === 'open' ? beginnings : frequent;
  if (read.length === 0) {
    return find(db, { ...query, terms }, range, limit);
  }
  const others = query.status === 'open' ? whole : [...terms, ...shortened];
  const byOthers = { ...query, terms: others.length === 0 ? undefined : others };
  const { found, end } = await readFromEnd(db, byOthers, read, range, limit);
  if (end === undefined) {
    return found;
  }
  const older = await find(
    db,
    { ...query, terms: [...terms, ...frequent] },
    { ...range, before: end },
    limit - found.length,
  );
  return [...found, ...older];
}

async function find(
  db: Connection,
  query: AuditSearchQuery,
  range: NumberRange,
  limit: number,
): Promise<readonly number[]> {
  const { rows } = await numbersOf(db, query, range, 'DESC', limit).execute(db);
  return rows.map(({ id }) => id);
}

/**
 * Reads the newest entries that a query finds, and keeps those with all the terms. What begins like this is frequent, so
 * a few entries usually fill the page.
 *
 * @returns the numbers, and where it ended: older entries were not read
 */
async function readFromEnd(
  db: Connection,
  query: AuditSearchQuery,
  terms: readonly Term[],
  { after, before }: NumberRange,
  limit: number,
): Promise<{ readonly found: readonly number[]; readonly end: number | undefined }> {
  const isCandidate = createQuickCheck(terms);
  const expression = wordsOf(terms);
  const found: number[] = [];
  let end = before;
  let read = 0;
  for (let size = Math.max(firstWindow, limit); read < maxRead; size *= widening) {
    const { rows } = await sql<NumberedText>`
      SELECT entry.id, entry.words
      FROM (SELECT id FROM (${numbersOf(db, query, { after, before: end }, 'DESC', size)})) AS window
      CROSS JOIN audit_search_text AS entry ON entry.id = window.id`.execute(db);
    const matching = wordReader().matching(rows.filter(isCandidate), expression);
    found.push(...[...matching].sort((one, other) => other - one));
    if (found.length >= limit || rows.length < size) {
      return { found: found.slice(0, limit), end: undefined };
    }
    read += rows.length;
    end = Math.min(...rows.map(({ id }) => id));
  }
  return { found, end };
}

/** Whether a text may have all the terms, as far as that can be told without reading its words. */
function createQuickCheck(terms: readonly Term[]): (text: NumberedText) => boolean {
  const wanted = terms.map((term) => term.map(({ words }) => wordReader().read(words)));
  return ({ words }) => {
    const small = words.toLowerCase();
    return (
      // Other letters can have several spellings.
      !/^[\0-\u007F]*$/u.test(words) ||
      wanted.every((term) => term.some((parts) => parts.every((part) => small.includes(part))))
    );
  };
}
