import { describe, expect, test } from 'vitest';

import { HomeserverError } from '../../src/core/errors.ts';
import { pageSize, paginate } from '../../src/homeserver/paginate.ts';

/** Serves the pages of a list by row offset, and notes what it was asked. */
function pagesOf(items: readonly string[], size: number) {
  const asked: (number | undefined)[] = [];
  return {
    asked,
    fetchPage: async (from: number | undefined) => {
      asked.push(from);
      const end = (from ?? 0) + size;
      return { items: items.slice(from ?? 0, end), next: end < items.length ? end : null };
    },
  };
}

describe('paginate', () => {
  test('yields the items of all pages in their order', async () => {
    const list = pagesOf(['a', 'b', 'c', 'd', 'e'], 2);
    const items = await Array.fromAsync(paginate('GET /list', undefined, list.fetchPage));
    expect(items).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(list.asked).toEqual([undefined, 2, 4]);
  });

  test('asks once for an empty list', async () => {
    const list = pagesOf([], 2);
    expect(await Array.fromAsync(paginate('GET /list', undefined, list.fetchPage))).toEqual([]);
    expect(list.asked).toEqual([undefined]);
  });

  test('begins where it is told', async () => {
    const list = pagesOf(['a', 'b', 'c'], 2);
    expect(await Array.fromAsync(paginate('GET /list', 2, list.fetchPage))).toEqual(['c']);
  });

  test('asks for no more than is read', async () => {
    const list = pagesOf(['a', 'b', 'c', 'd'], 2);
    for await (const item of paginate('GET /list', undefined, list.fetchPage)) {
      if (item === 'b') {
        break;
      }
    }
    expect(list.asked).toEqual([undefined]);
  });

  test('goes on after an empty page that has a token', async () => {
    const pages = [
      { items: [], next: 'more' },
      { items: ['a'], next: null },
    ];
    const fetchPage = async () => pages.shift() ?? { items: [], next: null };
    expect(await Array.fromAsync(paginate('GET /list', undefined, fetchPage))).toEqual(['a']);
  });

  test.for([
    ['the same token again', ['5', '5']],
    ['a circle of tokens', ['5', '7', '5']],
    ['the token it was given', ['0']],
  ] as const)('stops with an error at %s', async ([, tokens]) => {
    let page = 0;
    const fetchPage = async () => ({ items: ['a'], next: tokens[page++] ?? 'new' });
    const reading = Array.fromAsync(paginate<string, string>('GET /list', '0', fetchPage));
    await expect(reading).rejects.toThrow(HomeserverError);
    expect(page).toBe(tokens.length);
  });

  test('stops with an error at pages that never end', async () => {
    let page = 0;
    const fetchPage = async () => ({ items: [], next: (page += 1) });
    const reading = Array.fromAsync(paginate<string, number>('GET /list', undefined, fetchPage));
    await expect(reading).rejects.toThrow('more than 1000 pages');
    expect(page).toBe(1000);
  });
});

test.for([0, -1, 1.5, Number.NaN, Infinity, 2 ** 53])('a page of %d is refused', (limit) => {
  expect(() => pageSize(limit)).toThrow(RangeError);
});

test.for([1, 100, undefined])('a page of %s is asked for', (limit) => {
  expect(pageSize(limit)).toBe(limit);
});
