import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import type { Answer } from '../../../dev/room/moderator.ts';
import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { WrittenConfig } from '../../../src/config/schema.ts';
import type { MxcUri } from '../../../src/core/ids.ts';
import { asEventId, asRoomId, asUserId } from '../../support/homeserver.ts';
import { highlightsOf } from '../../support/notifications.ts';
import { cardOf, startReportServer } from '../../support/report-room.ts';
import type { ReportServer } from '../../support/report-room.ts';
import type { TestRoom } from '../../support/room.ts';

type Rule = NonNullable<NonNullable<WrittenConfig['reports']>['rules']>[number];

let server: ReportServer;
beforeAll(async () => {
  server = await startReportServer(4);
});
afterAll(async () => server.stop());

let mallory: MatrixUser;
let lobby: string;
let open: TestRoom | undefined;
beforeEach(async () => {
  mallory = await server.newUser('mallory');
  lobby = await server.lobby(mallory, ...server.elders);
});
afterEach(async () => {
  await open?.close();
  open = undefined;
});

/** The rule of the guide, with `mallory`'s reasons. */
const freshAccount = {
  name: 'fresh-account-mass-reported',
  when: {
    distinctReporters: { atLeast: 3, within: '1h' },
    reporterAccountAge: { atLeast: '7d' },
    senderAccountAge: { atMost: '2d' },
    sender: 'local',
    reason: { matches: 'spam|scam' },
  },
  then: ['shadow-ban {sender} --for 24h'],
  mode: 'act',
} satisfies Rule;

async function openRoom(rules: Rule[], more: object = {}): Promise<TestRoom> {
  open = await server.openRoom({ reports: { rules, maxCardsPerMinute: 100, ...more } });
  return open;
}

async function reportBy(people: readonly MatrixUser[], event: string, reason = 'spam') {
  for (const person of people) {
    await person.reportEvent(lobby, event, { reason });
  }
}

const isBanned = async (user: MatrixUser) =>
  (await server.api.users.get(asUserId(user.userId))).shadowBanned;

const idOf = (card: Answer) => (card.field.data as { id: number }).id;

it('three old accounts take a fresh spammer out, for a day, before anybody wakes up', async () => {
  // What comes second finds the report resolved, and leaves it alone.
  const second = { ...freshAccount, name: 'second', then: ['suspend {sender}'] } satisfies Rule;
  const room = await openRoom([freshAccount, second]);
  const spam = await mallory.sendText(lobby, 'cheap pills');
  await reportBy(server.elders.slice(0, 2), spam);
  const near = await cardOf(room.ana, spam, ({ body }) => body.includes('2 people'));
  expect(near.body).toContain('would act at 3 reporters (2 now)');
  expect(await isBanned(mallory)).toBe(false);

  await reportBy(server.elders.slice(2, 3), spam);
  const done = await cardOf(room.ana, spam, ({ body }) => body.startsWith('✅'));
  expect(done.body).toContain('resolved by rule fresh-account-mass-reported');
  expect(await isBanned(mallory)).toBe(true);
  const answer = await room.ana.until('what the rule did', () => room.ana.inThread(done.event)[0]);
  expect(answer.body).toContain('Shadow-banned');
  expect(answer.body).toContain('Asked by rule fresh-account-mass-reported');
  const audit = await room.ana.ask(`!audit --target ${mallory.userId}`);
  expect(audit.field.data).toMatchObject([
    { actor: 'rule:fresh-account-mass-reported', status: 'done', item_id: idOf(done) },
  ]);
  expect((await server.api.users.get(asUserId(mallory.userId))).suspended).toBe(false);
  // What a rule did, people take back; it does not act on the item again.
  await room.ana.ask(`!unshadow-ban ${mallory.userId}`);
  await reportBy(server.elders, spam);
  await cardOf(room.ana, spam, ({ body }) => body.includes('reported again'));
  await room.ana.ask('!version');
  expect(await isBanned(mallory)).toBe(false);
});

it('a gang of fresh accounts takes nobody out', async () => {
  const room = await openRoom([freshAccount]);
  const gang = await Promise.all([1, 2, 3, 4, 5].map(async () => server.newUser('gang')));
  await Promise.all(gang.map(async (member) => member.join(lobby)));
  const spam = await mallory.sendText(lobby, 'I am innocent');
  await reportBy(gang, spam);
  await cardOf(room.ana, spam, ({ body }) => body.includes('5 people'));
  // With two old accounts it is not three.
  await reportBy(server.elders.slice(0, 2), spam);
  await cardOf(room.ana, spam, ({ body }) => body.includes('7 people'));
  await room.ana.ask('!version');
  expect(await isBanned(mallory)).toBe(false);
});

