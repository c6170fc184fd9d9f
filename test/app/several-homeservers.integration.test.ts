import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import type { Answer, Moderator } from '../../dev/room/moderator.ts';
import { runChecks } from '../../src/cli/check-config/checks.ts';
import { freePort } from '../support/free-port.ts';
import {
  adminApi,
  asEventId,
  asRoomId,
  homeserver,
  idOf,
  newUser,
  uniqueLocalpart,
} from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';
import { secondName, startSecondHomeserver } from '../support/second-homeserver.ts';
import type { SecondHomeserver } from '../support/second-homeserver.ts';

const all = /./u;

let two: SecondHomeserver;
let gate: Gate;
let room: TestRoom;
let ana: Moderator;

beforeAll(async () => {
  two = await startSecondHomeserver();
  ({ gate } = two);
  room = await openRoom(
    {},
    { others: [two.entry], timing: { homeserverLookMs: 2000, reportTroubleMs: 500 } },
  );
  ({ ana } = room);
});

afterAll(async () => {
  await room?.close();
  await two?.stop();
});

const toldBy = async (moderator: Moderator, what: RegExp): Promise<Answer> =>
  moderator.until(String(what), () => moderator.unasked().find(({ body }) => what.test(body)));

describe('two homeservers', () => {
  test('each user is looked up on their own', async () => {
    const [here, there] = await Promise.all([newUser('here'), two.newUser('there')]);
    const answers = await Promise.all([
      ana.ask(`!user ${here.userId}`),
      ana.ask(`!user ${there.userId}`),
      ana.ask(`!user ${idOf(two.bot)}`),
    ]);
    expect(answers.map(({ field }) => field.status)).toEqual(['done', 'done', 'done']);
    expect(answers[1]?.body).toContain(there.userId);
    const unknown = await ana.ask(`!user @${uniqueLocalpart('nobody')}:${secondName}`);
    expect(unknown.field.error?.code).toBe('unknown_user');
    const elsewhere = await ana.ask('!user @mallory:three.example');
    expect(elsewhere.body).toContain('for accounts of the 2 homeservers that !status lists.');
  });

  test('!status shows both', async () => {
    const { body, field } = await ana.ask('!status');
    expect(body).toMatch(/^✅ Everything is working \(localhost: Synapse \d+\.\d+/u);
    expect(body).toMatch(/^two\.example: Synapse \d+\.\d+\S*$/mu);
    expect(field.data).toMatchObject({
      other_homeservers: [{ name: 'two', server_name: secondName, version: expect.any(String) }],
    });
  });

  test('one confirmation deactivates accounts on both', async () => {
    const [here, there] = await Promise.all([newUser('here'), two.newUser('there')]);
    const asked = await ana.ask(`!deactivate ${here.userId} ${there.userId}`);
    expect(asked.field.status).toBe('pending');
    await ana.ask('!confirm');
    const outcome = await ana.outcomeOf(asked, 'done', 'partial', 'failed');
    expect(outcome.field.status).toBe('done');
    expect((await adminApi().users.get(idOf(here))).deactivated).toBe(true);
    expect((await two.api.users.get(idOf(there))).deactivated).toBe(true);
  });

  test('--on says which rooms are meant', async () => {
    const owner = await two.newUser('owner');
    const name = uniqueLocalpart('lobby');
    await owner.createRoom({ preset: 'public_chat', name });
    const there = await ana.ask(`!rooms ${name} --on two`);
    expect(there.body).toContain(name);
    expect(there.body).toMatch(/^Homeserver: two\.example$/mu);
    const here = await ana.ask(`!rooms ${name}`);
    expect(here.body).not.toContain(`:${secondName}`);
    expect(here.body).toMatch(/^Homeserver: localhost$/mu);
    expect((await ana.ask('!reports')).body).not.toContain('Homeserver:');
    // The ID of a room of version 12 does not say where the room is.
    const id = await owner.createRoom({ room_version: '12' });
    expect((await ana.ask(`!room ${id} --on two`)).field.status).toBe('done');
    expect((await ana.ask(`!room ${id}`)).body).toMatch(
      /localhost knows no room \S+\nIf it is on another homeserver, add --on two\./u,
    );
    const message = await owner.sendText(id, 'Hello');
    for (const line of [
      `!redact https://matrix.to/#/${id}/${message}`,
      `!members ${id}`,
      `!kick ${owner.userId} ${id}`,
      `!mute ${owner.userId} ${id}`,
      `!ban ${owner.userId} @mallory:three.example ${id}`,
      `!delete-room ${id} --with-children`,
    ]) {
      expect((await ana.ask(line)).body).toContain('If it is on another homeserver, add --on two.');
    }
    const powerless = await ana.ask(`!kick ${owner.userId} ${id} --on two`);
    expect(powerless.body).toContain(`!make-room-admin ${id} --on two gives me power there`);
    // It can be blocked before anybody has joined it.
    const blocked = await ana.ask(`!block-room ${id}`);
    expect(blocked.body).toContain(
      'localhost does not know this room. To block it on another homeserver, add --on NAME.',
    );
    expect((await ana.ask(`!block-room ${id} --on two`)).body).not.toContain('--on NAME');
    const dryRun = await ana.ask(`!block-room ${id} --on two --dry-run`);
    expect(dryRun.body).toMatch(/nothing was changed: block-room \S+ on two\.example$/mu);
    const nobody = await ana.ask('!find-user --email nobody@example.com');
    expect(nobody.body).toMatch(/^Homeserver: localhost$/mu);
  });

  test('the line against a wave of sign-ups is about the homeserver of the wave', async () => {
    await Promise.all(Array.from({ length: 4 }, async () => two.newUser('coins')));
    const { body } = await ana.ask('!recent-users --since 5m --on two');
    const lines = body.match(/!deactivate --matching .*$/gmu) ?? [];
    expect(lines).toContainEqual(expect.stringContaining('--name coins'));
    lines.forEach((line) => expect(line).toMatch(/" --on two$/u));
  });

  test('an alias leads to its homeserver, and so do the commands after it', async () => {
    const owner = await two.newUser('owner');
    const alias = uniqueLocalpart('lobby');
    await owner.createRoom({ preset: 'public_chat', room_alias_name: alias });
    const blocked = await ana.ask(`!block-room #${alias}:${secondName}`);
    expect(blocked.body).toContain(`on ${secondName}`);
    expect(blocked.body).toMatch(/!unblock-room \S+ --on two/u);
    const undone = await ana.ask('!undo last');
    expect(undone.field).toMatchObject({ command: 'unblock-room', status: 'done' });
    expect(undone.body).toContain(`on ${secondName}`);
    const token = await ana.ask('!create-token --uses 1 --on two');
    const code = /token (\S+)/u.exec(token.body)?.[1] ?? '';
    expect((await ana.ask(`!token ${code}`)).field.status).toBe('failed');
    const asked = await ana.ask(`!delete-token ${code} --on two`);
    expect(asked.body).toMatch(/^⚠️ Delete registration token \S+ on two\.example\?$/mu);
    const audited = await ana.ask(`!audit ${String(token.field.audit?.[0])}`);
    expect(audited.body).toContain(secondName);
    expect((await ana.ask('!audit')).body).toMatch(/✅ create-token on two\.example · /u);
    await ana.ask('!cancel');
  });

  test('the bot joins rooms of the other one, and redacts there, as its user there', async () => {
    const [owner, spammer] = await Promise.all([two.newUser('owner'), two.newUser('spammer')]);
    const id = await owner.createRoom({ preset: 'public_chat', room_version: '11' });
    await spammer.join(id);
    await spammer.sendText(id, 'Buy!');
    const asked = await ana.ask(`!make-room-admin ${id}`);
    expect(asked.body).toContain('and join the room');
    expect((await ana.ask('!confirm')).body).toMatch(/^✅/u);
    expect((await ana.ask(`!members ${id}`)).body).toContain(idOf(two.bot));
    expect((await ana.ask(`!kick ${spammer.userId} ${id}`)).body).toMatch(/^✅ Removed from/u);
    // Synapse can't do that in the sender's name.
    const topic = await owner.setState(id, 'm.room.topic', { topic: 'Buy!' });
    await ana.ask(`!redact https://matrix.to/#/${id}/${topic}`);
    expect((await ana.ask('!confirm')).body).toContain('Redacted');
    const left = await two.api.events.find(asRoomId(id), asEventId(topic));
    expect(left?.event.content).toEqual({});
  });

  test('what only I keep is not said to be on one of them', async () => {
    const owner = await newUser('owner');
    const lobby = await owner.createRoom({ preset: 'public_chat' });
    for (const line of [
      `!note ${owner.userId} was warned`,
      `!note @mallory:three.example was warned`,
      `!note ${lobby} is busy`,
      `!tag ${owner.userId} warned`,
      `!untag ${owner.userId} warned`,
    ]) {
      const { body, field } = await ana.ask(line);
      expect({ line, status: field.status }).toEqual({ line, status: 'done' });
      expect(body).toMatch(/· audit #\d+$/mu);
      expect(body).not.toMatch(/\bon (?:localhost|two\.example)\b/u);
    }
    const asked = await ana.ask(`!forget ${owner.userId}`);
    expect(asked.body).toMatch(/^⚠️ Forget \S+\?$/mu);
    await ana.ask('!cancel');
    // The homeserver blocks a room.
    expect((await ana.ask(`!block-room ${lobby}`)).body).toContain('on localhost');
  });

  test('the bot’s accounts are protected on both', async () => {
    const answer = await ana.ask(`!deactivate ${idOf(two.bot)}`);
    expect(answer.field.status).toBe('protected');
  });

  test('one that is away holds up nobody', async () => {
    const [here, there, other] = await Promise.all([
      newUser('here'),
      two.newUser('there'),
      two.newUser('other'),
    ]);
    gate.close(all);
    // The first request finds out that nobody answers.
    const first = await ana.ask(`!user ${there.userId}`);
    expect(first.body).toContain(secondName);
    await toldBy(ana, /two\.example has not answered for/u);
    const second = await ana.ask(`!user ${other.userId}`);
    expect(second.body).toMatch(/two\.example has not answered for \d+ seconds?/u);
    expect(second.field).toMatchObject({ status: 'failed', error: { code: 'unreachable' } });
    // Of the first, repeats may still arrive.
    expect(gate.count('GET', new RegExp(encodeURIComponent(other.userId), 'u'))).toBe(0);
    expect((await ana.ask(`!user ${here.userId}`)).field.status).toBe('done');
    expect((await ana.ask('!status')).body).toMatch(
      /^⚠️ Everything is working, except for two\.example/u,
    );

    gate.open();
    await toldBy(ana, /I can work on two\.example again/u);
    expect((await ana.ask(`!user ${there.userId}`)).field.status).toBe('done');
  });
});

test('one that is away when the bot starts works as soon as it answers', async () => {
  const there = await two.newUser('there');
  await using away = await openGate(two.url);
  away.close(all);
  const { accessToken } = two.entry;
  const other = await openRoom(
    {},
    {
      others: [{ serverName: secondName, url: away.url, accessToken }],
      timing: { homeserverLookMs: 500 },
    },
  );
  try {
    const unknown = await other.ana.ask(`!user ${there.userId}`);
    expect(unknown.body).toContain('two.example has not answered yet');
    // What the bot itself keeps can be read.
    for (const line of ['history', 'notes', 'audit --target']) {
      const kept = await other.ana.ask(`!${line} ${there.userId}`);
      expect({ line, status: kept.field.status }).toEqual({ line, status: 'done' });
      expect(kept.body).toContain('can’t be asked now');
    }
    expect((await other.ana.ask(`!note ${there.userId} spams`)).field.status).toBe('failed');
    away.open();
    const status = async () => (await other.ana.ask('!status')).body;
    await expect.poll(status).toMatch(/^✅ Everything is working/u);
    expect((await other.ana.ask(`!user ${there.userId}`)).field.status).toBe('done');
  } finally {
    await other.close();
  }
});

test('the bot’s account on one that is away when it starts is protected from the other', async () => {
  await using away = await openGate(two.url);
  const other = await openRoom(
    {},
    { others: [{ ...two.entry, url: away.url }], timing: { homeserverLookMs: 500 } },
  );
  try {
    const status = async () => (await other.ana.ask('!status')).body;
    await expect.poll(status).toMatch(/^✅ Everything is working/u);
    const lobby = await other.ana.user.createRoom({ preset: 'public_chat' });
    away.close(all);
    await other.stopBot();
    await other.startBot();
    expect((await other.ana.ask(`!user ${idOf(two.bot)}`)).body).toContain('has not answered yet');
    const answer = await other.ana.ask(`!ban ${idOf(two.bot)} ${lobby}`);
    expect(answer.body).toContain('is this bot itself');
  } finally {
    await other.close();
  }
});

test('check-config checks each of them, and says which', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-test-'));
  const file = path.join(folder, 'lawspeaker.yaml');
  const { accessToken, url } = room.config.homeserver;
  await writeFile(
    file,
    JSON.stringify({
      managementRoom: room.id,
      database: { path: path.join(folder, 'lawspeaker.db') },
      homeservers: [
        { serverName: homeserver().serverName, url, accessToken },
        { serverName: secondName, url: two.url, accessToken: two.entry.accessToken },
        { serverName: 'three.example', url: two.url, accessToken: 'syt_wrong' },
      ],
    }),
    { mode: 0o600 },
  );
  const checks = await runChecks(file, {});
  await rm(folder, { recursive: true });
  const about = checks.filter(({ name }) => ['token', 'admin', 'room'].includes(name));
  expect(about.map(({ name, ok, message }) => [name, ok, message])).toEqual([
    ['token', true, `localhost: ${url}: the token is valid`],
    ['admin', true, expect.stringMatching(/^localhost: @bot-\S+: a server admin of Synapse/u)],
    ['room', true, expect.stringContaining('joined as the management room')],
    ['token', true, `two.example: ${two.url}: the token is valid`],
    ['admin', true, expect.stringMatching(/^two\.example: @bot-\S+: a server admin of Synapse/u)],
    ['token', false, expect.stringMatching(/^three\.example: The homeserver does not accept/u)],
  ]);
});

test('an operation with accounts on one that is away can be confirmed once it is back', async () => {
  const [here, there] = await Promise.all([newUser('here'), two.newUser('there')]);
  const asked = await ana.ask(`!deactivate ${here.userId} ${there.userId}`);
  gate.close(all);
  const refused = await ana.ask('!confirm');
  expect(refused.body).toContain(secondName);
  expect((await adminApi().users.get(idOf(here))).deactivated).toBe(false);
  gate.open();
  await expect.poll(async () => (await ana.ask('!confirm')).field.status).not.toBe('failed');
  await ana.outcomeOf(asked, 'done');
  expect((await adminApi().users.get(idOf(here))).deactivated).toBe(true);
});

test('what is wrong from the start is told once, and everything else works', async () => {
  const { accessToken } = two.entry;
  const other = await openRoom(
    {},
    {
      others: [
        { serverName: secondName, url: two.url, accessToken: 'syt_wrong' },
        { serverName: 'three.example', url: two.url, accessToken },
        { serverName: 'four.example', url: `http://127.0.0.1:${await freePort()}`, accessToken },
      ],
      timing: { homeserverLookMs: 20 },
    },
  );
  try {
    // Nobody has looked while the bot started.
    await other.stopBot();
    const said = await other.ana.say('The bot starts again.');
    await other.ana.until('it', () => other.ana.events.find(({ event_id: id }) => id === said));
    other.ana.events.length = 0;
    await other.startBot();
    const refused = await toldBy(other.ana, /I can’t work on two\.example/u);
    expect(refused.body).toContain('The homeserver does not accept the access token');
    expect(refused.body).toContain('set homeservers.two.example.accessToken');
    const mixedUp = await toldBy(other.ana, /I can’t work on three\.example/u);
    expect(mixedUp.body).toContain(
      `The access token for three.example belongs to ${idOf(two.bot)}, an account of another homeserver.`,
    );
    const answer = await other.ana.ask(`!user @somebody:${secondName}`);
    expect(answer.body).toContain('two.example can’t be used: The homeserver does not accept');
    const unknown = await other.ana.ask('!user @somebody:four.example');
    expect(unknown.body).toContain('four.example has not answered yet');
    expect((await other.ana.ask(`!user ${other.ben.user.userId}`)).field.status).toBe('done');
    // Meanwhile, the bot has looked again.
    expect(other.ana.unasked()).toHaveLength(2);
  } finally {
    await other.close();
  }
});
