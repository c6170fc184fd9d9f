import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openGate } from '../../../dev/room/gate.ts';
import type { Moderator } from '../../../dev/room/moderator.ts';
import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import {
  adminApi,
  asEventId,
  asRoomId,
  homeserver,
  idOf,
  newRoom,
  newUser,
  uniqueLocalpart,
} from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { events, users } = adminApi();

let room: TestRoom;
let owner: MatrixUser;
let mallory: MatrixUser;
beforeAll(async () => {
  room = await openRoom();
  [owner, mallory] = await Promise.all([
    newUser('owner'),
    newUser('mallory', { displayName: 'Mallory' }),
  ]);
});
afterAll(async () => room.close());

const link = (place: string, event: string) => `https://matrix.to/#/${place}/${event}`;

/** A room of the owner's with Mallory in it, and the bot where it is asked for. */
async function openPlace(
  options: { name?: string; version?: string; botPower?: number; bot?: MatrixUser } = {},
): Promise<string> {
  const { name = 'Lobby', version = '11', botPower, bot = room.bot } = options;
  const place = await newRoom(owner, { preset: 'public_chat', name, room_version: version });
  await mallory.join(place);
  if (botPower !== undefined) {
    await bot.join(place);
    const users = { [bot.userId]: botPower, ...(version === '12' ? {} : { [owner.userId]: 100 }) };
    await owner.setState(place, 'm.room.power_levels', { users });
  }
  await expect.poll(async () => (await adminApi().rooms.get(asRoomId(place))).name).toBe(name);
  return place;
}

/** What took an event back; undefined where nothing has. */
async function redactionOf(place: string, event: string) {
  const placed = await events.find(asRoomId(place), asEventId(event));
  if (placed === undefined) {
    throw new Error(`${event} is not there`);
  }
  return placed.event.redactedBecause ?? undefined;
}

