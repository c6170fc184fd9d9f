import { pager } from '../view/components.ts';
import { addressWith, filterForm } from '../view/filters.ts';
import type { Field } from '../view/filters.ts';
import { html } from '../view/html.ts';
import type { Html } from '../view/html.ts';
import type { Page } from '../view/layout.ts';
import { firstPage, pageSize } from './page-context.ts';
import { reading } from './query.ts';
import type { Query } from './query.ts';

/** A list that people narrow with a form, page by page. */
interface FilteredList<Filter, Row> {
  readonly path: string;
  readonly title: string;
  readonly fields: readonly Field[];
  /** Whether this is not the first page. */
  readonly isContinued: boolean;
  /** @throws UsageError a field can't be read */
  readFilter(query: Query): Filter;
  search(filter: Filter, limit: number): Promise<readonly Row[]>;
  show(rows: readonly Row[]): Html | Promise<Html>;
  /** The parameter that the page after this row needs. */
  next(last: Row): Readonly<Record<string, string>>;
}

/** Makes a page of such a list. If a field is wrong, the page says so, and lists nothing. */
export async function listPage<Filter, Row>(
  query: Query,
  list: FilteredList<Filter, Row>,
): Promise<Page> {
  const { path, title, fields, isContinued } = list;
  const { filter, fault } = reading(() => list.readFilter(query));
  const found = filter === undefined ? [] : await list.search(filter, pageSize + 1);
  const { rows, last } = firstPage(found);
  const names = fields.map(({ name }) => name);
  return {
    title,
    ...(fault === undefined ? {} : { status: 400 }),
    body: html`${filterForm({ path, query, fault, fields })}
    ${filter !== undefined && (await list.show(rows))}
    ${pager({
      first: isContinued ? addressWith(path, query, names) : undefined,
      next: last === undefined ? undefined : addressWith(path, query, names, list.next(last)),
    })}`,
  };
}
