import { sql } from 'kysely';

import type { SearchTerm } from '../../../core/search-text.ts';
import { indexedBeginnings } from '../../migrations/0022-wider-indexes.ts';
import type { Connection } from '../../schema.ts';
import { hasBeginning } from './search-expression.ts';
import type { Term } from './search-expression.ts';
import { wordReader } from './word-reader.ts';

/** This often, words that begin alike are found soon enough by reading where all of them occur. */
const maxOccurrences = 10_000;
/** As many words as can be looked for one by one. */
const maxEndings = 32;

/** How the terms of a search are best looked for. */
export interface SortedTerms {
  /** By the index of words. */
  readonly indexed: readonly Term[];
  /** In the entries themselves: before it finds the first one, the index would read where all such words occur. */
  readonly frequent: readonly Term[];
  /** Shorter beginnings, of which the index has lists: entries without them have none of the frequent terms either. */
  readonly shortened: readonly Term[];
}

/**
 * Finds out how often words begin like this, on SQLite. The index of words has them in the order of their letters,
 * not of the entries.
 */
export async function sortTerms(db: Connection, terms: readonly Term[]): Promise<SortedTerms> {
  const indexed: Term[] = [];
  const frequent: Term[] = [];
  for (const term of terms) {
    const ended = hasBeginning(term) ? await endedIn(db, term) : term;
    (ended === undefined ? frequent : indexed).push(ended ?? term);
  }
  return { indexed, frequent, shortened: frequent.map(shorten) };
}

const longestIndexed = Math.max(...indexedBeginnings);

function shorten(term: Term): Term {
  return term.map(({ words }) => {
    const { before, beginning } = readBeginning(words);
    const shortened = charactersOf(beginning).slice(0, longestIndexed).join('');
    return { words: [...before, shortened].join(' '), isPrefix: true };
  });
}

const charactersOf = (word: string): readonly string[] => word.match(/./gu) ?? [];

/** The last word, which may go on, and those before it. */
function readBeginning(words: string) {
  const tokens = wordReader().read(words);
  return { before: tokens.slice(0, -1), beginning: tokens.at(-1) ?? '' };
}

/** The same term; with whole words if they are frequent and few; undefined if they are frequent and many. */
async function endedIn(db: Connection, term: Term): Promise<Term | undefined> {
  // This takes no time if it is there. It lasts as long as the connection.
  await sql`
    CREATE VIRTUAL TABLE IF NOT EXISTS temp.audit_search_terms
    USING fts5vocab (main, audit_search, instance)`.execute(db);
  const ended: SearchTerm[] = [];
  for (const spelling of term) {
    const { before, beginning } = readBeginning(spelling.words);
    if (
      indexedBeginnings.includes(charactersOf(beginning).length) ||
      !(await isFrequent(db, beginning))
    ) {
      ended.push(spelling);
      continue;
    }
    const endings = await endingsOf(db, beginning);
    if (endings.length > maxEndings) {
      return undefined;
    }
    ended.push(...endings.map((word) => ({ words: [...before, word].join(' '), isPrefix: false })));
  }
  return ended;
}

/** Comes after all words that begin like this. */
const last = String.fromCodePoint(0x10_ff_ff);

async function isFrequent(db: Connection, beginning: string): Promise<boolean> {
  const { rows } = await sql<{ count: number }>`
    SELECT count(*) AS count FROM (
      SELECT 1 FROM temp.audit_search_terms
      WHERE term >= ${beginning} AND term <= ${beginning + last} LIMIT ${maxOccurrences}
    )`.execute(db);
  return rows[0]?.count === maxOccurrences;
}

/** The words that begin like this, and one more than are wanted if there are more. */
async function endingsOf(db: Connection, beginning: string): Promise<readonly string[]> {
  // Each word is looked up after the one before it, past all its occurrences.
  const next = (from: ReturnType<typeof sql>) => sql`(
    SELECT term FROM temp.audit_search_terms
    WHERE term >= ${from} AND term <= ${beginning + last} LIMIT 1
  )`;
  const { rows } = await sql<{ word: string }>`
    WITH RECURSIVE ending (word) AS (
      SELECT ${next(sql`${beginning}`)}
      UNION ALL
      SELECT ${next(sql`ending.word || char(1)`)} FROM ending WHERE word IS NOT NULL
    )
    SELECT word FROM ending WHERE word IS NOT NULL LIMIT ${maxEndings + 1}`.execute(db);
  return rows.map(({ word }) => word);
}
