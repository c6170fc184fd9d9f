import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { replyContent } from '../../../src/matrix/delivery/content.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import type { Account } from '../../../src/services/services.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

const dayMs = 86_400_000;

let bot: FuzzBot;
/** What is special to an account, by its localpart. */
let accounts: Map<string, Partial<Account>>;
let deactivated: string[];

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  accounts = new Map();
  deactivated = [];
  Object.assign(bot.context, {
    findAccount: async (name: UserId) => ({
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
      creationTs: bot.clock.now - 2 * dayMs,
      lastSeenTs: null,
      consentVersion: null,
      consentTs: null,
      threepids: [],
      externalIds: [],
      ...accounts.get(name.slice(1).split(':', 1)[0] ?? ''),
    }),
  });
  Object.assign(bot.context.services.accounts, {
    async footprint() {
      footprints += 1;
      return { rooms: 3, devices: 1, files: 0, bytes: 0, bytesAreAll: true };
    },
  });
  Object.assign(bot.api.users, {
    deactivate: async (name: string) => {
      deactivated.push(name);
    },
  });
});
afterEach(async () => bot.store.close());

let footprints = 0;
let typed = 0;
async function say(body: string, sender: string = people.ben) {
  typed += 1;
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$typed${typed}`,
      sender,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body },
    },
  ]);
  return sent.map(({ outgoing }) => outgoing);
}

/** What the room reads, and the status. */
function read([first]: readonly Outgoing[]): { body: string; status: string } {
  assert.ok(first !== undefined && 'reply' in first, 'no answer');
  const { body } = replyContent(first.reply, first.origin, '!') as { body: string };
  return { body, status: first.reply.status };
}

describe('a confirmation for several accounts', () => {
  test('says once what holds for all, then what each is, and what stands out', async () => {
    accounts.set('cat', { creationTs: bot.clock.now - 1500 * dayMs });
    accounts.set('irc_x', { appserviceId: 'irc' });
    const { body, status } = read(
      await say('!deactivate mallory cat irc_x --erase --reason "spam wave"'),
    );
    expect(status).toBe('pending');
    const [title, warning, ...firstNames] = body.split('\n').slice(0, 5);
    expect(title).toContain('Deactivate and erase 3 accounts?');
    expect(warning).toBe('Erasing can’t be undone.');
    expect(firstNames.map((one) => /@(\w+):/u.exec(one)?.[1])).toEqual(['mallory', 'cat', 'irc_x']);
    expect(body.match(/Will: /gu)).toHaveLength(1);
    expect(body).toContain('Will: log out all devices');
    expect(body).toContain('hide messages from people who join later');
    expect(body).toContain('; delete files; redact messages');
    expect(body).toContain('--erase');
    expect(body).toContain('Reason: spam wave');
    expect(body).toContain('@mallory:localhost · registered 2 days ago · 3 rooms');
    expect(body).toContain('@cat:localhost · old account · registered 4 years ago');
    expect(body).toContain('@irc_x:localhost · application service irc');
  });

  test.each(['!takedown mallory', '!takedown mallory trudy', '!lock mallory'])(
    'of a dry run of %s names the reason, once',
    async (line) => {
      const { body } = read(await say(`${line} --reason "spam links" --dry-run`));
      const [answer = ''] = body.split('Next: ');
      expect(answer.split('\n')).toContain('Reason: spam links');
      expect(answer.match(/spam links/gu)).toHaveLength(1);
      expect(answer).not.toContain('--dry-run');
    },
  );

  test('of a dry run asks nothing', async () => {
    for (const users of ['mallory', 'mallory trudy', 'mallory trudy cat vic']) {
      const { body, status } = read(await say(`!deactivate ${users} --dry-run`));
      expect(status).toBe('dry_run');
      expect(body).toContain('Dry run, nothing was changed: Deactivate');
      expect(body).not.toContain('?');
    }
  });

  test('names those that are left out, and runs exactly what was shown', async () => {
    accounts.set('gone', { deactivated: true });
    accounts.set('boss', { admin: true });
    const { body } = read(await say('!deactivate mallory gone boss trudy'));
    expect(body).toContain('Deactivate 2 accounts?');
    expect(body).toContain(
      'Left out: @boss:localhost (is a server admin), @gone:localhost (is already deactivated)',
    );
    await say('!confirm');
    expect(deactivated).toEqual(['@mallory:localhost', '@trudy:localhost']);
  });

  test('counts the server admins that are left without all of them', async () => {
    accounts.set('boss', { admin: true });
    accounts.set('chief', { admin: true });
    const admins = ['@boss:localhost', '@chief:localhost', '@lawspeaker:localhost'] as UserId[];
    Object.assign(bot.context.services.accounts, {
      otherServerAdmins: async (user: UserId) => admins.filter((name) => name !== user),
    });
    const { body } = read(await say('!admin @boss @chief --revoke', people.ana));
    expect(body).toContain('This bot will be the only server admin left.');
  });

  test('says who of them is a server admin, where an admin insists, also of many', async () => {
    accounts.set('boss', { admin: true });
    const many = Array.from({ length: 20 }, (_, at) => `u${at}`).join(' ');
    for (const others of ['mallory', many]) {
      const { body } = read(
        await say(`!deactivate ${others} boss --override-protection`, people.ana),
      );
      expect(body).toContain('--override-protection');
      expect(body).toContain('@boss:localhost · active, server admin');
    }
  });

  test('reads nothing about each of a hundred accounts besides the account itself', async () => {
    accounts.set('u7', { deactivated: true });
    footprints = 0;
    const looked: string[] = [];
    const { findAccount } = bot.context;
    Object.assign(bot.context, {
      async findAccount(name: UserId) {
        looked.push(name);
        return findAccount(name);
      },
    });
    const many = Array.from({ length: 100 }, (_, at) => `u${at}`);
    const { body } = read(await say(`!deactivate ${many.join(' ')}`));
    expect(body).toContain('Deactivate 99 accounts?');
    expect(body).toContain('Reactivating the account does not restore rooms');
    expect(body).toContain('Left out: @u7:localhost (is already deactivated)');
    expect(looked).toHaveLength(100);
    await say('!confirm');
    expect(footprints).toBe(0);
    expect(deactivated.toSorted()).toEqual(
      many
        .filter((name) => name !== 'u7')
        .map((name) => `@${name}:localhost`)
        .toSorted(),
    );
  });

  test('warns about a very long list, also if nothing is to be done for the first account', async () => {
    const names = Array.from({ length: 101 }, (_, at) => `u${at}`);
    const looked: string[] = [];
    Object.assign(bot.context.services.media, {
      uploadsOf: (user: string) => ({
        async page() {
          looked.push(user);
          return { rows: [], total: user === '@u0:localhost' ? 0 : 3 };
        },
      }),
      bytesUploadedBy: async () => 1000,
    });
    const { body } = read(await say(`!delete-media ${names.join(' ')} --all`));
    expect(body).toContain('Delete all files of 100 accounts?');
    expect(body).toContain('This can’t be undone.');
    expect(body).toContain('Left out: @u0:localhost (has no files)');
    expect(looked).toEqual(['@u0:localhost', '@u1:localhost']);
  });

  test('does less where less is left when it is confirmed, and never more', async () => {
    accounts.set('gone', { deactivated: true });
    await say('!deactivate mallory gone trudy');
    accounts.set('gone', {});
    accounts.set('trudy', { deactivated: true });
    const sent = await say('!confirm');
    expect(deactivated).toEqual(['@mallory:localhost']);
    expect(JSON.stringify(sent)).toContain(
      'Left out: @gone:localhost (is already deactivated), @trudy:localhost (is already deactivated)',
    );
  });

  test('is refused with the reasons where nothing is left', async () => {
    accounts.set('gone', { deactivated: true });
    accounts.set('left', { deactivated: true });
    const { body, status } = read(await say('!deactivate gone left'));
    expect(status).toBe('failed');
    expect(body).toContain('@gone:localhost (is already deactivated)');
    expect(body).toContain('@left:localhost (is already deactivated)');
    expect(await bot.store.confirmations.pending()).toEqual([]);
  });

  test('is asked also where only one is left of what nobody is asked about', async () => {
    accounts.set('quiet', { shadowBanned: true });
    accounts.set('boss', { admin: true });
    const { body, status } = read(await say('!shadow-ban mallory quiet boss --for 24h'));
    expect(status).toBe('pending');
    expect(body).toContain('Shadow-ban 1 account?');
    expect(body).toContain('--for 1d');
    expect(body).toContain('@quiet:localhost (is already shadow-banned)');
    // Only whoever named them knows whom they meant.
    const [asked] = await bot.store.confirmations.pending();
    expect(read(await say(`!confirm ${asked?.code}`, people.ana)).status).toBe('denied');
  });

  test('of many shows what is typical and what stands out, with the list as a file', async () => {
    accounts.set('u7', { creationTs: bot.clock.now - 1500 * dayMs });
    const names = Array.from({ length: 40 }, (_, at) => `u${at}`).join(' ');
    const sent = await say(`!deactivate ${names}`);
    const { body } = read(sent);
    expect(body).toContain('Deactivate 40 accounts?');
    expect(body.split('\n')[2]).toContain(
      '@u0:localhost, @u1:localhost, @u2:localhost and 37 more',
    );
    expect(body).toContain('Typical: registered 2 days ago');
    expect(body).toContain('Check these first:');
    expect(body).toContain('@u7:localhost · old account');
    expect(body).not.toContain('@u8:localhost');
    const file = sent.find((one) => one.kind === 'file');
    expect(file?.kind === 'file' ? file.file.content.split('\n') : []).toHaveLength(42);
    expect(JSON.stringify(file)).toContain('@u8:localhost');
  });
});

describe('a takedown of several accounts', () => {
  beforeEach(() => {
    Object.assign(bot.context.services.redaction, {
      findShares: async ({ user }: { user: string }) => [
        {
          room: '!a:localhost',
          messages: user.startsWith('@cat') ? 0 : 20,
          joins: 1,
          isMore: false,
        },
      ],
    });
  });

  test('says step by step what is done, with the totals', async () => {
    const { body } = read(await say('!takedown mallory trudy cat'));
    const [title, , ...lines] = body.split('\n');
    expect(title).toContain('Take down 3 accounts?');
    expect(body).toContain(
      [
        'For each account, in this order (the numbers are totals):',
        '- suspend: nothing more is sent',
        '- quarantine: 0 files',
        '- redact: 40 messages and 3 joins in all rooms',
        '- deactivate: log out 3 devices, remove from all rooms, delete e-mail and account data',
        'Will not:',
        '- redact reactions or polls',
        '- delete the files',
        '- act in this room, or where I send secrets',
      ].join('\n'),
    );
    expect(lines.find((one) => one.includes('@cat'))).toContain('has sent no messages');
    expect(body).not.toMatch(/Will: |--keep-account|the account,/u);
  });

  test('that is to erase accounts and keep them is refused: Synapse can’t do both', async () => {
    const answer = await say('!takedown mallory trudy --erase --keep-account');
    expect(read(answer).body).toContain('Give --erase or --keep-account, not both.');
  });

  test('of many says what is done without looking at each', async () => {
    footprints = 0;
    const names = Array.from({ length: 12 }, (_, at) => `u${at}`).join(' ');
    const { body } = read(await say(`!takedown ${names} --delete-media --keep-account`));
    expect(body).toContain(
      [
        'For each account, in this order:',
        '- suspend: nothing more is sent',
        '- quarantine: all files',
        '- redact: all messages in all rooms',
        '- delete-media: all files',
        'Will not:',
        '- redact reactions or polls',
        '- act in this room, or where I send secrets',
      ].join('\n'),
    );
    expect(footprints).toBe(0);
  });
});

describe('several at once', () => {
  test('join a room, which comes last and is shown', async () => {
    const joined: string[] = [];
    Object.assign(bot.context.services.directRooms, { has: async () => false });
    Object.assign(bot.context.services.rooms, {
      join: async (_: string, user: string) => {
        joined.push(user);
        return { wasIn: false, known: undefined };
      },
    });
    accounts.set('gone', { deactivated: true });
    const { body } = read(await say('!join mallory trudy gone !lobby:localhost'));
    expect(body).toContain('Join 2 accounts?');
    expect(body).toContain('room !lobby:localhost');
    expect(body).toContain('Left out: @gone:localhost (is deactivated)');
    await say('!confirm');
    expect(joined.sort()).toEqual(['@mallory:localhost', '@trudy:localhost']);
  });

  test('in a room that is out of reach by then are left alone, however many they are', async () => {
    const joined: string[] = [];
    let isDirect = false;
    Object.assign(bot.context.services.directRooms, { has: async () => isDirect });
    Object.assign(bot.context.services.rooms, {
      join: async (_: string, user: string) => {
        joined.push(user);
        isDirect = joined.length >= 4;
        return { wasIn: false, known: undefined };
      },
    });
    const names = Array.from({ length: 20 }, (_, at) => `u${at}`).join(' ');
    await say(`!join ${names} !lobby:localhost`);
    const sent = await say('!confirm');
    expect(joined.length).toBeGreaterThanOrEqual(4);
    expect(joined.length).toBeLessThan(12);
    const edit = sent.find((one) => one.kind === 'edit');
    expect(JSON.stringify(edit)).toContain('is a room where I send one person secrets');
  });

  test('are reactivated, without those that are not deactivated', async () => {
    const reactivated: string[] = [];
    accounts.set('mallory', { deactivated: true });
    accounts.set('trudy', { deactivated: true });
    Object.assign(bot.api.users, {
      reactivate: async (name: UserId) => {
        reactivated.push(name);
        return bot.context.findAccount(name);
      },
    });
    const { body } = read(await say('!reactivate mallory trudy active'));
    expect(body).toContain('Left out: @active:localhost (is not deactivated)');
    await say('!confirm');
    expect(reactivated.sort()).toEqual(['@mallory:localhost', '@trudy:localhost']);
  });

  test('found by filters are shown with the filters, also if it is only one', async () => {
    const found = async (...users: string[]) => {
      const accounts = await Promise.all(
        users.map(async (user) => bot.context.findAccount(`@${user}:localhost` as UserId)),
      );
      Object.assign(bot.context.services.accounts, { search: async () => accounts });
      return read(await say('!lock --matching "spam* --created-after 2d"'));
    };
    for (const users of [['spam1'], ['spam1', 'spam2']]) {
      const { body, status } = await found(...users);
      expect(status).toBe('pending');
      expect(body).toMatch(/Lock (?:1 account|2 accounts)\?/u);
      for (const user of users) {
        expect(body).toContain(`@${user}:localhost · registered 2 days ago`);
      }
      expect(body).toContain('Matching: --name="spam*" --created-after=2026-11-19T00:00:00.000Z');
    }
    expect(read(await say('!lock @spam1:localhost @spam2:localhost')).body).not.toContain(
      'Matching',
    );
  });

  test('are not searched for by what only reads', async () => {
    const { body, status } = read(await say('!admin --matching "--name spam"'));
    expect(status).toBe('usage');
    expect(body).toContain('it changes nothing');
  });
});

test('a second confirmation about the same account says that there is one', async () => {
  const first = read(await say('!deactivate mallory', people.ana));
  expect(first.body).not.toContain('asking about');
  const [open] = await bot.store.confirmations.pending();
  const { body } = read(await say('!deactivate mallory --erase'));
  expect(body).toContain(`is already asking about the same target: deactivate, code ${open?.code}`);
  const several = read(await say('!deactivate trudy mallory'));
  expect(several.body).toContain(
    `is already asking about 1 of these: deactivate, code ${open?.code}`,
  );
});

describe('how several end', () => {
  const lost = new UnreachableError('POST /deactivate', 'did not answer', true);
  const refused = new HomeserverError(400, 'M_UNKNOWN', 'POST /deactivate');

  test.for([
    [lost, refused, 'unknown'],
    [undefined, lost, 'partial'],
    [undefined, refused, 'partial'],
    [refused, refused, 'failed'],
    [lost, lost, 'unknown'],
    [undefined, undefined, 'done'],
  ] as const)('%s and %s: %s', async ([first, second, status]) => {
    const ends: readonly (Error | undefined)[] = [first, second];
    Object.assign(bot.api.users, {
      deactivate: async () => {
        const end = ends[deactivated.push('') - 1];
        if (end !== undefined) {
          throw end;
        }
      },
      get: async () => {
        throw lost;
      },
    });
    await say('!deactivate mallory trudy');
    const sent = await say('!confirm');
    const statuses = sent.flatMap((one) => (one.kind === 'edit' ? [one.reply.status] : []));
    expect(statuses).toEqual([status]);
  });
});

test('a confirmation about many files is whole, and a file lists them all', async () => {
  const address = (number: number) => `mxc://localhost/${number}${'x'.repeat(60)}`;
  const all = Array.from({ length: 100 }, (_, number) => address(number));
  const missing = new Set<string>(all.slice(70));
  Object.assign(bot.api.media, {
    find: async (uri: string) =>
      missing.has(uri)
        ? undefined
        : {
            mediaId: uri.slice(16),
            mediaOrigin: null,
            userId: '@mallory:localhost',
            createdTs: bot.clock.now,
            lastAccessTs: null,
            mediaLength: 3,
            mediaType: 'image/png',
            uploadName: '=evil.png'.padEnd(100, 'x'),
            sha256: null,
            quarantinedBy: null,
            safeFromQuarantine: false,
          },
  });
  const sent = await say(`!delete-media ${all.join(' ')}`);
  const { body, status } = read(sent);
  expect(status).toBe('pending');
  expect(body).toContain('Delete 70 files');
  expect(body).toContain('and 60 others');
  expect(body).toContain('Left out: 30 files');
  expect(body).toContain('and 20 others');
  expect(body).toContain('This can’t be undone');
  expect(body).toContain('!confirm');
  const [, file] = sent;
  const rows = file?.kind === 'file' ? file.file.content.trim().split('\n') : [];
  expect(rows[0]).toBe('mxc_uri,user_id,name,type,bytes,state,left_out');
  expect(rows).toHaveLength(101);
  expect(rows[1]).toContain(`${address(0)},'@mallory:localhost,'=evil.png`);
  expect(rows.at(-1)).toContain('this server has no file');
});

test('which of several confirmations is meant is asked with the time of those for later', async () => {
  await say('!deactivate u1 --in 1h');
  await say('!deactivate u2');
  const { body } = read(await say('!confirm'));
  expect(body).toMatch(/deactivate @u1:localhost at \d{4}-\d\d-\d\d \d\d:\d\d UTC, asked by/u);
  expect(body).toContain('deactivate @u2:localhost, asked by');
});
