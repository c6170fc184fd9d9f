import { HomeserverError } from '../core/errors.ts';

/** A page in the endpoint's own terms: its token is a string for some endpoints, else a number. */
interface Page<Item, Token extends string | number> {
  readonly items: readonly Item[];
  /** Null on the last page. */
  readonly next: Token | null;
}

/** A list of 100,000 in pages of the server's own size. */
const maxPages = 1000;

/**
 * Walks all pages of a list and yields their items; stops asking when the reader stops reading.
 *
 * The server's tokens are row offsets, evaluated anew at each request: what is added or deleted
 * meanwhile lets items come twice or be left out.
 *
 * @param request method and path template, for the error
 * @param start the token to begin with, undefined for the first page
 * @throws HomeserverError what `fetchPage` throws, or that the pages turn in a circle or don't end
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
    seen.has(from) ? 'its pages turn in a circle' : `it has more than ${maxPages} pages`,
  );
}

/**
 * The page size for a query, undefined for the server's own (100).
 *
 * @throws RangeError below 1: the server answers 0 with empty pages that never end
 */
export function pageSize(limit: number | undefined): number | undefined {
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    throw new RangeError(`a page can't have ${limit} items`);
  }
  return limit;
}
