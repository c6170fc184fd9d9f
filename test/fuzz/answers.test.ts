import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { ForeignAnswerError, HomeserverError } from '../../src/core/errors.ts';
import type { EventId, MxcUri, RoomId, UserId } from '../../src/core/ids.ts';
import { adminApiOn } from '../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../src/homeserver/admin/admin-api.ts';
import { createSendRequest } from '../../src/homeserver/request.ts';
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

/** Every read of the admin API, by its place in it. */
const reads: Readonly<Record<string, (api: AdminApi) => Promise<unknown>>> = {
  'users.get': async ({ users }) => users.get(user),
  'users.find': async ({ users }) => users.find(user),
  'users.list': async ({ users }) => users.list(),
  'users.all': async ({ users }) => firstOf(users.all()),
  'users.usernameAvailable': async ({ users }) => users.usernameAvailable('mallory'),
  'users.findByThreepid': async ({ users }) => users.findByThreepid('email', 'm@x.example'),
  'users.findByExternalId': async ({ users }) => users.findByExternalId('oidc', 'm'),
  'users.whois': async ({ users }) => users.whois(user),
  'users.joinedRooms': async ({ users }) => users.joinedRooms(user),
  'users.memberships': async ({ users }) => users.memberships(user),
  'users.accountData': async ({ users }) => users.accountData(user),
  'users.pushers': async ({ users }) => users.pushers(user),
  'users.getAdmin': async ({ users }) => users.getAdmin(user),
  'users.getRatelimit': async ({ users }) => users.getRatelimit(user),
  'devices.list': async ({ devices }) => devices.list(user),
  'devices.find': async ({ devices }) => devices.find(user, 'DEVICE'),
  'media.list': async ({ media }) => media.list(user),
  'media.all': async ({ media }) => firstOf(media.all(user)),
  'media.find': async ({ media }) => media.find(file),
  'events.find': async ({ events }) => events.find(room, event),
  'events.isRedacted': async ({ events }) => events.isRedacted(room, event),
  'events.fetch': async ({ events }) => events.fetch(event),
  'events.page': async ({ events }) => events.page(room, { from: 't1', dir: 'b', limit: 1 }),
  'events.state': async ({ events }) => events.state(room, 'm.room.power_levels'),
  'redactions.status': async ({ redactions }) => redactions.status('redaction'),
  'rooms.list': async ({ rooms }) => rooms.list(),
  'rooms.all': async ({ rooms }) => firstOf(rooms.all()),
  'rooms.get': async ({ rooms }) => rooms.get(room),
  'rooms.find': async ({ rooms }) => rooms.find(room),
  'rooms.members': async ({ rooms }) => rooms.members(room),
  'rooms.deletionStatus': async ({ rooms }) => rooms.deletionStatus('deletion'),
  'rooms.isBlocked': async ({ rooms }) => rooms.isBlocked(room),
  'registrationTokens.list': async ({ registrationTokens }) => registrationTokens.list(),
  'registrationTokens.find': async ({ registrationTokens }) => registrationTokens.find('token'),
  'reports.events.list': async ({ reports }) => reports.events.list(),
  'reports.events.all': async ({ reports }) => firstOf(reports.events.all()),
  'reports.events.find': async ({ reports }) => reports.events.find(1),
  'reports.users.list': async ({ reports }) => reports.users.list(),
  'reports.users.all': async ({ reports }) => firstOf(reports.users.all()),
  'reports.users.find': async ({ reports }) => reports.users.find(1),
  'federation.list': async ({ federation }) => federation.list(),
  'federation.all': async ({ federation }) => firstOf(federation.all()),
  'federation.listRooms': async ({ federation }) => federation.listRooms('x.example'),
  'federation.find': async ({ federation }) => federation.find('x.example'),
  'federation.allRooms': async ({ federation }) => firstOf(federation.allRooms('x.example')),
  'statistics.allMediaUsage': async ({ statistics }) => firstOf(statistics.allMediaUsage()),
  'statistics.listMediaUsage': async ({ statistics }) => statistics.listMediaUsage(),
  'server.version': async ({ server }) => server.version(),
  'server.backgroundUpdatesEnabled': async ({ server }) => server.backgroundUpdatesEnabled(),
  'server.backgroundUpdateStatus': async ({ server }) => server.backgroundUpdateStatus(),
  'server.hasPasswordLogin': async ({ server }) => server.hasPasswordLogin(),
  'server.scheduledTasks': async ({ server }) => server.scheduledTasks(),
};

/** What changes something; a new function of the admin API belongs into one of these two lists. */
const changes = [
  'users.create',
  'users.modify',
  'users.deactivate',
  'users.reactivate',
  'users.shadowBan',
  'users.unshadowBan',
  'users.setLocked',
  'users.setSuspended',
  'users.resetPassword',
  'users.setAdmin',
  'users.loginAs',
  'users.setRatelimit',
  'users.clearRatelimit',
  'devices.create',
  'devices.rename',
  'devices.delete',
  'devices.deleteMany',
  'media.deletePage',
  'media.quarantine',
  'media.unquarantine',
  'redactions.start',
  'rooms.delete',
  'rooms.setBlocked',
  'rooms.join',
  'registrationTokens.create',
  'registrationTokens.modify',
  'registrationTokens.delete',
  'reports.events.delete',
  'reports.users.delete',
  'federation.resetConnection',
  'server.setBackgroundUpdatesEnabled',
];

function functionsOf(value: object, path: readonly string[] = []): string[] {
  return Object.entries(value).flatMap(([name, member]) =>
    typeof member === 'function'
      ? [[...path, name].join('.')]
      : functionsOf(member as object, [...path, name]),
  );
}

/** A server that gives one answer to everything: text as it is, or what `fit` makes for the schema. */
function apiBefore(status: number, text: string | undefined, seed = 0): AdminApi {
  let requests = 0;
  return adminApiOn(async (method, template, options) => {
    const http = fakeHttp(async () => {
      requests += 1;
      if (requests > 30) {
        return { statusCode: 500, body: '' };
      }
      const [made] =
        text === undefined
          ? fc.sample(answersFor(options.answer), { numRuns: 1, seed: seed + requests })
          : [];
      return { statusCode: status, body: text ?? jsonText(made) };
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
    throw error;
  }
}

test('every function of the admin API is known as a read or a change', () => {
  expect(functionsOf(apiBefore(200, '')).sort()).toEqual(
    [...Object.keys(reads), ...changes].sort(),
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

const read = fc.constantFrom(...Object.entries(reads));
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
      fc.asyncProperty(read, status, answer, async ([, call], code, text) => {
        // It throws on any other error.
        expect(await isDecoded(call, apiBefore(code, text))).toBeTypeOf('boolean');
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
      fc.asyncProperty(read, fc.nat(), async ([, call], seed) => {
        decoded += Number(await isDecoded(call, apiBefore(200, undefined, seed)));
      }),
      { ...fuzzing, asyncReporter: async (run) => report(run) },
    );
    // Pages that turn in a circle, and what nests too deep, are refused.
    expect(decoded).toBeGreaterThan(fuzzing.numRuns / 2);
  },
  fuzzTimeoutMs,
);
