import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startOwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import type { Homeserver } from '../../../dev/synapse/homeserver.ts';
import { request } from '../../../dev/synapse/http.ts';
import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { cardOf } from '../../support/report-room.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const token = 'as-token-of-a-bridge';

/** What a bridge may register, and how an answer shows it. */
const oddNames = {
  blank: ['mal lory', 'mal␠lory'],
  blanks: ['mal  lory ', 'mal␠␠lory␠'],
  nothing: ['', ''],
  invisible: ['mal\u200Blory', 'mal⟨U+200B⟩lory'],
  joined: ['mal\u200Dlory', 'mal⟨U+200D⟩lory'],
  control: ['mal\tlory', 'mal⟨U+0009⟩lory'],
  marks: [`mal"l\\o'ry,`, `mal"l\\o'ry,`],
  fullStop: ['mal.', 'mal.'],
} as const;
const oddIds = Object.entries(oddNames).map(
  ([what, [name, shown]]) => [what, `@${name}:localhost`, `@${shown}:localhost`] as const,
);

let folder: string;
let server: Homeserver;
let room: TestRoom;
const users = new Map<string, MatrixUser>();

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-test-'));
  const bridge = path.join(folder, 'bridge.yaml');
  const any = (regex: string) => [{ exclusive: false, regex }];
  await writeFile(
    bridge,
    JSON.stringify({
      id: 'bridge',
      url: null,
      as_token: token,
      hs_token: 'hs-token',
      sender_localpart: 'bridge',
      rate_limited: false,
      namespaces: { users: any('@.*'), aliases: any('#.*') },
    }),
  );
  server = await startOwnHomeserver({ app_service_config_files: [bridge] });
  for (const [what, [name]] of Object.entries(oddNames)) {
    users.set(what, await bridged(name));
  }
  room = await openRoom(
    {
      reports: {
        enabled: true,
      },
    },
    { server, timing: { pollIntervalMs: 500 } },
  );
});
afterAll(async () => {
  await room.close();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function bridged(localpart: string): Promise<MatrixUser> {
  const answer = await request<{ user_id: string; access_token: string; device_id: string }>(
    server.url,
    'POST',
    '/_matrix/client/v3/register',
    {
      accessToken: token,
      json: { type: 'm.login.application_service', username: localpart },
    },
  );
  return new MatrixUser(server, {
    userId: answer.user_id,
    localpart,
    password: '',
    accessToken: answer.access_token,
    deviceId: answer.device_id,
  });
}

const html = async (body: string, formatted: string) =>
  room.ana.answerTo(
    await room.ana.user.send(room.id, 'm.room.message', {
      msgtype: 'm.text',
      body,
      format: 'org.matrix.custom.html',
      formatted_body: formatted,
    }),
  );

/** The commands that an answer proposes, as somebody copies them. */
const proposed = (body: string) =>
  (/^Next: (.*)$/mu.exec(body)?.[1] ?? '').split(' · ').filter((line) => line !== '');

describe('an account with an odd ID', () => {
  it.each(oddIds)('(%s) can be named, shown and moderated', async (_, id, shown) => {
    const typed = await room.ana.ask(`!shadow-ban "${id.replaceAll(/["\\]/gu, String.raw`\$&`)}"`);
    expect(typed.field).toMatchObject({ status: 'done', data: { user_id: id } });
    expect(typed.body).toContain(shown);

    const undone = await room.ana.ask(`!undo ${typed.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'unshadow-ban', status: 'done' });

    const link = `https://matrix.to/#/${encodeURIComponent(id)}`;
    const pill = await html('!user Mallory', `!user <a href="${link}">Mallory</a>`);
    expect(pill.field).toMatchObject({ status: 'done', data: { name: id } });
    expect(pill.body).toContain(shown);
    // What an answer proposes works as it is copied.
    const next = proposed(typed.body);
    expect(next.length).toBeGreaterThan(0);
    for (const line of [
      ...next,
      ...proposed(pill.body).filter((one) => /whois|history/u.test(one)),
    ]) {
      const answer = await room.ana.ask(
        `${line} --dry-run`.replace(/^(!(?:whois|history) .*) --dry-run$/u, '$1'),
      );
      expect([line, answer.field.status]).toEqual([
        line,
        expect.stringMatching(/^(?:done|dry_run|failed)$/u),
      ]);
      expect(answer.field.error?.code ?? 'state').toBe('state');
    }
    const history = await room.ana.ask(`!history ${link}`);
    expect(history.body).toContain('2 actions');
    expect(history.body).not.toContain('no such account');
  });

  it('is shown in the card of a report', async () => {
    const mallory = users.get('blank') as MatrixUser;
    const lobby = await mallory.createRoom({ preset: 'public_chat' });
    const reporter = await MatrixUser.register(server, { localpart: 'reporter' });
    await reporter.join(lobby);
    const spam = await mallory.sendText(lobby, 'cheap pills');
    await reporter.reportEvent(lobby, spam, { reason: 'spam' });
    const card = await cardOf(room.ana, spam);
    expect(card.body).toContain('@mal␠lory:localhost');
  });

  it('is not mistaken for another that looks like it', async () => {
    // Blanks part words: nobody is called `@mal` here.
    const parted = await room.ana.ask('!shadow-ban @mal lory:localhost');
    expect(parted.field.status).toBe('usage');
    const without = await room.ana.ask('!user @mallory:localhost');
    expect(without.field.status).toBe('failed');
    // The full stop is part of the name, or of the sentence.
    for (const [line, id] of [
      ['!user @mal.:localhost.', '@mal.:localhost'],
      ['!user mal.', '@mal.:localhost'],
    ] as const) {
      expect((await room.ana.ask(line)).field.data).toMatchObject({ name: id });
    }
  });
});

describe('a room whose alias holds invisible characters', () => {
  it('can be named', async () => {
    const alias = '#lob\u200Cby\u200D:localhost';
    const owner = users.get('fullStop') as MatrixUser;
    const id = await owner.createRoom({ preset: 'public_chat' });
    await request(
      server.url,
      'PUT',
      `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`,
      {
        accessToken: token,
        json: { room_id: id },
      },
    );
    for (const line of [
      `!room ${alias}`,
      `!room https://matrix.to/#/${encodeURIComponent(alias)}`,
    ]) {
      expect((await room.ana.ask(line)).field).toMatchObject({
        status: 'done',
        data: { room_id: id },
      });
    }
  });
});

describe('an ID that nobody has', () => {
  it.each([
    '!history @nobody:localhost',
    '!audit --target @nobody:localhost',
    '!audit --by @nobody:localhost',
    '!reports --sender @nobody:localhost',
    '!reports --reporter @nobody:localhost',
    '!joined-rooms @nobody:localhost',
    '!user @nobody:localhost',
  ])('%s says so', async (line) => {
    const answer = await room.ana.ask(line);
    expect(answer.body).toMatch(/there is no account @nobody:localhost/iu);
    expect(answer.body).not.toMatch(/nothing is known|no report|no entry/iu);
  });

  it.each(['!history !nowhere:localhost', '!reports --room !nowhere:localhost'])(
    '%s says so of a room',
    async (line) => {
      const answer = await room.ana.ask(line);
      expect(answer.body).toContain('This server doesn’t know the room !nowhere:localhost');
    },
  );

  it('is told from one that is nearly right', async () => {
    const mallory = await MatrixUser.register(server, { localpart: 'mallory-right' });
    for (const wrong of [
      '@mallory-right:LOCALHOST',
      '@mallory-right:localhost:8008',
      '@mallory-right:matrix.localhost',
      '@mallory-right:localhots',
      '@Mallory-right:localhost',
      '@mallory-wright:localhost',
      '@mal\u2060lory-right:localhost',
    ]) {
      for (const command of ['history', 'shadow-ban', 'joined-rooms']) {
        const answer = await room.ana.ask(`!${command} ${wrong}`);
        expect(answer.body).toContain(`Did you mean ${mallory.userId}`);
      }
    }
  });

  it('is not made by the marks around it', async () => {
    const { userId } = await MatrixUser.register(server, { localpart: 'mallory-marked' });
    for (const typed of [
      `${userId}.`,
      `(${userId}),`,
      `<${userId}>`,
      `${userId}?!`,
      `\u2068${userId}\u2069`,
      `\u200B${userId}\u2060`,
      `${userId}\u00A0`,
      'mallory-marked,',
      '@mallory-marked:',
      `https://matrix.to/#/${userId}.`,
      `${userId};`,
    ]) {
      const answer = await room.ana.ask(`!user ${typed}`);
      expect([typed, answer.field.data]).toEqual([
        typed,
        expect.objectContaining({ name: userId }),
      ]);
    }
    // Quoted, it is meant as it stands.
    const exact = await room.ana.ask(`!user "${userId}."`);
    expect(exact.body).toContain(`Did you mean ${userId}`);
    const history = await room.ana.ask(`!history ${userId}.`);
    expect(history.body).toContain(`Nothing is known about ${userId}`);
  });
});
