import { afterEach, beforeEach, expect, test } from 'vitest';

import { UnreachableError } from '../../src/core/errors.ts';
import type { RoomId, UserId } from '../../src/core/ids.ts';
import { render } from '../../src/matrix/delivery/content.ts';
import { createPollers } from '../../src/reports/intake/pollers.ts';
import type { Pollers, PollersContext } from '../../src/reports/intake/pollers.ts';
import { createSignUpWatch } from '../../src/reports/sign-ups/watch.ts';
import type { SignUpWatch } from '../../src/reports/sign-ups/watch.ts';
import { createTriage } from '../../src/reports/triage/triage.ts';
import type { Triage, TriageContext } from '../../src/reports/triage/triage.ts';
import { createReportService } from '../../src/services/reports/report-service.ts';
import { openFuzzBot, people } from '../support/fuzz-bot.ts';
import type { FuzzBot } from '../support/fuzz-bot.ts';
import { asUserId } from '../support/homeserver.ts';
import { ruleOf } from './rules/rule-input.ts';

const names = ['localhost', 'two.example', 'three.example'] as const;
type Name = (typeof names)[number];

/** A homeserver, as the bot sees it. */
class Server {
  isAway = false;
  /** The newest first. */
  reports: Record<string, unknown>[] = [];
  accounts: { name: UserId; displayname: null; createdAt: number }[] = [];
  asked: string[] = [];
  readonly name: Name;

  constructor(name: Name) {
    this.name = name;
  }

  report(reporter: string, subject: string): void {
    this.reports.unshift({
      id: this.reports.length + 1,
      receivedTs: bot.clock.now,
      eventId: subject,
      userId: `@${reporter}:${this.name}`,
      reason: 'spam',
      score: null,
      roomId: '!lobby:elsewhere.example',
      canonicalAlias: null,
      name: 'Lobby',
      sender: '@mallory:three.example',
    });
  }

  #answer<Result>(what: string, result: Result): Result {
    if (this.isAway) {
      throw new UnreachableError('GET', `${this.name} does not answer`, false);
    }
    this.asked.push(what);
    return result;
  }

  readonly services = {
    reports: {
      listEventReports: async () =>
        this.#answer('list', {
          eventReports: this.reports,
          total: this.reports.length,
          nextToken: null,
        }),
      listUserReports: async () =>
        this.#answer('list', { userReports: [], total: 0, nextToken: null }),
      findEventReport: async () => this.#answer('report', undefined),
    },
    rooms: {
      find: async () => this.#answer('room', { joinedMembers: 1 }),
      members: async () => ({ total: 1 }),
      findEvent: async (_: RoomId, event: string) =>
        this.#answer(`event ${event}`, {
          event: {
            type: 'm.room.message',
            sender: '@mallory:three.example',
            originServerTs: 0,
            content: { msgtype: 'm.text', body: `cheap coins, seen on ${this.name}` },
            redactedBecause: null,
            lastEdit: null,
          },
        }),
    },
    directRooms: { has: async () => false },
    accounts: {
      newest: async () => this.#answer('newest', this.accounts),
      groupNew: async () => [],
    },
  };

  readonly findAccount = async (name: string) =>
    this.#answer(`account ${name}`, { name, creationTs: 5 });
}

let bot: FuzzBot;
let servers: Record<Name, Server>;
let pollers: Pollers | undefined;
let triage: Triage | undefined;
let watch: SignUpWatch | undefined;
/** Those of which the room has heard that they are away. */
let knownAway: readonly Name[];

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  knownAway = [];
  servers = {
    localhost: new Server('localhost'),
    'two.example': new Server('two.example'),
    'three.example': new Server('three.example'),
  };
});
afterEach(async () => {
  await pollers?.stop();
  await triage?.stop();
  await watch?.stop();
  pollers = undefined;
  triage = undefined;
  watch = undefined;
  await bot.store.close();
});

function context() {
  const homeservers = names.map((serverName) => ({ name: serverName, serverName }));
  const at = (serverName: string) => {
    const server = servers[serverName as Name];
    return {
      services: {
        ...bot.context.services,
        ...server.services,
        reports: queueOf(server),
        bot: { ...bot.context.services.bot, status },
      },
      settings: { ...bot.context.settings, homeservers, serverName },
      findAccount: server.findAccount,
    };
  };
  return {
    ...bot.context,
    ...at('localhost'),
    atHomeserver: at,
    sendPermission: { whyMissing: () => undefined },
  };

  async function status() {
    return {
      ...(await bot.context.services.bot.status()),
      otherHomeservers: knownAway.map((serverName) => ({ serverName, trouble: { kind: 'away' } })),
    };
  }

  function queueOf({ name, services }: Server) {
    const queue = createReportService(bot.api, bot.store, {
      wake: () => undefined,
      refresh: async () => undefined,
      serverName: name,
      homeservers,
    });
    return { ...queue, ...services.reports };
  }
}