describe('redact', () => {
  it('takes a message out of a room that the bot is not in, once it is confirmed', async () => {
    const place = await openPlace();
    const before = await mallory.sendText(place, 'hello');
    const spam = await mallory.sendText(place, 'buy cheap at https://spam.example now');
    const confirmation = await room.ben.ask(`!redact ${link(place, spam)} --reason spam`);
    expect(confirmation.field).toMatchObject({ command: 'redact', status: 'pending' });
    expect(confirmation.body).toContain(
      `⚠️ Redact a message by Mallory ${mallory.userId} in Lobby ${place}?`,
    );
    // No client makes a preview of a stranger's link.
    expect(confirmation.body).toContain('buy cheap at https[:]//spam[.]example now');
    expect(confirmation.body).toContain('Sent ');
    expect(confirmation.body).toContain(
      'Will: remove its content for everyone, in the sender’s name',
    );
    expect(confirmation.body).toContain('Reason: spam');
    expect(confirmation.body).toContain('This can’t be undone');
    expect(await redactionOf(place, spam)).toBeUndefined();

    await room.ben.ask('!confirm');
    const outcome = await room.ben.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain(`✅ Redacted a message by Mallory ${mallory.userId} in Lobby`);
    expect(outcome.body).toContain('redacted in the sender’s name');
    expect(outcome.body).toContain(`Next: !user ${mallory.userId}`);
    expect(outcome.body).not.toContain('spam.example');
    expect(outcome.field.data).toEqual({
      room_id: place,
      event_id: spam,
      sender: mallory.userId,
      in_name_of: 'sender',
    });
    expect(await redactionOf(place, spam)).toMatchObject({
      sender: mallory.userId,
      content: { reason: 'spam' },
    });
    expect(await redactionOf(place, before)).toBeUndefined();
  });

  it.each(['11', '12'])(
    'is done as the bot where it has the power to (version %s)',
    async (version) => {
      const place = await openPlace({ botPower: 50, version });
      const spam = await mallory.sendText(place, 'buy cheap');
      const { confirmation, outcome } = await askAndConfirm(
        room.ana,
        `!redact ${link(place, spam)} --reason "spam, again"`,
      );
      expect(confirmation.body).toContain('Will: remove its content for everyone, as this bot');
      expect(outcome.field).toMatchObject({ status: 'done', data: { in_name_of: 'bot' } });
      expect(await redactionOf(place, spam)).toMatchObject({
        sender: room.bot.userId,
        content: { reason: 'spam, again' },
      });
    },
  );

  it('is done in the sender’s name where the bot is a member like any other', async () => {
    const place = await openPlace({ botPower: 0 });
    const spam = await mallory.sendText(place, 'buy cheap');
    const { outcome } = await askAndConfirm(room.ana, `!redact ${link(place, spam)}`);
    expect(outcome.field).toMatchObject({ status: 'done', data: { in_name_of: 'sender' } });
    expect(await redactionOf(place, spam)).toMatchObject({ sender: mallory.userId });
    // Its own words it may take back itself.
    const own = await room.bot.sendText(place, 'oops');
    const second = await askAndConfirm(room.ana, `!redact ${link(place, own)}`);
    expect(second.confirmation.body).toContain('this bot sent it');
    expect(second.outcome.field).toMatchObject({ data: { in_name_of: 'bot' } });
  });

  it('takes links as clients write them: encoded, with an alias, as matrix: URI', async () => {
    const place = await openPlace({ name: 'Aliased' });
    const alias = `#${uniqueLocalpart('lobby')}:${homeserver().serverName}`;
    await owner.request('PUT', `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`, {
      json: { room_id: place },
    });
    const links: ((event: string) => string)[] = [
      (event) => `${link(place, event)}?via=localhost&via=x.example`,
      (event) => link(encodeURIComponent(place), encodeURIComponent(event)),
      (event) => link(alias, event),
      (event) => `${link(encodeURIComponent(alias), encodeURIComponent(event))}?via=localhost`,
      (event) => `matrix:roomid/${place.slice(1)}/e/${event.slice(1)}?via=localhost`,
    ];
    for (const write of links) {
      const spam = await mallory.sendText(place, 'buy cheap');
      await askAndConfirm(room.ana, `!redact ${write(spam)}`);
      expect(await redactionOf(place, spam)).toMatchObject({ sender: mallory.userId });
    }
  });

  it('says so where it was redacted before, or is meanwhile', async () => {
    const place = await openPlace();
    const [one, two] = [await mallory.sendText(place, 'one'), await mallory.sendText(place, 'two')];
    await owner.redact(place, one);
    const before = await room.ana.ask(`!redact ${link(place, one)}`);
    expect(before.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(before.body).toContain(`it has already been redacted, by ${owner.userId}`);

    const confirmation = await room.ana.ask(`!redact ${link(place, two)}`);
    await owner.redact(place, two);
    await room.ana.ask('!confirm');
    const outcome = await room.ana.outcomeOf(confirmation, 'failed');
    expect(outcome.body).toContain(`it has already been redacted, by ${owner.userId}`);
    expect(await redactionOf(place, two)).toMatchObject({ sender: owner.userId });
  });

  it('says what is wrong with a link', async () => {
    const place = await openPlace();
    const event = await mallory.sendText(place, 'hello');
    const refused = async (words: string, by: Moderator = room.ana) => {
      const answer = await by.ask(`!redact ${words}`);
      return { ...answer.field, body: answer.body };
    };
    for (const words of ['hello', event, place, `https://example.com/${event}`]) {
      expect(await refused(words)).toMatchObject({
        status: 'usage',
        body: expect.stringContaining('not a link to a message') as string,
      });
    }
    expect(await refused('')).toMatchObject({ status: 'usage' });
    const unknown = await refused(link(place, `$${'x'.repeat(43)}`));
    expect(unknown).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    expect(unknown.body).toContain(`this server has no such message in ${place}`);
    const nowhere = await refused(link(`!${'x'.repeat(43)}`, `$${'x'.repeat(43)}`));
    expect(nowhere).toMatchObject({ error: { code: 'unknown_room' } });
    expect(await refused(link('#nothing-here:localhost', event))).toMatchObject({
      error: { code: 'unknown_room' },
    });
    // As by an alias that leads to the room's successor.
    const other = await openPlace({ name: 'Successor' });
    const moved = await refused(link(other, event));
    expect(moved).toMatchObject({ error: { code: 'unknown' } });
    expect(moved.body).toContain(`not in ${other} but in ${place}`);
    expect(await refused(link(place, event), room.vic)).toMatchObject({ status: 'denied' });
    expect(await redactionOf(place, event)).toBeUndefined();
  });

  it('changes nothing on a dry run, and when it is cancelled', async () => {
    const place = await openPlace();
    const event = await mallory.sendText(place, 'hello');
    const dry = await room.ana.ask(`!redact ${link(place, event)} --dry-run`);
    expect(dry.field).toMatchObject({ status: 'dry_run' });
    expect(dry.body).toContain('Redact a message by Mallory');
    const confirmation = await room.ana.ask(`!redact ${link(place, event)}`);
    await room.ana.ask('!cancel');
    const cancelled = await room.ana.outcomeOf(confirmation, 'cancelled');
    expect(cancelled.body).toContain('!redact https://matrix.to/#/');
    expect(await redactionOf(place, event)).toBeUndefined();
  });

  it('says what it can’t read, shows the last edit, and names files', async () => {
    const place = await openPlace();
    const encrypted = await mallory.send(place, 'm.room.encrypted', {
      algorithm: 'm.megolm.v1.aes-sha2',
      ciphertext: 'AwgAEnAC',
    });
    const unread = await askAndConfirm(room.ana, `!redact ${link(place, encrypted)}`);
    expect(unread.confirmation.body).toContain('It is encrypted: only members');
    expect(await redactionOf(place, encrypted)).toMatchObject({ sender: mallory.userId });

    const edited = await mallory.sendText(place, 'good morning');
    await mallory.send(place, 'm.room.message', {
      msgtype: 'm.text',
      body: '* bad words',
      'm.new_content': { msgtype: 'm.text', body: 'bad words' },
      'm.relates_to': { rel_type: 'm.replace', event_id: edited },
    });
    const seen = await room.ana.ask(`!redact ${link(place, edited)} --dry-run`);
    expect(seen.body).toContain('bad words (edited)');
    expect(seen.body).not.toContain('good morning');

    const url = await mallory.uploadMedia(new Uint8Array([1, 2]), 'image/png', 'evil.png');
    const image = await mallory.send(place, 'm.room.message', {
      msgtype: 'm.image',
      body: `${'long '.repeat(60)}\u202Egnp.exe <img src=x>`,
      url,
    });
    const { confirmation, outcome } = await askAndConfirm(
      room.ana,
      `!redact ${link(place, image)}`,
    );
    expect(confirmation.body).toMatch(/m\.image (?:long ){20,24}.{0,4}…\n/u);
    expect(confirmation.body).toContain(`file ${url}`);
    expect(confirmation.body).toContain(
      'Will not: delete its file (see !quarantine, !delete-media)',
    );
    expect(outcome.body).toContain(`Its file is kept: ${url}`);
    expect(outcome.body).toContain(`Next: !quarantine ${url} · !user ${mallory.userId}`);
  });

  it('says who it is where a server admin wrote it, and does not refuse', async () => {
    const place = await openPlace();
    const root = await newUser('root', { admin: true });
    await root.join(place);
    const event = await root.sendText(place, 'my address is …');
    const { confirmation, outcome } = await askAndConfirm(
      room.ben,
      `!redact ${link(place, event)}`,
    );
    expect(confirmation.body).toContain('its sender is a server admin');
    expect(outcome.field.status).toBe('done');
    expect(await redactionOf(place, event)).toMatchObject({ sender: root.userId });
  });

  it('reaches messages of people who have left, or are shut out', async () => {
    const place = await openPlace();
    const gone = await newUser('gone');
    await gone.join(place);
    const messages = [await gone.sendText(place, 'one'), await gone.sendText(place, 'two')];
    await gone.leave(place);
    await askAndConfirm(room.ana, `!redact ${link(place, messages[0] ?? '')}`);
    await users.deactivate(idOf(gone), { erase: false });
    await askAndConfirm(room.ana, `!redact ${link(place, messages[1] ?? '')}`);
    for (const message of messages) {
      expect(await redactionOf(place, message)).toMatchObject({ sender: gone.userId });
    }
  });

  it('says why and what to do where there is no way', async () => {
    const place = await openPlace();
    const topic = await mallory.react(place, await mallory.sendText(place, 'x'), 'bad words');
    const refused = await room.ana.ask(`!redact ${link(place, topic)}`);
    expect(refused.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(refused.body).toContain('Synapse only redacts messages and joins, not m.reaction');
    expect(refused.body).toContain(
      `so can this bot once ${room.bot.userId} is in the room and a moderator there`,
    );

    const powerful = await openPlace({ botPower: 100 });
    const reaction = await mallory.react(powerful, await mallory.sendText(powerful, 'x'), 'bad');
    const done = await askAndConfirm(room.ana, `!redact ${link(powerful, reaction)}`);
    expect(done.confirmation.body).toContain('m.reaction');
    expect(await redactionOf(powerful, reaction)).toMatchObject({ sender: room.bot.userId });
    const [create] = await events.state(asRoomId(powerful), 'm.room.create');
    expect(create).toBeDefined();
    const acl = await owner.setState(powerful, 'm.room.server_acl', { allow: ['*'] });
    const impossible = await room.ana.ask(`!redact ${link(powerful, acl)}`);
    expect(impossible.body).toContain('m.room.server_acl, which Synapse lets nobody redact');
  });

  it('says that a suspension stands in the way in rooms of old versions', async () => {
    const place = await openPlace({ version: '10' });
    const event = await mallory.sendText(place, 'buy cheap');
    await users.setSuspended(idOf(mallory), true);
    const { outcome } = await askAndConfirm(room.ana, `!redact ${link(place, event)}`);
    expect(outcome.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(outcome.body).toContain('can’t act for a suspended account in a room of this old');
    expect(await redactionOf(place, event)).toBeUndefined();
    await users.setSuspended(idOf(mallory), false);
    await askAndConfirm(room.ana, `!redact ${link(place, event)}`);
    expect(await redactionOf(place, event)).toMatchObject({ sender: mallory.userId });
  });

  it('is in the audit log', async () => {
    const place = await openPlace();
    const event = await mallory.sendText(place, 'buy cheap');
    const { outcome } = await askAndConfirm(
      room.ben,
      `!redact ${link(place, event)} --reason spam`,
    );
    const entry = await room.ana.ask(`!audit ${outcome.field.audit[0]}`);
    expect(entry.field.data).toMatchObject({
      actor: room.ben.user.userId,
      confirmer: room.ben.user.userId,
      command: 'redact',
      arguments: { message: { room: place, event } },
      reason: 'spam',
      status: 'done',
    });
    expect(entry.body).toContain(`#${outcome.field.audit[0]} redact https://matrix.to/#/`);
    expect(JSON.stringify(entry.field.data)).not.toContain('buy cheap');
  });
});

describe('where the homeserver’s answer is lost, redact looks whether it', () => {
  it.for([
    ['as_bot', 'carried out', 'done'],
    ['as_bot', 'lost', 'failed'],
    ['as_sender', 'carried out', 'done'],
    ['as_sender', 'lost', 'failed'],
  ] as const)('%s was %s', async ([way, how, status]) => {
    await using gate = await openGate(homeserver().url);
    const other = await openRoom(
      { homeserver: { url: gate.url, adminUrl: gate.url } },
      { timing: { requestTimeoutMs: 2000, longPollMs: 1000 } },
    );
    const place = await openPlace(way === 'as_bot' ? { botPower: 50, bot: other.bot } : {});
    const event = await mallory.sendText(place, 'buy cheap');
    const confirmation = await other.ana.ask(`!redact ${link(place, event)}`);
    const nextCall = async () =>
      way === 'as_bot'
        ? gate.meet('PUT', new RegExp(`/redact/[^/]*${event.slice(1)}`, 'u'))
        : gate.meet('POST', /\/v1\/user\/[^/]+\/redact$/u);
    let meeting = nextCall();
    await other.ana.say('!confirm');
    // The bot's own redaction has a transaction ID: it can be sent again, and is, twice.
    for (
      let triesLeft = way === 'as_bot' && how === 'lost' ? 3 : 1;
      triesLeft > 0;
      triesLeft -= 1
    ) {
      const passage = await meeting;
      if (how === 'carried out') {
        await passage.forward();
      }
      if (triesLeft > 1) {
        meeting = nextCall();
      }
      passage.drop();
    }
    await other.ana.outcomeOf(confirmation, status);
    expect((await redactionOf(place, event)) !== undefined).toBe(status === 'done');
    await other.close();
  });
});
