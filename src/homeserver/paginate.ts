import { HomeserverError } from '../core/errors.ts';

/** One page of a list. Tokens are strings for some endpoints, numbers for others. */
interface Page<Item, Token extends string | number> {
  readonly items: readonly Item[];
  /** Null on the last page. */
  readonly next: Token | null;
}

/** 100,000 items in pages of the server's default size. */
const maxPages = 1000;

/**
 * Yields the items of all pages of a list. Fetches a page only when its items are read.
 *
 * The server's tokens are row offsets: if items are added or deleted in the meantime, others may appear
 * twice or be left out.
 *
 * @param request method and path template, for the error
 * @param start the token to start with, undefined for the first page
 * @throws HomeserverError the pages repeat or don't end; and what `fetchPage` throws
 */
export async function* paginate<Item, Token extends string | number>(
  request: string,
  start: Token | undefined,
  fetchPage: (from: Token | undefined) => Promise<Page<Item, Token>>,
): AsyncGenerator<Item, void, undefined> {
  const seen = new Set<Token | undefined>();
  let from = start;
  do {
    seen.add(from);
    const { items, next } = await fetchPage(from);
    yield* items;
    if (next === null) {
      return;
    }
    from = next;
  } while (!seen.has(from) && seen.size < maxPages);
  throw new HomeserverError(
    200,
    'LAWSPEAKER_BAD_ANSWER',
    request,
    seen.has(from) ? 'its pages repeat' : `it has more than ${maxPages} pages`,
  );
}

/**
 * The page size for a query, undefined for the server's default (100).
 *
 * @throws RangeError it is below 1: the server answers 0 with empty pages that never end
 */
export function pageSize(limit: number | undefined): number | undefined {
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw new RangeError(`a page can't have ${limit} items`);
  }
  return limit;
}
