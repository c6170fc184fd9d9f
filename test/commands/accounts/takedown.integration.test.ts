import { afterAll, beforeAll, expect, it } from 'vitest';

import type { Answer } from '../../../dev/room/moderator.ts';
import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { parseMxcUri } from '../../../src/core/ids.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { adminApi, asEventId, asRoomId, idOf, newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { events, media, users } = adminApi();

let room: TestRoom;
let owner: MatrixUser;
beforeAll(async () => {
  room = await openRoom();
  owner = await newUser('owner');
});
afterAll(async () => room.close());

type Sent = [room: string, event: string][];

/** Somebody who has said something in rooms that they are in, have left, and are banned from. */
async function scene(roomVersion = '11'): Promise<{ mallory: MatrixUser; sent: Sent }> {
  const mallory = await newUser('mallory', { displayName: 'Mallory' });
  const sent: Sent = [];
  const places: string[] = [];
  for (const name of ['Joined', 'Left', 'Banned']) {
    const place = await newRoom(owner, { preset: 'public_chat', name, room_version: roomVersion });
    await mallory.join(place);
    for (const text of ['spam', 'more spam']) {
      sent.push([place, await mallory.sendText(place, text)]);
    }
    places.push(place);
  }
  await mallory.leave(places[1] ?? '');
  await owner.request(
    'POST',
    `/_matrix/client/v3/rooms/${encodeURIComponent(places[2] ?? '')}/ban`,
    { json: { user_id: mallory.userId } },
  );
  return { mallory, sent };
}

const areRedacted = async (sent: Sent) =>
  Promise.all(
    sent.map(async ([place, event]) => events.isRedacted(asRoomId(place), asEventId(event))),
  );

const stepsOf = ({ field }: Answer) =>
  (field.data as { steps: { step: string; status: string }[] }).steps.map(
    ({ step, status }) => `${step} ${status}`,
  );

/** What Synapse still shows of what an account has sent and joined. */
async function left({ userId }: MatrixUser, sent: Sent): Promise<number> {
  const places = new Set(sent.map(([place]) => place));
  let count = 0;
  for (const place of places) {
    const page = await events.page(asRoomId(place), { dir: 'b', limit: 1000 });
    count += page.filter(
      ({ sender, type, redactedBecause, content }) =>
        sender === userId &&
        redactedBecause === null &&
        (type === 'm.room.message' ||
          (type === 'm.room.member' && content['membership'] === 'join')),
    ).length;
  }
  return count;
}

it('leaves nothing of an account, in rooms that it is in, has left and is banned from', async () => {
  const { mallory, sent } = await scene();
  for (const text of ['one', 'two', 'three']) {
    await mallory.uploadMedia(Buffer.from(`${text} ${mallory.userId}`), 'text/plain');
  }
  const { confirmation, outcome } = await askAndConfirm(
    room.ben,
    `!takedown ${mallory.userId} --delete-media --reason spam`,
  );
  expect(confirmation.body).toMatch(/^⚠️ Take down Mallory/u);
  expect(confirmation.body).toContain('quarantine: 3 files');
  expect(confirmation.body).toContain('redact: 6 messages and 3 joins in 3 rooms');
  expect(confirmation.body).toContain('delete-media: 3 files');
  expect(confirmation.body).toContain('log out 1 device, remove from 1 room');
  expect(confirmation.body).toContain('Redacted messages and deleted files can’t be restored');
  expect(outcome.field).toMatchObject({ command: 'takedown', status: 'done' });
  expect(stepsOf(outcome)).toEqual([
    'suspend done',
    'quarantine done',
    'redact done',
    'delete-media done',
    'deactivate done',
  ]);
  expect(outcome.body).toContain('redacted 6 messages and 3 joins in 3 rooms');
  expect(await left(mallory, sent)).toBe(0);
  expect((await media.list(idOf(mallory), {})).total).toBe(0);
  expect(await users.get(idOf(mallory))).toMatchObject({ deactivated: true, suspended: true });
  expect((await users.joinedRooms(idOf(mallory))).total).toBe(0);
  const audit = await room.ben.ask(`!audit --target ${mallory.userId} --command takedown`);
  expect(audit.field.data).toHaveLength(5);
});

it('reaches rooms of old versions, and lifts the lock that it needs there', async () => {
  const { mallory, sent } = await scene('10');
  const { outcome } = await askAndConfirm(room.ben, `!takedown ${mallory.userId} --keep-account`);
  expect(stepsOf(outcome)).toEqual(['suspend done', 'quarantine done', 'redact done']);
  expect(await left(mallory, sent)).toBe(0);
  expect(await users.get(idOf(mallory))).toMatchObject({
    deactivated: false,
    suspended: true,
    locked: false,
  });
});

