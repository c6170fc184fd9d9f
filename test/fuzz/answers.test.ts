import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { ForeignAnswerError, HomeserverError, TargetError } from '../../src/core/errors.ts';
import type { EventId, MxcUri, RoomId, UserId } from '../../src/core/ids.ts';
import { adminApiOn } from '../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../src/homeserver/admin/admin-api.ts';
import { createSendRequest } from '../../src/homeserver/http.ts';
import { fakeHttp } from '../support/fake-http.ts';
import { answersFor } from '../support/hostile-answers.ts';
import {
  anyJson,
  fuzzTimeoutMs,
  fuzzing,
  hostileText,
  jsonText,
  report,
} from '../support/hostile.ts';

const user = '@mallory:localhost' as UserId;
const room = '!room:localhost' as RoomId;
const event = '$event' as EventId;
const file = 'mxc://localhost/file' as MxcUri;

/** The first of a list: a hostile one need not end. */
async function firstOf(list: AsyncIterable<unknown>): Promise<unknown> {
  let seen = 0;
  for await (const one of list) {
    seen += 1;
    if (seen > 20) {
      return one;
    }
  }
  return undefined;
}

type Call = (...args: unknown[]) => unknown;

/** The functions of an API, by their place in it. */
function functionsOf(value: object, path: readonly string[] = []): [string, Call][] {
  return Object.entries(value).flatMap(([name, member]: [string, unknown]) =>
    typeof member === 'function'
      ? [[[...path, name].join('.'), member as Call]]
      : functionsOf(member as object, [...path, name]),
  );
}

/**
 * Arguments that a function may take: an ID or a number alone, with another, or with options, and a
 * transaction ID.
 */
const argumentLists: readonly unknown[][] = [user, room, event, file, {}, 1].flatMap((first) => [
  [first, event, {}],
  [first, {}, {}],
  [first, [], {}],
  [first, {}, event],
]);

/** The functions of the admin API, each with arguments with which it makes a request. */
async function findCalls(): Promise<Map<string, readonly unknown[]>> {
  const found = new Map<string, readonly unknown[]>();
  let requests = 0;
  const http = fakeHttp(async () => {
    requests += 1;
    return { status: 200, body: '{}' };
  });
  const api = adminApiOn(createSendRequest(http, 'http://localhost'));
  for (const [name] of functionsOf(api)) {
    for (const args of argumentLists) {
      requests = 0;
      const isCalled = await isDecoded(async (given) => call(given, name, args), api).then(
        () => requests > 0,
        () => false,
      );
      if (isCalled) {
        found.set(name, args);
        break;
      }
    }
  }
  return found;
}

/** Calls a function of the API. Of a list, it takes the first. */
async function call(api: AdminApi, name: string, args: readonly unknown[]): Promise<unknown> {
  const result: unknown = await new Map(functionsOf(api)).get(name)?.(...args);
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result
    ? firstOf(result as AsyncIterable<unknown>)
    : result;
}

/** A server that gives one answer to everything: text as it is, or what `fit` makes for the schema. */
function apiBefore(status: number, text: string | undefined, seed = 0): AdminApi {
  let requests = 0;
  return adminApiOn(async (method, template, options) => {
    const http = fakeHttp(async () => {
      requests += 1;
      if (requests > 30) {
        return { status: 500, body: '' };
      }
      const [made] =
        text === undefined
          ? fc.sample(answersFor(options.answer), { numRuns: 1, seed: seed + requests })
          : [];
      return { status, body: text ?? jsonText(made) };
    });
    return createSendRequest(http, 'http://localhost')(method, template, options);
  });
}

/** Whether an answer was decoded; anything but an error of the family is a fault. */
async function isDecoded(read: (api: AdminApi) => Promise<unknown>, api: AdminApi) {
  try {
    await read(api);
    return true;
  } catch (error) {
    if (error instanceof HomeserverError || error instanceof ForeignAnswerError) {
      return false;
    }
    if (error instanceof TargetError) {
      // The answer was read, and says that the account exists already, for example.
      return true;
    }
    throw error;
  }
}

const calls = await findCalls();

test('every function of the admin API makes a request', () => {
  expect([...calls.keys()].sort()).toEqual(
    functionsOf(apiBefore(200, ''))
      .map(([name]) => name)
      .sort(),
  );
});

test.each([
  [400, true],
  [600, false],
  [100_000, false],
])('account data of %i levels is decoded: %s', async (levels, decoded) => {
  const content = `${'[{"x":'.repeat(levels / 2)}"]}"${'}]'.repeat(levels / 2)}`;
  const api = apiBefore(200, `{"account_data":{"global":{"x":${content}}}}`);
  expect(await isDecoded(async ({ users }) => users.accountData(user), api)).toBe(decoded);
});

const anyCall = fc.constantFrom(...calls);
const status = fc.constantFrom(200, 200, 200, 200, 201, 204, 302, 400, 404, 418, 500, 502);

/** Anything at all: text, HTML, half of JSON, JSON of any form. */
const answer = fc.oneof(
  { weight: 4, arbitrary: anyJson.map(jsonText) },
  { weight: 1, arbitrary: hostileText },
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyJson.map(jsonText), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([text, part]) => text.slice(0, text.length * part)),
  },
  { weight: 1, arbitrary: fc.constantFrom('', 'null', '[]', '{}', '0', '"', '\uFEFF{}') },
);

test(
  'any answer is decoded, or is an error that says whose answer it was',
  async () => {
    await fc.assert(
      fc.asyncProperty(anyCall, status, answer, async ([name, args], code, text) => {
        // It throws on any other error.
        const isOne = await isDecoded(async (api) => call(api, name, args), apiBefore(code, text));
        expect(isOne).toBeTypeOf('boolean');
      }),
      { ...fuzzing, asyncReporter: async (run) => report(run) },
    );
  },
  fuzzTimeoutMs,
);

test(
  'an answer of the right form is decoded, whatever people wrote into it',
  async () => {
    let decoded = 0;
    await fc.assert(
      fc.asyncProperty(anyCall, fc.nat(), async ([name, args], seed) => {
        const api = apiBefore(200, undefined, seed);
        decoded += Number(await isDecoded(async (given) => call(given, name, args), api));
      }),
      { ...fuzzing, asyncReporter: async (run) => report(run) },
    );
    // Pages that turn in a circle, and what nests too deep, are refused.
    expect(decoded).toBeGreaterThan(fuzzing.numRuns / 2);
  },
  fuzzTimeoutMs,
);
