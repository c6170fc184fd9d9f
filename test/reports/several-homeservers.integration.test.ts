import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Moderator } from '../../dev/room/moderator.ts';
import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { asEventId, asRoomId, idOf } from '../support/homeserver.ts';
import { cardOf, startReportServer } from '../support/report-room.ts';
import type { ReportServer } from '../support/report-room.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';
import { secondName, startSecondHomeserver } from '../support/second-homeserver.ts';
import type { SecondHomeserver } from '../support/second-homeserver.ts';

let one: ReportServer;
let two: SecondHomeserver;
let witness: MatrixUser;
let room: TestRoom;
let ana: Moderator;

beforeAll(async () => {
  [one, two] = await Promise.all([startReportServer(0), startSecondHomeserver()]);
  witness = await two.newUser('witness');
  room = await openRoom(
    {
      reports: {
        enabled: true,
        maxCardsPerMinute: 100,
        rules: [
          {
            name: 'pills',
            when: {
              content: { matches: 'cheap pills' },
              sender: 'local',
              // The witness is that old by then.
              reporterAccountAge: { atLeast: '1s' },
            },
            then: ['shadow-ban {sender}', 'block-room {room}'],
            mode: 'act',
          },
        ],
      },
    },
    {
      server: one.homeserver,
      others: [two.entry],
      timing: { pollIntervalMs: 500, homeserverLookMs: 2000, reportTroubleMs: 500 },
    },
  );
  ({ ana } = room);
});

afterAll(async () => {
  await room?.close();
  await Promise.all([one?.stop(), two?.stop()]);
});

/** A message that somebody reports; the room is public, and theirs. */
async function reported(sender: MatrixUser, reporter: MatrixUser, body: string) {
  const lobby = await sender.createRoom({ preset: 'public_chat', name: 'Lobby' });
  await reporter.join(lobby);
  const event = await sender.sendText(lobby, body);
  await reporter.reportEvent(lobby, event, { reason: 'spam' });
  return { lobby, event };
}

const onOne = async (body: string) =>
  reported(await one.newUser('mallory'), await one.newUser('vera'), body);

async function onTwo(body: string) {
  const sender = await two.newUser('mallory');
  return { sender, ...(await reported(sender, witness, body)) };
}

test('reports of both arrive in one queue, and say where', async () => {
  const [here, there] = await Promise.all([onOne('spam on one'), onTwo('spam on two')]);
  const [cardHere, cardThere] = await Promise.all([
    cardOf(ana, here.event),
    cardOf(ana, there.event, ({ body }) => body.includes('account')),
  ]);
  expect(cardHere.body).toMatch(/^⚠️ Report #\d+: 1 person on localhost says “spam” about/u);
  expect(cardThere.body).toMatch(
    /^⚠️ Report #\d+: 1 person on two\.example says “spam” about a message by @mallory\S*:two\.example/u,
  );
  expect(cardThere.body).toMatch(/account \d+ seconds? old when it was reported/u);
  expect(cardThere.field.data).toMatchObject({ homeservers: [secondName] });

  const { id } = cardThere.field.data as { id: number };
  const report = await ana.ask(`!report ${id}`);
  expect(report.body).toContain('“spam on two”');
  expect(report.body).toContain('The message has not been removed.');
  expect(report.body).toContain(witness.userId);
  // The queue is one, so its commands need no homeserver.
  expect(report.body).toMatch(new RegExp(`· !resolve ${id} · !dismiss ${id}$`, 'mu'));

  // The other one has never had it.
  const onOther = await ana.ask(`!report ${id} --on localhost`);
  expect(onOther.body).toContain('It is not known whether the message has been redacted.');
  const inLobby = await ana.ask(`!reports --room ${there.lobby}`);
  expect(inLobby.body).toContain(`#${id} `);
  expect(inLobby.body).not.toContain('doesn’t have this room');

  const all = await ana.ask('!reports');
  expect(all.body).toMatch(/open, 1 report on localhost/u);
  expect(all.body).toMatch(/open, 1 report on two\.example/u);
  const ofTwo = await ana.ask('!reports --on two');
  expect(ofTwo.body).toContain(there.sender.userId);
  expect(ofTwo.body).not.toContain('on localhost');

  const dismissed = await ana.ask(`!dismiss ${id}`);
  expect(dismissed.body).toMatch(/^✅ Dismissed/u);
  expect(dismissed.body).not.toContain('on localhost');
});

test('a reaction on a card acts where the report came from', async () => {
  const { lobby, event, sender } = await onTwo('redact me');
  const card = await cardOf(ana, event);
  await room.ben.user.react(room.id, card.event, '🙈');
  const confirmation = await room.ben.until('the confirmation', () =>
    room.ben.inThread(card.event).find(({ field }) => field.status === 'pending'),
  );
  await room.ben.user.react(room.id, confirmation.event, '✅');
  await room.ben.outcomeOf(confirmation, 'done');
  const found = await two.api.events.find(asRoomId(lobby), asEventId(event));
  expect(found?.event.redactedBecause).not.toBeNull();

  const inThread = await ana.sayInThread(card.event, '!lock --reason spam');
  expect((await ana.answerTo(inThread)).body).toContain('Locked');
  expect((await two.api.users.get(idOf(sender))).locked).toBe(true);
  // The ID of the room does not say where it is.
  for (const line of ['!room', `!room ${lobby}`]) {
    const { body, field } = await ana.answerTo(await ana.sayInThread(card.event, line));
    expect({ line, status: field.status }).toEqual({ line, status: 'done' });
    expect(body).toContain(lobby);
  }
  const ban = await ana.sayInThread(card.event, `!ban @mallory:three.example ${lobby}`);
  expect((await ana.answerTo(ban)).body).toContain(`!make-room-admin ${lobby} --on two gives me`);
});

test('a report is deleted from the list of its homeserver', async () => {
  const { event } = await onTwo('delete the report');
  const { id } = (await cardOf(ana, event)).field.data as { id: number };
  const left = async () => {
    const { eventReports } = await two.api.reports.events.list({ from: 0, limit: 100 });
    return eventReports.filter(({ eventId }) => eventId === event).length;
  };
  expect(await left()).toBe(1);
  const asked = await ana.ask(`!report ${id} --delete-at-source`);
  await ana.ask('!confirm');
  await ana.outcomeOf(asked, 'done');
  expect(await left()).toBe(0);
});

test('a rule acts where the report came from', async () => {
  const { lobby, sender } = await onTwo('buy cheap pills');
  await expect.poll(async () => (await two.api.users.get(idOf(sender))).shadowBanned).toBe(true);
  await expect.poll(async () => two.api.rooms.isBlocked(asRoomId(lobby))).toBe(true);
  const audit = await ana.ask(`!audit --target ${sender.userId}`);
  expect(audit.field.data).toMatchObject([{ command: 'shadow-ban' }]);
});

test('one that is away does not hold up the other', async () => {
  two.gate.close(/./u);
  await ana.until('the alarm', () =>
    ana.unasked().find(({ body }) => /two\.example has not answered for/u.test(body)),
  );
  const here = await onOne('while two is away');
  expect((await cardOf(ana, here.event)).body).toContain('on localhost');
  const there = await onTwo('unseen');
  const list = await ana.ask('!reports');
  expect(list.body).not.toContain(there.sender.userId);

  two.gate.open();
  const card = await cardOf(ana, there.event);
  expect(card.body).toContain('on two.example');
  // The room was told that it was away; that its reports can't be read goes without saying.
  expect(ana.unasked().filter(({ body }) => body.includes('can’t be read'))).toEqual([]);
});
