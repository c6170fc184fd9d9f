/** Rows of a list: a page, or all. */
export interface Listing<Row> {
  readonly rows: readonly Row[];
  /** The number of rows on all pages; undefined if the homeserver doesn't say. */
  readonly total: number | undefined;
  /** Where the next page starts; undefined on the last page. */
  readonly nextFrom: string | undefined;
}

/**
 * A list that the homeserver keeps, to be read page by page or as a whole. Nothing is requested before
 * one of the two functions is called.
 */
export interface Pages<Row> {
  page(): Promise<Listing<Row>>;
  all(): AsyncIterable<Row>;
}

/** The number of rows per request when a list is read as a whole. */
export const rowsPerRequest = 100;
