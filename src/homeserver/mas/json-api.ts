import { z } from 'zod';

import { apiObject } from '../decode.ts';
import type { RequestOptions, SendRequest } from '../http.ts';
import { paginate } from '../paginate.ts';

declare const brand: unique symbol;

/** The ULID that MAS gives each of its resources. It is never a Matrix ID or a localpart. */
export type MasId = string & { readonly [brand]: 'MasId' };

export const masId = z
  .string()
  .regex(/^[0-9A-HJKMNP-TV-Z]{26}$/u, 'not a ULID')
  .transform((text) => text as MasId);

/** A time from MAS (RFC 3339), in milliseconds since 1970. */
export const time = z
  .string()
  .transform((text) => Date.parse(text))
  .refine((timeMs) => Number.isFinite(timeMs), 'not a time');

/** A time for MAS; null and undefined as they are. */
export function timeForMas<Absent extends null | undefined>(timeMs: number | Absent) {
  return typeof timeMs === 'number' ? new Date(timeMs).toISOString() : timeMs;
}

/** A JSON:API resource: its `id`, and its attributes under our names. */
export function resource<Shape extends z.ZodRawShape>(attributes: Shape) {
  return z
    .object({ id: masId, attributes: apiObject(attributes) })
    .transform(({ id, attributes: own }) => ({ id, ...own }));
}

/** An answer that is one resource. */
export function single<Resource>(schema: z.ZodType<Resource>) {
  return z.object({ data: schema }).transform(({ data }) => data);
}

/** Items of a page. MAS gives 10 by default. */
const itemsPerPage = 100;

/** The parameters `filter[…]` of a list. MAS ignores those that it doesn't know. */
export function filters(
  values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>,
) {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`filter[${name}]`, value]),
  );
}

/**
 * Yields all items of a list, oldest first, and fetches a page only when its items are read. The next page
 * begins after the last item of this one: the cursors in MAS's own `links.next` are wrong in one list.
 *
 * @param template the path of the list
 * @param query the list's filters
 */
export function listAll<Item extends { readonly id: MasId }>(
  send: SendRequest,
  template: string,
  item: z.ZodType<Item>,
  query: NonNullable<RequestOptions<z.ZodType>['query']> = {},
): AsyncGenerator<Item, void, undefined> {
  const page = z.object({
    data: z.array(item),
    links: z.object({ next: z.string().nullish() }).default({}),
  });
  return paginate<Item, string>(`GET ${template}`, undefined, async (after) => {
    const { data, links } = await send('GET', template, {
      query: { ...query, count: false, 'page[first]': itemsPerPage, 'page[after]': after },
      answer: page,
    });
    const last = data.at(-1);
    return {
      items: data,
      next: last === undefined || typeof links.next !== 'string' ? null : last.id,
    };
  });
}
