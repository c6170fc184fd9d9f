import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { readSearchText, spellingsOf } from '../../../core/search-text.ts';
import type { SearchTerm } from '../../../core/search-text.ts';
import { dialectOf } from '../../dialect.ts';
import type { Connection } from '../../schema.ts';

/** One of these must be found. */
export type Term = readonly SearchTerm[];

/** What the index of words can be asked: for words and, on SQLite, for all the others too. */
export interface IndexQuery {
  readonly by?: string | undefined;
  readonly target?: string | undefined;
  readonly command?: string | undefined;
  readonly status?: string | undefined;
  /** All of them; undefined if words don't matter. */
  readonly terms?: readonly Term[] | undefined;
}

/** What somebody searches for, as the index of words can find it. */
export function readTerms(db: Connection, text: string): readonly Term[] {
  return readSearchText(text).map((term) =>
    dialectOf(db) === 'sqlite'
      ? spellingsOf(term.words).map((words) => ({ ...term, words }))
      : // It knows that these are the same.
        [term],
  );
}

export function hasBeginning(term: Term): boolean {
  return term.some(({ isPrefix }) => isPrefix);
}

/** Whether the index of words knows which entries ended like this. Nearly all of them are done. */
function hasKey(status: string | undefined): status is string {
  return status !== undefined && status !== 'done' && status !== 'open' && status !== 'running';
}

/** Whether the index of words finds entries without a text: on PostgreSQL, it only has words. */
export function hasKeys(db: Connection, { by, target, status }: IndexQuery): boolean {
  return dialectOf(db) === 'sqlite' && hasKey(status) && (by !== undefined || target !== undefined);
}

/** The number of an entry in the index of words. */
export function indexedNumber(db: Connection): RawBuilder<number> {
  return sql.raw(dialectOf(db) === 'sqlite' ? 'audit_search.rowid' : 'audit_search.id');
}

/** A condition for the index of words: it has all words of a text, and on SQLite the keys of a filter. */
export function isInIndex(db: Connection, query: IndexQuery): RawBuilder<boolean> {
  if (dialectOf(db) === 'sqlite') {
    return sql<boolean>`audit_search MATCH ${searchFor(query)}`;
  }
  const terms = (query.terms ?? []).map(
    (term) =>
      sql`(${sql.join(
        term.map(({ words, isPrefix }) => sql`audit_search_query(${words}, ${isPrefix})`),
        sql` || `,
      )})`,
  );
  return sql<boolean>`audit_search.words @@ (${sql.join(terms, sql` && `)})`;
}

/** An expression of FTS5 for all that the index of words knows. */
function searchFor({ terms = [], ...query }: IndexQuery): string {
  const { status } = query;
  const keys = keysOf({ ...query, status: hasKey(status) ? status : undefined });
  const all = [...(terms.length === 0 ? [] : [wordsOf(terms)]), ...(keys === '' ? [] : [keys])];
  return status === 'done' ? `(${all.join(' AND ')}) NOT keys : isother` : all.join(' AND ');
}

/** An expression of FTS5 for words. People’s words can’t be taken for operators. */
export function wordsOf(terms: readonly Term[]): string {
  return terms
    .map((term) => {
      const spellings = term.map(({ words, isPrefix }) => `"${words}"${isPrefix ? ' *' : ''}`);
      return `words : (${spellings.join(' OR ')})`;
    })
    .join(' AND ');
}

/** An expression of FTS5 for entries by who did what to whom, and how it ended unless that is `done`. */
export function keysOf({
  by,
  target,
  command,
  status,
}: Pick<IndexQuery, 'by' | 'command' | 'status' | 'target'>): string {
  return Object.entries({ by, on: target, of: command, is: status })
    .filter(([, value]) => value !== undefined)
    .map(([key, value = '']) => `keys : ${key}${Buffer.from(value).toString('hex')}`)
    .join(' AND ');
}