it('a witness who was banned since they reported counts no longer', async () => {
  const room = await openRoom([freshAccount]);
  const [one, two, three, witness] = server.elders;
  if (one === undefined || two === undefined || three === undefined || witness === undefined) {
    throw new TypeError('there are four elders');
  }
  const spam = await mallory.sendText(lobby, 'I am innocent');
  await reportBy([witness, one], spam);
  await cardOf(room.ana, spam, ({ body }) => body.includes('(2 now)'));
  await room.ana.ask(`!shadow-ban ${witness.userId}`);
  await reportBy([two], spam);
  await cardOf(room.ana, spam, ({ body }) => body.includes('3 people'));
  await cardOf(room.ana, spam, ({ body }) => body.includes('(2 now)'));
  expect(await isBanned(mallory)).toBe(false);
  await reportBy([three], spam);
  await cardOf(room.ana, spam, ({ body }) => body.startsWith('✅'));
  expect(await isBanned(mallory)).toBe(true);
  await room.ana.ask(`!unshadow-ban ${witness.userId}`);
});

it('what a rule proposes waits for a moderator, and runs once', async () => {
  const room = await openRoom([
    { ...freshAccount, mode: 'propose', then: ['deactivate {sender}'] },
  ]);
  const spam = await mallory.sendText(lobby, 'cheap pills');
  await reportBy(server.elders.slice(0, 3), spam);
  const card = await cardOf(room.ben, spam);
  const confirmation = await room.ben.until('the proposal', () =>
    room.ben.inThread(card.event).find(({ field }) => field.status === 'pending'),
  );
  expect(confirmation.body).toContain('Proposed by the rule fresh-account-mass-reported');
  await room.vic.user.react(room.id, confirmation.event, '✅');
  await room.ben.user.react(room.id, confirmation.event, '✅');
  const outcome = await room.ben.outcomeOf(confirmation, 'done');
  expect(outcome.body).toContain('confirmed by Ben');
  expect((await server.api.users.get(asUserId(mallory.userId))).deactivated).toBe(true);
  await cardOf(room.ben, spam, ({ body }) => body.startsWith('✅'));
});

it('a rule that observes says so and does nothing', async () => {
  const room = await openRoom([{ ...freshAccount, mode: 'observe' }]);
  const spam = await mallory.sendText(lobby, 'cheap pills');
  await reportBy(server.elders.slice(0, 3), spam);
  const card = await cardOf(room.ana, spam);
  const note = await room.ana.until('the note', () =>
    room.ana.inThread(card.event).find(({ body }) => body.includes('matches')),
  );
  expect(note.body).toContain(`shadow-ban ${mallory.userId} --for=1d`);
  expect(await isBanned(mallory)).toBe(false);
});

it('a rule that alerts notifies those who are on call', async () => {
  const night = await server.newUser('night');
  const room = await openRoom(
    [{ name: 'many', when: { distinctReporters: { atLeast: 2 } }, alert: true, then: [] }],
    { onCall: [night.userId] },
  );
  await room.ana.user.invite(room.id, night.userId);
  await night.join(room.id);
  const spam = await mallory.sendText(lobby, 'cheap pills');
  await reportBy(server.elders.slice(0, 2), spam);
  const card = await cardOf(room.ana, spam);
  const alert = await room.ana.until('the alert', () =>
    room.ana.inThread(card.event).find(({ body }) => body.includes('rule many matches')),
  );
  expect(alert.content['m.mentions']).toEqual({ user_ids: [night.userId] });
  expect(await highlightsOf(night)).toEqual([alert.event]);
  expect(await highlightsOf(room.ana.user)).toEqual([]);
});

it('no rule touches what is protected', async () => {
  const boss = await server.newUser('boss', { admin: true });
  await boss.join(lobby);
  // A line about the message acts on no account, and is for nobody protected either.
  const redacts = { ...freshAccount, name: 'redacts', then: ['redact {event}'] } satisfies Rule;
  const room = await openRoom([freshAccount, redacts]);
  const message = await boss.sendText(lobby, 'please behave');
  await reportBy(server.elders.slice(0, 3), message);
  const card = await cardOf(room.ana, message);
  const refusals = await room.ana.until('both refusals', () => {
    const found = room.ana
      .inThread(card.event)
      .filter(({ field }) => field.command !== 'report' && field.status !== undefined);
    return found.length === 2 ? found : undefined;
  });
  // They are sent side by side.
  expect(refusals.map(({ field }) => `${field.command} ${field.status}`).toSorted()).toEqual([
    'redact protected',
    'shadow-ban protected',
  ]);
  refusals.forEach(({ body }) => expect(body).toContain(boss.userId));
  expect(await isBanned(boss)).toBe(false);
  const found = await server.api.events.find(asRoomId(lobby), asEventId(message));
  expect(found?.event.redactedBecause).toBeNull();
  const audit = await room.ana.ask(`!audit --target ${boss.userId}`);
  expect(audit.field.data).toMatchObject([
    { actor: 'rule:fresh-account-mass-reported', status: 'protected' },
  ]);
});

