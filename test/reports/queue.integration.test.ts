import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { asUserId } from '../support/homeserver.ts';
import { cardOf, startReportServer } from '../support/report-room.ts';
import type { ReportServer } from '../support/report-room.ts';
import type { TestRoom } from '../support/room.ts';

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

it('a report is in the room within seconds, with what a decision needs', async () => {
  const spam = await mallory.sendText(lobby, 'buy cheap pills at https://evil.example');
  await vera.reportEvent(lobby, spam, { reason: 'spam', score: -100 });
  const card = await cardOf(room.ana, spam);
  expect(card.body).toMatch(/^⚠️ Report #\d+: 1 person says “spam” about a message of @mallory/u);
  expect(card.body).toContain('in Lobby');
  expect(card.body).toMatch(/account \d+ seconds? old/u);
  // Nobody is shown it without wanting to, and no client makes a link of it.
  expect(card.body).not.toContain('pills');
  expect(card.html).toContain('<span data-mx-spoiler>“buy cheap pills at https[:]//evil.example”');
  // What can be tapped is there to be tapped.
  await room.ana.until('five reactions', () =>
    room.ana.events.filter(({ type }) => type === 'm.reaction').at(4),
  );

  const report = await room.ana.ask(`!report ${(card.field.data as { id: number }).id}`);
  expect(report.body).toContain('“buy cheap pills at https[:]//evil.example”');
  expect(report.body).toContain('still stands in its room');
  expect(report.body).toContain(vera.userId);
});

it('further reports join the card, which is edited and not repeated', async () => {
  const spam = await mallory.sendText(lobby, 'spam');
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  await cardOf(room.ana, spam);
  const vic = await server.newUser('vic');
  await vic.join(lobby);
  await vic.reportEvent(lobby, spam, { reason: 'scam' });
  await vera.reportEvent(lobby, spam, { reason: 'spam' });
  const card = await cardOf(room.ana, spam, ({ body }) => body.includes('2 people say'));
  expect(card.edited).toBe(true);
  expect(card.field.data).toMatchObject({ reporter_count: 2, reports: 3 });
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
  expect(claimed.body).toContain('Ben is on it');
  await room.ben.user.react(room.id, card.event, '🔨');
  const question = await room.ben.until('the question', () =>
    room.ben.inThread(card.event).find(({ field }) => field.status === 'pending'),
  );
  expect(question.body).toMatch(/^⚠️ Deactivate/u);
  expect(question.body).toContain(mallory.userId);
  await room.ben.user.react(room.id, question.event, '❌');
  await room.ben.outcomeOf(question, 'cancelled');
  await room.ben.user.react(room.id, card.event, '🗑️');
  const dismissed = await cardOf(room.ben, spam, ({ body }) => body.startsWith('ℹ️'));
  expect(dismissed.body).toContain('dismissed by Ben');
  // A viewer's tap does nothing but be answered.
  await room.vic.user.react(room.id, card.event, '🙋');
  await room.vic.until('the refusal', () =>
    room.vic.inThread(card.event).find(({ field }) => field.status === 'denied'),
  );
});

it('a reported user is an item too', async () => {
  await vera.reportUser(mallory.userId, 'writes to everybody');
  const card = await cardOf(room.ana, mallory.userId);
  expect(card.body).toContain('about the user');
  const list = await room.ana.ask(`!reports --sender ${mallory.userId}`);
  expect(list.field.data).toMatchObject({ rows: [{ kind: 'user', state: 'open' }] });
});
