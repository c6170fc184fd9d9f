import type { Registry } from '../../chat/command/declaration.ts';
import type { Services } from '../../services/services.ts';
import type { Viewer } from '../access/viewer.ts';
import type { Page } from '../view/layout.ts';
import type { Query } from './query.ts';

/** What the pages read. They change nothing. */
export interface PageServices {
  readonly reports: Pick<
    Services['reports'],
    'countByState' | 'get' | 'mainReasonsOf' | 'search' | 'story' | 'whereIs'
  >;
  readonly operations: Pick<
    Services['operations'],
    'countPending' | 'first' | 'get' | 'newest' | 'progressOf' | 'targets'
  >;
  readonly audit: Pick<
    Services['audit'],
    'chainOf' | 'get' | 'intentOf' | 'isLost' | 'operationOf' | 'search'
  >;
  readonly bot: Pick<Services['bot'], 'status'>;
}

/** What a page is made from. */
export interface PageContext {
  readonly services: PageServices;
  readonly registry: Registry;
  readonly viewer: Viewer;
  readonly query: Query;
  readonly prefix: string;
  readonly now: number;
}

/** Makes a page; undefined if there is nothing at this address. */
export type MakePage = (context: PageContext, id: number) => Promise<Page | undefined>;

/** Rows of a list that are shown at once. */
export const pageSize = 50;

/**
 * Rows for one page, and the last of them if more follow.
 *
 * @param found one more than a page has, if there are so many
 */
export function firstPage<Row>(found: readonly Row[]): {
  readonly rows: readonly Row[];
  readonly last: Row | undefined;
} {
  const rows = found.slice(0, pageSize);
  return { rows, last: found.length > pageSize ? rows.at(-1) : undefined };
}
