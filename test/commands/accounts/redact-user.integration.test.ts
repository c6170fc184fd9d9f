import { afterAll, beforeAll, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { adminApi, asEventId, asRoomId, idOf, newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { events, users } = adminApi();

let room: TestRoom;
let owner: MatrixUser;
beforeAll(async () => {
  room = await openRoom();
  owner = await newUser('owner');
});
afterAll(async () => room.close());

/** Public rooms of the owner's, with somebody new in them who has said something in each. */
async function scene(
  names: readonly string[],
  messages = 1,
): Promise<{ mallory: MatrixUser; places: string[]; sent: [string, string][] }> {
  const mallory = await newUser('mallory', { displayName: 'Mallory' });
  const places: string[] = [];
  const sent: [string, string][] = [];
  for (const name of names) {
    const place = await newRoom(owner, { preset: 'public_chat', name });
    await mallory.join(place);
    for (let number = 1; number <= messages; number += 1) {
      sent.push([place, await mallory.sendText(place, `spam ${number}`)]);
    }
    places.push(place);
  }
  return { mallory, places, sent };
}

const areRedacted = async (sent: readonly [string, string][]) =>
  Promise.all(
    sent.map(async ([place, event]) => events.isRedacted(asRoomId(place), asEventId(event))),
  );

it('takes what somebody has sent out of all rooms, also after they were deactivated', async () => {
  const { mallory, places, sent } = await scene(['Lobby', 'Kitchen'], 2);
  const [lobby = ''] = places;
  const other = await owner.sendText(lobby, 'what was that?');
  const before = sent.pop();
  await askAndConfirm(room.ana, `!deactivate ${mallory.userId}`);
  await expect.poll(async () => (await users.joinedRooms(idOf(mallory))).joinedRooms).toEqual([]);
  sent.push(before as [string, string]);
  const { confirmation, outcome } = await askAndConfirm(
    room.ben,
    `!redact-user ${mallory.userId} --reason spam`,
  );
  expect(confirmation.body).toMatch(/^⚠️ Redact 4 messages and 2 joins by .* in 2 rooms\?/u);
  expect(confirmation.body).toContain('Lobby: 2 messages and 1 join');
  expect(confirmation.body).toContain('They are deactivated.');
  expect(confirmation.body).toContain('Reason: spam');
  expect(outcome.field).toMatchObject({
    status: 'done',
    data: { user_id: mallory.userId, messages: 4, joins: 2, failed: [] },
  });
  expect(await areRedacted(sent)).toEqual([true, true, true, true]);
  expect(await areRedacted([[lobby, other]])).toEqual([false]);
  const placed = await events.find(asRoomId(lobby), asEventId(sent[0]?.[1] ?? ''));
  expect(placed?.event.redactedBecause).toMatchObject({
    sender: mallory.userId,
    content: { reason: 'spam' },
  });
  const audit = await room.ana.ask(`!audit --target ${mallory.userId} --command redact-user`);
  expect(audit.field.data).toMatchObject([{ command: 'redact-user', status: 'done' }]);
});

it('reaches rooms that somebody was banned from, or has left', async () => {
  const { mallory, places, sent } = await scene(['Banned', 'Left']);
  const [banned = '', left = ''] = places;
  await owner.request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(banned)}/ban`, {
    json: { user_id: mallory.userId },
  });
  await mallory.leave(left);
  const { outcome } = await askAndConfirm(room.ben, `!redact-user ${mallory.userId}`);
  expect(outcome.field.status).toBe('done');
  expect(await areRedacted(sent)).toEqual([true, true]);
});

it('keeps to a room and to a time', async () => {
  const { mallory, places, sent } = await scene(['Here', 'There']);
  const [here = ''] = places;
  const { confirmation } = await askAndConfirm(
    room.ben,
    `!redact-user ${mallory.userId} --room ${here}`,
  );
  expect(confirmation.body).toContain('in 1 room?');
  expect(await areRedacted(sent)).toEqual([true, false]);
  const ts = (await events.find(asRoomId(here), asEventId(sent[0]?.[1] ?? '')))?.event
    .originServerTs;
  const since = new Date((ts ?? 0) + 60_000).toISOString();
  const nothing = await room.ben.ask(`!redact-user ${mallory.userId} --since ${since}`);
  expect(nothing.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
  expect(nothing.body).toContain('has sent nothing in that time');
  const again = await room.ben.ask(`!redact-user ${mallory.userId} --room ${here}`);
  expect(again.body).toContain('has sent nothing to');
});

it('says what could not be redacted', async () => {
  const { mallory, sent } = await scene(['Open']);
  // Whoever may redact nothing there can't take back their own, even where the server does it for them.
  const strict = await newRoom(owner, {
    preset: 'public_chat',
    name: 'Strict',
    power_level_content_override: { events: { 'm.room.redaction': 50 } },
  });
  await mallory.join(strict);
  sent.push([strict, await mallory.sendText(strict, 'spam')]);
  const { outcome } = await askAndConfirm(room.ben, `!redact-user ${mallory.userId}`);
  expect(outcome.field.status).toBe('partial');
  expect(outcome.body).toMatch(/^⚠️ Redacted .* but not 2 of them/u);
  expect(outcome.body).toMatch(/Synapse says “403: .*A moderator of those rooms can redact them/u);
  expect(await areRedacted(sent)).toEqual([true, false]);
  expect((outcome.field.data as { failed: string[] }).failed).toContain(sent[1]?.[1]);
});

it('says how it is done for a suspended account in a room of an old version', async () => {
  const mallory = await newUser('mallory');
  const old = await newRoom(owner, { preset: 'public_chat', room_version: '10' });
  await mallory.join(old);
  await mallory.sendText(old, 'spam');
  await users.setSuspended(idOf(mallory), true);
  const { outcome } = await askAndConfirm(room.ben, `!redact-user ${mallory.userId}`);
  expect(outcome.field.status).toBe('partial');
  expect(outcome.body).toContain('Lift the suspension, redact, and suspend them again');
});

it.each([
  ['!redact-user', 'usage', 'Which user?'],
  ['!redact-user @nobody-at-all:localhost', 'failed', 'there is no account'],
  ['!redact-user @spam:elsewhere.example', 'failed', 'is on another server'],
  ['!redact-user ana --since tomorrow-ish', 'usage', 'tomorrow-ish'],
  ['!redact-user ana --room nowhere', 'usage', 'nowhere'],
])('%s is %s: %s', async (line, status, why) => {
  const answer = await room.ben.ask(line);
  expect(answer.field.status).toBe(status);
  expect(answer.body).toContain(why);
});

it('keeps off who is protected, and is not for viewers', async () => {
  const answer = await room.ben.ask(`!redact-user ${room.ana.user.userId}`);
  expect(answer.field.status).toBe('protected');
  expect((await room.vic.ask(`!redact-user ${owner.userId}`)).field.status).toBe('denied');
});
