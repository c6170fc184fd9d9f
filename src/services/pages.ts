/**
 * A list that the homeserver keeps, to be read page by page or as a whole. Nothing is requested before
 * one of the two functions is called.
 */
export interface Pages<Row> {
  page(): Promise<{
    readonly rows: readonly Row[];
    /** The number of rows on all pages. */
    readonly total: number;
    /** Where the next page starts; undefined on the last page. */
    readonly nextFrom: string | undefined;
  }>;
  all(): AsyncIterable<Row>;
}

/** The number of rows per request when a list is read as a whole. */
export const rowsPerRequest = 100;