function poll(): void {
  pollers = createPollers(context() as unknown as PollersContext, {
    pollIntervalMs: 20,
    onCall: [people.ben as UserId],
    maxCardsPerMinute: 3,
    troubleAfterMs: 0,
    giveWay: async () => undefined,
    onNew: () => undefined,
  });
  pollers.start();
}

function work(rules: Parameters<typeof createTriage>[1]['rules'] = []): void {
  triage = createTriage(context() as unknown as TriageContext, {
    rules,
    onCall: [],
    maxCardsPerMinute: 100,
    remindAfterMs: 0,
    reactions: bot.reactions,
    giveWay: async () => undefined,
  });
  triage.wake();
}

const subjects = async () =>
  (await bot.store.reportItems.search({}, { limit: 100 })).map(({ subject }) => subject).toSorted();

/** The titles of what the room is told, as text, once there are so many. */
async function told(count: number): Promise<string[]> {
  await expect
    .poll(async () => (await bot.store.outbox.open()).length)
    .toBeGreaterThanOrEqual(count);
  const { sent } = await bot.run(async () => undefined);
  return sent.flatMap(({ outgoing }) =>
    'reply' in outgoing ? [render(outgoing.reply.answer, '!').body.split('\n')[0] ?? ''] : [],
  );
}

test('reports of all homeservers arrive in one queue, also if one is away, which is told by name', async () => {
  servers['two.example'].isAway = true;
  servers.localhost.report('vera', '$one');
  servers['three.example'].report('vera', '$three');
  poll();
  await expect.poll(subjects).toEqual(['$one', '$three']);
  expect(await told(1)).toEqual([
    '⚠️ Reports of two.example can’t be read: the homeserver two.example does not answer',
  ]);
  expect(pollers?.readings()).toMatchObject([
    { kind: 'event', failing: undefined },
    { kind: 'user', failing: undefined },
    { kind: 'event', serverName: 'two.example', failing: {} },
    { kind: 'user', serverName: 'two.example', failing: {} },
    { kind: 'event', serverName: 'three.example', failing: undefined },
    { kind: 'user', serverName: 'three.example', failing: undefined },
  ]);
  servers.localhost.report('vic', '$later');
  await expect.poll(subjects).toEqual(['$later', '$one', '$three']);

  bot.clock.now += 60_000;
  servers['two.example'].isAway = false;
  servers['two.example'].report('vera', '$two');
  pollers?.hurry('two.example');
  await expect.poll(subjects).toEqual(['$later', '$one', '$three', '$two']);
  expect(await told(1)).toEqual([
    '✅ Reports of two.example can be read again: those that I missed will follow',
  ]);
});

test('that reports can’t be read is not told of a homeserver that the room knows to be away', async () => {
  knownAway = ['two.example'];
  servers['two.example'].isAway = true;
  servers['three.example'].isAway = true;
  poll();
  expect(await told(1)).toEqual([
    '⚠️ Reports of three.example can’t be read: the homeserver three.example does not answer',
  ]);
  await expect
    .poll(() =>
      pollers?.readings().every(({ failing }) => failing === undefined || failing.forMs > 100),
    )
    .toBe(true);
  expect(await bot.store.outbox.open()).toEqual([]);
});

test('the reports from before are told for each homeserver, and those of one that is added later get no cards', async () => {
  for (let at = 0; at < 5; at += 1) {
    servers['two.example'].report('vera', `$old${at}`);
  }
  bot.clock.now += 1000;
  servers['three.example'].report('vera', '$new');
  poll();
  await expect.poll(subjects).toHaveLength(6);
  expect(await told(1)).toEqual([
    'ℹ️ 5 reports of messages on two.example from before I first read them: they are in the queue, without cards',
  ]);
});

test('a refresh waits for all homeservers, but not for one that does not answer', async () => {
  poll();
  await expect.poll(() => pollers?.readings().every(({ ageMs }) => ageMs < 1000)).toBe(true);
  const { promise, reject } = Promise.withResolvers<never>();
  servers['two.example'].services.reports.listEventReports = async () => promise;
  servers['three.example'].report('vera', '$three');
  await pollers?.refresh();
  expect(await subjects()).toEqual(['$three']);
  reject(new UnreachableError('GET', 'does not answer', false));
});

