import { setImmediate as nextTurn } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { UserId } from '../../src/core/ids.ts';
import type { Account } from '../../src/services/services.ts';
import { openFuzzBot, people } from '../support/fuzz-bot.ts';
import type { FuzzBot } from '../support/fuzz-bot.ts';
import { createTestDatabase, onPostgres } from '../support/test-database.ts';
import type { TestDatabase } from '../support/test-database.ts';

/** The promise is 100 ms of a processor; a tick is counted with all that runs beside it. */
const maxBlockingMs = 200;
const maxGrowth = 1_000_000;
/** A homeserver takes no larger event. */
const maxEventBytes = 65_000;

let database: TestDatabase;
let bot: FuzzBot;
let filesRead = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  bot = await openFuzzBot({ isCalm: true, database });
  Object.assign(bot.context, {
    // Everybody is there, so that nothing ends a long list early.
    findAccount: async (name: UserId) => {
      // As an answer that comes over the wire.
      await nextTurn();
      return accountCalled(name);
    },
    readFile: async () => {
      filesRead += 1;
      return '@mallory:localhost';
    },
  });
  Object.assign(bot.context.services.accounts, {
    async footprint() {
      await nextTurn();
      return { rooms: 1, devices: 1, files: 0, bytes: 0, bytesAreAll: true };
    },
  });
});

afterAll(async () => {
  await bot.store.close();
  await database[Symbol.asyncDispose]();
});

function accountCalled(name: UserId): Account {
  return {
    name,
    displayname: null,
    avatarUrl: null,
    admin: false,
    deactivated: false,
    erased: false,
    locked: false,
    suspended: false,
    shadowBanned: false,
    isGuest: false,
    userType: null,
    appserviceId: null,
    creationTs: 1_000_000_000_000,
    lastSeenTs: null,
    consentVersion: null,
    consentTs: null,
    threepids: [],
    externalIds: [],
  };
}

/** What the database takes up, in bytes. */
async function databaseBytes(): Promise<number> {
  const [row] = await database.read<{ bytes: number }>(
    onPostgres
      ? 'SELECT pg_database_size(current_database()) AS bytes'
      : 'SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size',
  );
  return row?.bytes ?? 0;
}

/**
 * The longest that `work` keeps everything else from running, in milliseconds of processor time: others
 * who use the processors, too, don't count.
 */
async function maxBlockMs(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let isDone = false;
  let before = process.cpuUsage();
  const tick = () => {
    const { user, system } = process.cpuUsage(before);
    longest = Math.max(longest, (user + system) / 1000);
    before = process.cpuUsage();
    if (!isDone) {
      setImmediate(tick);
    }
  };
  setImmediate(tick);
  await work().finally(() => {
    isDone = true;
  });
  // Work without a pause is over before the first tick.
  await nextTurn();
  return longest;
}

const names = (count: number) =>
  Array.from({ length: count }, (_, at) => `@${at.toString(36)}:localhost`).join(' ');

const filled = (start: string, piece: string, end = '') =>
  start +
  piece.repeat(Math.floor((maxEventBytes - start.length - end.length) / piece.length)) +
  end;

const html = (start: string, piece: string, end = '') => ({
  body: '!user mallory',
  format: 'org.matrix.custom.html',
  formatted_body: filled(start, piece, end),
});

const events: readonly (readonly [string, object])[] = [
  ['6,000 targets', { body: `!deactivate ${names(4500)} --erase --reason spam` }],
  ['as many for what asks nobody', { body: `!shadow-ban ${names(4500)}` }],
  ['1,000 targets that are asked about', { body: `!deactivate ${names(1000)}` }],
  ['links that lead nowhere', html('', '<a href=x>')],
  ['numbers', { body: filled('!claim', ' 1') }],
  ['devices', { body: filled('!delete-device @mallory:localhost', ' X') }],
  ['flags', { body: filled('!create-user x', ' --email=a@b.c') }],
  ['texts behind flags', { body: filled('!create-user x', ' --email a@b.c') }],
  ['the same flag', { body: filled('!deactivate @mallory:localhost', ' --erase') }],
  ['flags that there are not', { body: filled('!users', ' --x=y') }],
  ['a long word', { body: filled('!user ', 'x') }],
  ['a long ID', { body: filled('!user @', 'x', ':localhost') }],
  ['a long reason', { body: filled(`!lock ${names(2)} --reason "`, 'x', '"') }],
  ['an unknown command', { body: filled('!', 'x') }],
  ['quotes', { body: filled('!user ', '"') }],
  ['quoted words', { body: filled('!users --name ', '"a" ') }],
  ['backslashes', { body: filled('!user ', '\\') }],
  ['lines', { body: filled('!user', '\n') }],
  ['dashes', { body: filled('!user ', '— ') }],
  ['quoted lines', { body: filled('> <@a:b> x\n', '> x\n', '\n!user mallory') }],
  ['combining characters', { body: filled('!user a', '\u0301') }],
  ['mentions', { body: filled('@lawspeaker', ': @lawspeaker') }],
  ['nested tags', html('', '<div>')],
  ['nested quotes', html('', '<mx-reply>')],
  ['pills', html('!deactivate ', '<a href="https://matrix.to/#/@m:localhost">m</a>')],
  ['broken tags', html('!user ', '<a href="')],
  ['entities', html('!user <a href="https://matrix.to/#/@m:localhost">m</a>', '&amp')],
  ['a file', { body: '!deactivate --from-file', 'm.relates_to': replyTo('$file') }],
];

function replyTo(event: string): object {
  return { 'm.in_reply_to': { event_id: event } };
}

let sent = 0;
async function measure(sender: string, content: object): Promise<[number, number]> {
  sent += 1;
  const raw = {
    type: 'm.room.message',
    event_id: `$load${sent}`,
    sender,
    origin_server_ts: bot.clock.now,
    content: { msgtype: 'm.text', ...content },
  };
  const before = await databaseBytes();
  const blockMs = await maxBlockMs(async () => bot.take([raw]));
  return [blockMs, (await databaseBytes()) - before];
}

describe.each([
  ['a viewer', people.vic],
  ['a moderator', people.ben],
])('%s', (_, sender) => {
  test.for(events)('%s', async ([, content], { annotate }) => {
    let [blockMs, growth] = await measure(sender, content);
    expect(growth).toBeLessThan(maxGrowth);
    // The collector of garbage takes its time now and then.
    for (let tries = 1; blockMs > maxBlockingMs && tries < 3; tries += 1) {
      [blockMs] = await measure(sender, content);
    }
    await annotate(`${blockMs.toFixed(0)} ms, ${growth} bytes`);
    expect(blockMs).toBeLessThan(maxBlockingMs);
  });
});

test('no file is read for somebody who may not use the command', async () => {
  filesRead = 0;
  const content = { body: '!deactivate --from-file', 'm.relates_to': replyTo('$file') };
  await measure(people.vic, content);
  expect(filesRead).toBe(0);
  await measure(people.ben, content);
  expect(filesRead).toBe(1);
});