it('a message can name anybody’s file: only its sender’s own is touched', async () => {
  const room = await openRoom([
    {
      name: 'pictures',
      when: { mediaType: ['m.image'] },
      then: ['quarantine'],
      mode: 'act',
    },
  ]);
  const [boss, bystander] = await Promise.all([
    server.newUser('boss', { admin: true }),
    server.newUser('bystander'),
  ]);
  const upload = async (user: MatrixUser, text: string) =>
    user.uploadMedia(new TextEncoder().encode(text), 'image/png', 'avatar.png');
  const files = {
    avatar: await upload(boss, 'the boss'),
    copy: await upload(mallory, 'the boss'),
    others: await upload(bystander, 'a bystander'),
    own: await upload(mallory, 'abuse'),
  };
  const isQuarantined = async (address: string) =>
    (await server.api.media.find(address as MxcUri))?.quarantinedBy !== null;
  const shown = async (url: string) => {
    const event = await mallory.send(lobby, 'm.room.message', {
      msgtype: 'm.image',
      body: 'x.png',
      url,
    });
    await reportBy(server.elders.slice(0, 1), event);
    const card = await cardOf(room.ana, event);
    const answer = await room.ana.until(`what the rule did about ${url}`, () =>
      room.ana.inThread(card.event).find(({ field }) => field.command === 'quarantine'),
    );
    return { card, answer };
  };
  const avatar = await shown(files.avatar);
  expect(avatar.answer.field).toMatchObject({ status: 'protected' });
  expect(avatar.answer.body).toContain(boss.userId);
  expect((await shown(files.copy)).answer.field).toMatchObject({ status: 'protected' });
  const others = await shown(files.others);
  expect(others.answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
  expect(others.answer.body).toContain(`uploaded by ${bystander.userId}, not by ${mallory.userId}`);
  const own = await shown(files.own);
  expect(own.answer.field).toMatchObject({ status: 'done' });
  expect(await Promise.all(Object.values(files).map(isQuarantined))).toEqual([
    false,
    false,
    false,
    true,
  ]);

  // Nor does a moderator hit a bystander by a short word in the thread: they name the file.
  const short = await room.ben.answerTo(
    await room.ben.sayInThread(others.card.event, '!quarantine'),
  );
  expect(short.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
  expect(short.body).toContain(bystander.userId);
  expect(await isQuarantined(files.others)).toBe(false);
  const named = await room.ben.answerTo(
    await room.ben.sayInThread(others.card.event, `!quarantine ${files.others}`),
  );
  expect(named.field).toMatchObject({ status: 'done' });
  expect(named.body).toContain(`by ${bystander.userId}`);
});

it('after so many actions in an hour, rules only propose, and say that they do', async () => {
  // Two lines each: the third action is the first line of the second spammer.
  const twoLines = {
    ...freshAccount,
    then: ['suspend {sender}', 'shadow-ban {sender} --for 24h'],
  } satisfies Rule;
  const room = await openRoom([twoLines], { maxActionsPerHour: 3 });
  const spammers = [
    mallory,
    ...(await Promise.all(['eve', 'trent'].map(async (name) => server.newUser(name)))),
  ];
  const messages: string[] = [];
  for (const spammer of spammers) {
    await spammer.join(lobby);
    const spam = await spammer.sendText(lobby, 'cheap pills');
    messages.push(spam);
    await reportBy(server.elders.slice(0, 3), spam);
    const card = await cardOf(room.ana, spam);
    await room.ana.until(`what both lines came to about message ${messages.length}`, () =>
      room.ana
        .inThread(card.event)
        .filter(({ field }) => field.command !== 'report')
        .at(1),
    );
  }
  const asked = await Promise.all(
    messages.map(async (message) => {
      const card = await cardOf(room.ana, message);
      return room.ana
        .inThread(card.event)
        .filter(({ field }) => field.command !== 'report')
        .map(({ field }) => `${field.command} ${field.status}`);
    }),
  );
  expect(asked).toEqual([
    ['suspend done', 'shadow-ban done'],
    ['suspend done', 'shadow-ban pending'],
    ['suspend pending', 'shadow-ban pending'],
  ]);
  const suspended = spammers.map(
    async ({ userId }) => (await server.api.users.get(asUserId(userId))).suspended,
  );
  expect(await Promise.all(suspended)).toEqual([true, true, false]);
  expect(await Promise.all(spammers.map(isBanned))).toEqual([true, false, false]);
  const alert = await room.ana.until('the breaker', () =>
    room.ana.unasked().find(({ body }) => body.includes('Rules have stopped acting')),
  );
  expect(alert.body).toContain('3 actions in an hour');
});

it('a timed shadow-ban of a rule ends by itself, also across a restart', async () => {
  const room = await openRoom([{ ...freshAccount, then: ['shadow-ban {sender} --for 15s'] }]);
  const spam = await mallory.sendText(lobby, 'cheap pills');
  await reportBy(server.elders.slice(0, 3), spam);
  await room.ana.until('the ban', () =>
    room.ana.events.find(({ content }) => String(content['body']).includes('Shadow-banned')),
  );
  await room.stopBot();
  expect(await isBanned(mallory)).toBe(true);
  await room.startBot();
  await room.ana.until('its end', () =>
    room.ana.events.find(({ content }) =>
      String(content['body']).includes('No longer shadow-banned'),
    ),
  );
  expect(await isBanned(mallory)).toBe(false);
});