/** Reports that were read before. */
async function reported(...all: readonly (readonly [reporter: string, subject: string])[]) {
  for (const [at, [reporter, subject]] of all.entries()) {
    await bot.store.reports.add(
      {
        kind: 'event',
        reportId: at + 1,
        receivedTs: bot.clock.now + at,
        subject,
        reporter,
        reason: 'spam',
        score: null,
        roomId: '!lobby:elsewhere.example',
        roomName: 'Lobby',
        sender: '@mallory:three.example',
      },
      bot.clock.now,
      { isBacklog: false, isQuiet: false },
    );
  }
}

test('a card says where the item was reported; each homeserver is asked for what it has', async () => {
  await reported(['@vera:localhost', '$a'], ['@vic:two.example', '$a'], ['@vera:localhost', '$b']);
  work();
  expect((await told(2)).toSorted()).toEqual([
    '⚠️ Report #1: 2 people on two.example and localhost say “spam” about a message by @mallory:three.example in Lobby',
    '⚠️ Report #2: 1 person on localhost says “spam” about a message by @mallory:three.example in Lobby',
  ]);
  // The message where it was reported last; each person on their own homeserver.
  expect(servers['two.example'].asked).toEqual(['event $a', 'account @vic:two.example']);
  expect(new Set(servers.localhost.asked)).toEqual(
    new Set(['event $b', 'account @vera:localhost']),
  );
  expect(servers['three.example'].asked).toEqual(['account @mallory:three.example']);
  const [, first] = await bot.store.reportItems.search({}, { limit: 5 });
  expect(first?.content ?? '').toContain('seen on');
});

test('a message is read from another homeserver on which it was reported, if the newest is away', async () => {
  servers['two.example'].isAway = true;
  await reported(['@vera:localhost', '$a'], ['@mallory:two.example', '$a']);
  work();
  await expect
    .poll(async () => (await bot.store.reportItems.get(1))?.content ?? '')
    .toContain('seen on localhost');
});

test('reports of a homeserver that is away hold up those of no other', async () => {
  servers['two.example'].isAway = true;
  const away = Array.from({ length: 60 }, (_, at) => ['@vic:two.example', `$away${at}`] as const);
  await reported(...away, ['@vera:localhost', '$here']);
  // All of them are summarized in a digest.
  triage = createTriage(context() as unknown as TriageContext, {
    rules: [],
    onCall: [],
    maxCardsPerMinute: 1,
    remindAfterMs: 0,
    reactions: bot.reactions,
    giveWay: async () => undefined,
  });
  triage.wake();
  await expect
    .poll(async () => (await bot.store.reportItems.get(61))?.content ?? '', { timeout: 15_000 })
    .toContain('seen on localhost');
}, 30_000);

test('rules take an account of any homeserver for a local one', async () => {
  await reported(['@vera:localhost', '$a']);
  work([ruleOf({ name: 'ours', when: { sender: 'local' }, alert: true })]);
  expect(await told(2)).toContain('⚠️ Look at report #1: rule ours matches');
});

test('sign-ups are watched on each homeserver, and the alert says where', async () => {
  const created = Math.floor(bot.clock.now / 1000) * 1000;
  const signUp = (server: Name, count: number) => {
    servers[server].accounts = Array.from({ length: count }, (_, at) => ({
      name: asUserId(`@spam${at}:${server}`),
      displayname: null,
      createdAt: created,
    }));
  };
  servers.localhost.isAway = true;
  signUp('two.example', 20);
  signUp('three.example', 19);
  watch = createSignUpWatch(context() as never, {
    rules: [{ name: 'wave', atLeast: 20, withinMs: 600_000 }],
    onCall: [people.ben as UserId],
    ignored: [],
    intervalMs: 1,
    giveWay: async () => undefined,
    troubleAfterMs: 3_600_000,
  });
  watch.start();
  expect(await told(1)).toEqual([
    '⚠️ 20 new accounts on two.example in 1 second: they don’t look alike',
  ]);
  signUp('three.example', 21);
  expect(await told(1)).toEqual([
    '⚠️ 21 new accounts on three.example in 1 second: they don’t look alike',
  ]);
  expect(await bot.store.signUpWaves.open('wave', 'two.example')).toMatchObject({ accounts: 20 });
  expect(await bot.store.signUpWaves.open('wave', 'localhost')).toBeUndefined();
});