it('keeps to a time, to its dry run, and off what a protected account has uploaded as well', async () => {
  const { mallory, sent } = await scene();
  const picture = Buffer.from(`a picture of ${room.ana.user.userId}`);
  const hers = await room.ana.user.uploadMedia(picture, 'text/plain');
  await mallory.uploadMedia(picture, 'text/plain');
  await mallory.uploadMedia(Buffer.from(`only ${mallory.userId}`), 'text/plain');
  const dry = await room.ben.ask(`!takedown ${mallory.userId} --dry-run`);
  expect(dry.field.status).toBe('dry_run');
  expect(dry.body).toContain('redact: 6 messages');
  const since = new Date(Date.now() + 60_000).toISOString();
  const { outcome } = await askAndConfirm(
    room.ben,
    `!takedown ${mallory.userId} --keep-account --since ${since}`,
  );
  expect(outcome.body).toContain('nothing to redact');
  expect(outcome.body).toContain('quarantined 1 file, 1 protected file left');
  expect(await areRedacted(sent)).toEqual(sent.map(() => false));
  const files = await media.list(idOf(mallory), {});
  expect(files.media.filter(({ quarantinedBy }) => quarantinedBy !== null)).toHaveLength(1);
  const uri = parseMxcUri(hers);
  expect(uri && (await media.find(uri))?.quarantinedBy).toBeNull();
});

it('is taken back step by step, as far as that is possible', async () => {
  const { mallory, sent } = await scene();
  await mallory.uploadMedia(Buffer.from(`undo ${mallory.userId}`), 'text/plain');
  const { outcome } = await askAndConfirm(room.ben, `!takedown ${mallory.userId}`);
  const [suspended, quarantined, redacted, deactivated] = outcome.field.audit;
  const undone = async (entry: number | undefined) => room.ben.ask(`!undo ${entry}`);
  expect((await undone(deactivated)).field).toMatchObject({
    command: 'reactivate',
    status: 'done',
  });
  expect((await undone(suspended)).field).toMatchObject({ command: 'unsuspend', status: 'done' });
  const released = await askAndConfirm(room.ben, `!undo ${quarantined}`);
  expect(released.confirmation.body).toContain('that I have quarantined, whenever');
  expect(released.outcome.field).toMatchObject({ command: 'unquarantine', status: 'done' });
  expect((await undone(redacted)).body).toContain('can’t be undone');
  expect(await users.get(idOf(mallory))).toMatchObject({ deactivated: false, suspended: false });
  const files = await media.list(idOf(mallory), {});
  expect(files.media.map(({ quarantinedBy }) => quarantinedBy)).toEqual([null]);
  expect(await left(mallory, sent)).toBe(0);
});

it('takes several, and keeps off who is protected', async () => {
  const [one, other] = [await scene(), await scene()];
  const { confirmation, outcome } = await askAndConfirm(
    room.ben,
    `!takedown ${one.mallory.userId} ${other.mallory.userId} ${room.ana.user.userId}`,
  );
  expect(confirmation.body).toContain('Take down 2 accounts?');
  expect(confirmation.body).toContain('6 messages and 3 joins in 3 rooms');
  expect(confirmation.body).toContain(`Left out: ${room.ana.user.userId}`);
  expect(outcome.field.status).toBe('done');
  expect(await left(one.mallory, one.sent)).toBe(0);
  expect(await left(other.mallory, other.sent)).toBe(0);
  expect((await room.ben.ask(`!takedown ${room.ana.user.userId}`)).field.status).toBe('protected');
});

it('is taken back as a whole by its operation’s number, for several accounts with one confirmation', async () => {
  const both = [await scene(), await scene()];
  const ids = both.map(({ mallory }) => mallory.userId);
  for (const { mallory } of both) {
    await mallory.uploadMedia(Buffer.from(`all ${mallory.userId}`), 'text/plain');
  }
  const taken = await askAndConfirm(room.ben, `!takedown ${ids.join(' ')}`);
  const line = `!undo --operation ${taken.outcome.field.operation?.id}`;
  expect(taken.outcome.body).toContain(line);
  const { confirmation, outcome } = await askAndConfirm(room.ben, line);
  expect(confirmation.body).toContain('6 actions on 2 accounts?');
  expect(confirmation.body).toContain('Can’t be taken back: redact (2)');
  expect(outcome.field).toMatchObject({ command: 'undo', status: 'done' });
  for (const { mallory, sent } of both) {
    expect(await users.get(idOf(mallory))).toMatchObject({ deactivated: false, suspended: false });
    const files = await media.list(idOf(mallory), {});
    expect(files.media.map(({ quarantinedBy }) => quarantinedBy)).toEqual([null]);
    expect(await left(mallory, sent)).toBe(0);
  }
  const again = await room.ana.ask(line);
  expect(again.body).toContain('was already taken back by #');
  const { body } = await room.ana.ask(`!audit --operation ${outcome.field.operation?.id}`);
  expect(body).toContain('6 entries');
});
