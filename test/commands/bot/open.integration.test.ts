import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import type { Moderator } from '../../../dev/room/moderator.ts';
import { readDirectRoom } from '../../support/direct-room.ts';
import { freePort } from '../../support/free-port.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
let origin: string;
beforeAll(async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  origin = `http://${listen}`;
  room = await openRoom({ http: { listen }, web: { enabled: true } });
});
afterAll(async () => room.close());

/** What the bot has told this person alone. */
const told = async ({ user }: Moderator) => (await readDirectRoom(room, user)).texts.join('\n');

/** Asks for a link, and finds it in the direct room. */
async function askForLink(person: Moderator): Promise<URL> {
  const answer = await person.ask('!open');
  expect(answer.field.status).toBe('done');
  const links = (await told(person)).match(/https?:\/\/\S+\/open\/[\w-]{43}/gu) ?? [];
  return new URL(links.at(-1) ?? 'none:');
}

/** Presses the button of a link. Returns the cookie. */
async function press(link: URL): Promise<string> {
  const response = await fetch(link, { method: 'POST', redirect: 'manual' });
  expect(response.status).toBe(303);
  return response.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
}

async function look(path: string, cookie: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`${origin}${path}`, { headers: { cookie } });
  return { status: response.status, text: await response.text() };
}

/** The paths of the audit entries about links of this person that were used. */
async function entriesOf({ user }: Moderator, cookie: string): Promise<string[]> {
  const list = await look(`/audit?command=open&by=${encodeURIComponent(user.userId)}`, cookie);
  return list.text.match(/\/audit\/\d+/gu) ?? [];
}

it('sends the link to the asker alone, and removes it once it is used', async () => {
  const link = await askForLink(room.ben);
  expect(link.origin).toBe(origin);
  const { members } = await readDirectRoom(room, room.ben.user);
  expect(members.toSorted()).toEqual([room.bot.userId, room.ben.user.userId].toSorted());

  const token = link.pathname.slice('/open/'.length);
  expect(JSON.stringify([room.ana.events, room.ben.events])).not.toContain(token);
  expect(await room.database.dump()).not.toContain(token);

  // A homeserver that previews the link does not use it up.
  expect((await fetch(link)).status).toBe(200);
  expect(await told(room.ben)).toContain(token);
  const cookie = await press(link);
  expect((await look('/', cookie)).status).toBe(200);
  await vi.waitFor(async () => expect(await told(room.ben)).not.toContain(token), {
    timeout: 20_000,
    interval: 200,
  });
});

it('tells the owner that the link was used, records it, and ends all sessions if they ask', async () => {
  const link = await askForLink(room.ana);
  const thief = await press(link);
  await vi.waitFor(
    async () => expect(await told(room.ana)).toContain('Your link to the page was used: '),
    { timeout: 20_000, interval: 200 },
  );
  expect(await told(room.ana)).toContain('type !open --close in the management room');
  const [entry = ''] = await entriesOf(room.ana, thief);
  expect((await look(entry, thief)).text).toContain(room.ana.user.userId);

  const closed = await room.ana.ask('!open --close');
  expect(closed.field).toMatchObject({ status: 'done', data: { closed: 1 } });
  expect(closed.body).toContain('Ended 1 session of yours');
  expect((await look('/', thief)).status).toBe(401);
  expect((await room.ana.ask('!open --close')).body).toContain('You had no session');
});

it('shows what was done in the room, and nothing to whoever has left it', async () => {
  const cookie = await press(await askForLink(room.ben));
  await room.ben.ask('!create-token --token page-token --reason "for the page"');
  const audit = await look('/audit', cookie);
  expect(audit.text).toContain('create-token');
  const [, entry] = /href="(\/audit\/\d+)"/u.exec(audit.text) ?? [];
  expect((await look(entry ?? '', cookie)).text).toContain('for the page');

  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}`;
  await room.ana.user.request('POST', `${path}/kick`, { json: { user_id: room.ben.user.userId } });
  await vi.waitFor(async () => expect((await look('/audit', cookie)).status).toBe(401), {
    timeout: 20_000,
    interval: 100,
  });
  await room.ana.user.request('POST', `${path}/invite`, {
    json: { user_id: room.ben.user.userId },
  });
  await room.ben.user.join(room.id);
  expect((await look('/audit', cookie)).status).toBe(401);
});

it('a viewer sees what viewers may ask for; a session ends with the bot', async () => {
  const cookie = await press(await askForLink(room.vic));
  expect((await look('/reports', cookie)).status).toBe(200);
  expect((await look('/audit', cookie)).status).toBe(403);
  await room.stopBot();
  await room.startBot();
  expect((await look('/reports', cookie)).status).toBe(401);
  expect((await fetch(`${origin}/health/live`)).status).toBe(200);
  expect((await fetch(`${origin}/metrics`)).status).toBe(200);
});

it('says so if the page is off', async () => {
  const other = await openRoom();
  try {
    const answer = await other.ana.ask('!open');
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('web.enabled');
    expect((await readDirectRoom(other, other.ana.user)).texts).toEqual([]);
  } finally {
    await other.close();
  }
});
