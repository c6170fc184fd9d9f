import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { openGate } from '../../../dev/room/gate.ts';
import type { Moderator } from '../../../dev/room/moderator.ts';
import type { MatrixEvent, MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { asEventId, asRoomId, asUserId } from '../../support/homeserver.ts';
import { highlightsOf } from '../../support/notifications.ts';
import { cardOf, startReportServer } from '../../support/report-room.ts';
import type { ReportServer } from '../../support/report-room.ts';
import type { TestRoom } from '../../support/room.ts';
import { secretIn, tellSecret } from '../../support/secrets.ts';

let server: ReportServer;
beforeAll(async () => {
  server = await startReportServer(0);
});
afterAll(async () => server.stop());

let room: TestRoom;
let mallory: MatrixUser;
let vera: MatrixUser;
let lobby: string;
beforeEach(async () => {
  [room, mallory, vera] = await Promise.all([
    server.openRoom(),
    server.newUser('mallory'),
    server.newUser('vera'),
  ]);
  lobby = await server.lobby(vera, mallory);
});
afterEach(async () => room.close());

/** The bot's own reactions on a card, as they are now. */
function offered({ events }: Moderator, card: string): MatrixEvent[] {
  const bot = events.find(({ event_id: id }) => id === card)?.sender;
  const redacted = new Set(
    events
      .filter(({ type }) => type === 'm.room.redaction')
      .map((event) => event.content['redacts'] ?? ('redacts' in event ? event.redacts : undefined)),
  );
  return events.filter(({ type, sender, content, event_id: id }) => {
    const relation = content['m.relates_to'] as { event_id?: string } | undefined;
    return (
      type === 'm.reaction' && sender === bot && relation?.event_id === card && !redacted.has(id)
    );
  });
}

it('a report is in the room within seconds, with what a decision needs', async () => {
  const spam = await mallory.sendText(lobby, 'buy cheap pills at https://evil.example');
  await vera.reportEvent(lobby, spam, { reason: 'spam', score: -100 });
  const card = await cardOf(room.ana, spam);
  expect(card.body).toMatch(/^⚠️ Report #\d+: 1 person says “spam” about a message by @mallory/u);
  expect(card.body).toContain('in Lobby');
  expect(card.body).toMatch(/account \d+ seconds? old when it was reported/u);
  // Nobody is shown it without wanting to, and no client makes a link of it.
  expect(card.body).not.toContain('pills');
  expect(card.html).toContain(
    '<span data-mx-spoiler>“buy cheap pills at https[:]//evil[.]example”',
  );
  // What can be tapped is there to be tapped.
  await room.ana.until('five reactions', () =>
    room.ana.events.filter(({ type }) => type === 'm.reaction').at(4),
  );

  const report = await room.ana.ask(`!report ${(card.field.data as { id: number }).id}`);
  expect(report.body).toContain('“buy cheap pills at https[:]//evil[.]example”');
  expect(report.body).toContain('has not been removed');
  expect(report.body).toContain(vera.userId);
});

it('a secret that its reader reports is shown to nobody else', async () => {
  const direct = await tellSecret(room.ana, room);
  const event = direct.messages[0]?.event_id ?? '';
  await room.ana.user.reportEvent(direct.id, event, { reason: 'what is this?' });
  const card = await cardOf(room.ben, event);
  const { id } = card.field.data as { id: number };
  const report = await room.ben.ask(`!report ${id}`);
  for (const { content } of [card, report]) {
    expect(JSON.stringify(content)).not.toContain(secretIn(direct));
  }
  expect(await room.database.dump()).not.toContain(secretIn(direct));
});

it('further reports join the card, which is edited and not repeated', async () => {
  const spam = await mallory.sendText(lobby, 'spam');
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  await cardOf(room.ana, spam);
  const vic = await server.newUser('vic');
  await vic.join(lobby);
  await vic.reportEvent(lobby, spam, { reason: 'scam' });
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  // The two new reports may arrive one after the other.
  const card = await cardOf(
    room.ana,
    spam,
    ({ field }) => (field.data as { reports: number }).reports === 3,
  );
  expect(card.edited).toBe(true);
  expect(card.field.data).toMatchObject({ reporter_count: 2 });
  expect(card.body).toContain('1 of 2 people says');
  expect(card.body).toContain('scam');
});

it('a reply to the card with a command is about the sender, and resolves the report', async () => {
  const spam = await mallory.sendText(lobby, 'spam');
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  const card = await cardOf(room.ana, spam);
  const command = await room.ana.sayInThread(card.event, '!shadow-ban --reason spam');
  const answer = await room.ana.answerTo(command);
  expect(answer.body).toContain('Shadow-banned');
  expect((await server.api.users.get(asUserId(mallory.userId))).shadowBanned).toBe(true);
  const after = await cardOf(room.ana, spam, ({ body }) => body.startsWith('✅'));
  expect(after.body).toContain('resolved by Ana');
  const { id } = card.field.data as { id: number };
  const audit = await room.ana.ask(`!audit --target ${mallory.userId}`);
  expect(audit.field.data).toMatchObject([{ command: 'shadow-ban', item_id: id }]);

  // Reported again, it opens anew and says so.
  await vera.reportEvent(lobby, spam, { reason: 'still there' });
  const again = await cardOf(room.ana, spam, ({ body }) => body.startsWith('⚠️'));
  expect(again.body).toContain('reported again');
  await room.ana.until('new reactions', () => offered(room.ana, card.event).at(5));
  await room.ana.until('a note in the thread', () =>
    room.ana.inThread(card.event).find(({ body }) => body.includes('Reported again')),
  );
});

it('reactions on the card claim, act and dismiss', async () => {
  const spam = await mallory.sendText(lobby, 'spam');
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  const card = await cardOf(room.ben, spam);
  await room.ben.user.react(room.id, card.event, '🙋🏽');
  const claimed = await cardOf(room.ben, spam, ({ body }) => body.startsWith('⏳'));
  expect(claimed.body).toContain(`Ben (${room.ben.user.userId}) is on it`);
  await room.ben.user.react(room.id, card.event, '🔨');
  const confirmation = await room.ben.until('the confirmation', () =>
    room.ben.inThread(card.event).find(({ field }) => field.status === 'pending'),
  );
  expect(confirmation.body).toMatch(/^⚠️ Deactivate/u);
  expect(confirmation.body).toContain(mallory.userId);
  await room.ben.user.react(room.id, confirmation.event, '❌');
  await room.ben.outcomeOf(confirmation, 'cancelled');
  await room.ben.user.react(room.id, card.event, '🗑️');
  const dismissed = await cardOf(room.ben, spam, ({ body }) => body.startsWith('ℹ️'));
  expect(dismissed.body).toContain('dismissed by Ben');
  // What can't be done any more can't be tapped.
  await room.ben.until('no reactions of the bot', () =>
    offered(room.ben, card.event).length === 0 ? true : undefined,
  );
  // A viewer's tap does nothing but be answered.
  await room.vic.user.react(room.id, card.event, '🙋');
  await room.vic.until('the refusal', () =>
    room.vic.inThread(card.event).find(({ field }) => field.status === 'denied'),
  );
});

it('the configuration decides what else can be tapped, also on the cards of the one before', async () => {
  const spam = await mallory.sendText(lobby, 'spam');
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  const card = await cardOf(room.ben, spam);
  await room.stopBot();
  await room.startBot({
    actions: { '🔒': '!lock {sender} --reason "report {report}"', '🔨': 'suspend {sender}' },
  });
  // Nobody deactivates, or suspends, by a tap that meant something else.
  await room.ben.user.react(room.id, card.event, '🔨');
  const refusal = await room.ben.until('the refusal', () =>
    room.ben.inThread(card.event).find(({ field }) => field?.status === 'failed'),
  );
  expect(refusal.body).toMatch(/^❌ Not done: 🔨 stands for !suspend \{sender\} now/u);
  const renewed = await cardOf(room.ben, spam, ({ body }) => body.includes('🔒 lock'));
  expect(renewed.body).toContain('🔨 suspend · 🙈 redact · 🔒 lock · 🗑 dismiss');
  await room.ben.until('seven reactions, and not those of before', () =>
    offered(room.ben, card.event).length === 7 ? true : undefined,
  );
  await room.ben.user.react(room.id, card.event, '🔒');
  await cardOf(room.ben, spam, ({ body }) => body.startsWith('✅'));
  expect((await server.api.users.get(asUserId(mallory.userId))).locked).toBe(true);
  const { id } = card.field.data as { id: number };
  const audit = await room.ana.ask(`!audit --target ${mallory.userId}`);
  expect(audit.field.data).toMatchObject([
    { command: 'lock', item_id: id, reason: `report ${id}` },
  ]);
});

it('🙈 takes the message out of its room, after a confirmation', async () => {
  const spam = await mallory.sendText(lobby, 'spam');
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  const card = await cardOf(room.ben, spam);
  await room.ben.user.react(room.id, card.event, '🙈');
  const confirmation = await room.ben.until('the confirmation', () =>
    room.ben.inThread(card.event).find(({ field }) => field.status === 'pending'),
  );
  await room.ben.user.react(room.id, confirmation.event, '✅');
  await room.ben.outcomeOf(confirmation, 'done');
  await cardOf(room.ben, spam, ({ body }) => body.startsWith('✅'));
  const found = await server.api.events.find(asRoomId(lobby), asEventId(spam));
  expect(found?.event.redactedBecause).not.toBeNull();
  // The copy of the report keeps what was said.
  const report = await room.ben.ask(`!report ${(card.field.data as { id: number }).id}`);
  expect(report.body).toContain('“spam”');
  expect(report.body).toContain('The message has been redacted by');
});

it('an edited message is shown as people see it, on the card and by !report', async () => {
  const event = await mallory.sendText(lobby, 'good morning everybody');
  await mallory.send(lobby, 'm.room.message', {
    msgtype: 'm.text',
    body: '* buy cheap pills',
    'm.new_content': { msgtype: 'm.text', body: 'buy cheap pills' },
    'm.relates_to': { rel_type: 'm.replace', event_id: event },
  });
  await vera.reportEvent(lobby, event, { reason: 'spam' });
  const card = await cardOf(room.ben, event, ({ html }) => html.includes('good morning everybody'));
  expect(card.html).toContain('Edited to: <span data-mx-spoiler>“buy cheap pills”');
  const report = await room.ben.ask(`!report ${(card.field.data as { id: number }).id}`);
  expect(report.body).toContain('Edited to: “buy cheap pills”');
});

it('a reported user is an item too', async () => {
  const path = `/_matrix/client/v3/users/${encodeURIComponent(mallory.userId)}/report`;
  await vera.request('POST', path, { json: { reason: 'writes to everybody' } });
  const card = await cardOf(room.ana, mallory.userId);
  expect(card.body).toContain('about the user');
  const list = await room.ana.ask(`!reports --sender ${mallory.userId}`);
  expect(list.field.data).toMatchObject({ rows: [{ kind: 'user', state: 'open' }] });
});

it('a message that the homeserver is slow to show holds up no other report', async () => {
  await using gate = await openGate(server.homeserver.url);
  const here = await server.openRoom({ homeserver: { adminUrl: gate.url } });
  const held = gate.meet('GET', /\/context\//);
  const slow = await mallory.sendText(lobby, 'slow');
  await vera.reportEvent(lobby, slow, { reason: 'slow' });
  const passage = await held;
  const quick = await mallory.sendText(lobby, 'quick');
  await vera.reportEvent(lobby, quick, { reason: 'quick' });
  await cardOf(here.ana, quick);
  // It has its card before what it says is known, and then that.
  const card = await cardOf(here.ana, slow);
  expect(card.body).toContain('could not be read');
  await passage.forward();
  passage.answer();
  await cardOf(here.ana, slow, ({ html }) => html.includes('“slow”</span>'));
  await here.close();
});

it('the admins are reminded once of what nobody has closed, if nobody is on call', async () => {
  const here = await server.openRoom({
    reports: { remindAfter: '1s' },
  });
  const spam = await mallory.sendText(lobby, 'spam');
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  const { id } = (await cardOf(here.ana, spam)).field.data as { id: number };
  const reminder = await here.ana.until('the reminder', () =>
    here.ana.unasked().find(({ body }) => body.includes('open for more than 1 second')),
  );
  expect(reminder.body).toContain(`#${id} open`);
  expect(reminder.content['m.mentions']).toEqual({ user_ids: [here.ana.user.userId] });
  expect(await highlightsOf(here.ana.user)).toContain(reminder.event);
  const next = await mallory.sendText(lobby, 'more');
  await vera.reportEvent(lobby, next, { reason: 'spam' });
  await here.ana.until('the next reminder', () =>
    here.ana
      .unasked()
      .filter(({ body }) => body.includes('open for more than'))
      .at(1),
  );
  const [first, second] = here.ana
    .unasked()
    .filter(({ body }) => body.includes('open for more than'));
  expect(first?.event).toBe(reminder.event);
  expect(second?.body).not.toContain(`#${id} `);
  await here.close();
});

it('is kept over a restart: cards are edited, not sent again', async () => {
  const spam = await mallory.sendText(lobby, 'spam');
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  const card = await cardOf(room.ana, spam);
  await room.stopBot();
  await vera.reportEvent(lobby, spam, { reason: 'spam again' });
  await room.startBot();
  const after = await cardOf(room.ana, spam, ({ body }) => body.includes('spam again'));
  expect(after.event).toBe(card.event);
  expect(
    room.ana.unasked().filter(({ field }) => (field.data as { subject?: string }).subject === spam),
  ).toHaveLength(1);
});

it('reports that can’t be read are missed aloud: once, and until they can be', async () => {
  const here = await server.openRoom(
    {},
    {
      reportTroubleMs: 500,
    },
  );
  const { ana, bot } = here;
  try {
    await server.api.users.setAdmin(asUserId(bot.userId), false);
    const spam = await mallory.sendText(lobby, 'spam');
    await vera.reportEvent(lobby, spam, { reason: 'spam' });
    const trouble = await ana.until('the alarm', () =>
      ana.unasked().find(({ body }) => body.startsWith('⚠️ Reports can’t be read: ')),
    );
    expect(trouble.body).toContain('403 M_FORBIDDEN');
    expect(trouble.content['m.mentions']).toEqual({ user_ids: [ana.user.userId] });
    expect(await highlightsOf(ana.user)).toContain(trouble.event);
    const status = await ana.ask('!status');
    expect(status.body).toMatch(/^⚠️ Reports can’t be read, for .*403 M_FORBIDDEN/u);

    await server.api.users.setAdmin(asUserId(bot.userId), true);
    await cardOf(ana, spam);
    await ana.until('the all-clear', () =>
      ana.unasked().find(({ body }) => body.startsWith('✅ Reports can be read again')),
    );
    expect((await ana.ask('!status')).body).toMatch(/^✅ Everything is working/u);
    // Both lists could not be read, and one message was enough for each of both.
    expect(ana.unasked().filter(({ body }) => /^\S+ Reports /u.test(body))).toHaveLength(2);
  } finally {
    await here.close();
  }
});

it('a configured reaction bans in the reported room', async () => {
  const own = await server.openRoom({ reports: { actions: { '🚫': 'ban {sender} {room}' } } });
  try {
    // The bot has the power there that people in the management room give it first.
    const question = await own.ana.ask(`!make-room-admin ${lobby}`);
    await own.ana.ask(`!confirm ${question.field.confirmation?.code}`);
    await own.ana.outcomeOf(question, 'done');
    const spam = await mallory.sendText(lobby, 'spam');
    await vera.reportEvent(lobby, spam, { reason: 'spam' });
    const card = await cardOf(own.ana, spam);
    expect(card.body).toContain('🚫 ban');
    await own.ana.user.react(own.id, card.event, '🚫');
    const [answer] = await own.ana.until('the answer to the reaction', () => {
      const found = own.ana.inThread(card.event);
      return found.length > 0 ? found : undefined;
    });
    expect(answer?.body).toContain(`Banned from Lobby ${mallory.userId}`);
    const state = await server.api.events.state(asRoomId(lobby), 'm.room.member');
    const member = state.find(({ stateKey }) => stateKey === mallory.userId);
    expect(member?.content['membership']).toBe('ban');
    const after = await cardOf(own.ana, spam, ({ body }) => body.startsWith('✅'));
    expect(after.body).toContain('resolved by Ana');
  } finally {
    await own.close();
  }
});
