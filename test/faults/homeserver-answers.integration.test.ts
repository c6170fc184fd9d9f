import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { openGate } from '../../dev/room/gate.ts';
import type { Gate, Passage } from '../../dev/room/gate.ts';
import type { Answer } from '../../dev/room/moderator.ts';
import { adminApi, asUserId, homeserver, newUser } from '../support/homeserver.ts';
import { highlightsOf } from '../support/notifications.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

let gate: Gate;
let room: TestRoom;
beforeAll(async () => {
  gate = await openGate(homeserver().url);
  room = await openRoom(
    { homeserver: { url: gate.url } },
    { timing: { requestTimeoutMs: 2000, longPollMs: 500 } },
  );
});
afterAll(async () => {
  await room.close();
  await gate[Symbol.asyncDispose]();
});

const isBanned = async (userId: string) =>
  (await adminApi().users.get(asUserId(userId))).shadowBanned;

const limited = '{"errcode":"M_LIMIT_EXCEEDED","error":"Too Many Requests","retry_after_ms":1000}';

const page = '<html><h1>This is the proxy</h1></html>';
const html = { 'content-type': 'text/html' };

/** What comes instead of the homeserver's answer. */
const faults = {
  'no answer': () => undefined,
  '500': (passage: Passage) => passage.respond(500, '{"errcode":"M_UNKNOWN","error":"Internal"}'),
  '502 with HTML': (passage: Passage) =>
    passage.respond(502, '<html><h1>Bad Gateway</h1></html>', { 'content-type': 'text/html' }),
  '404 with HTML': (passage: Passage) => passage.respond(404, page, html),
  '403 with HTML': (passage: Passage) => passage.respond(403, page, html),
  '200 with HTML': (passage: Passage) => passage.respond(200, page, html),
  'a proxy’s 404 in place of the answer': async (passage: Passage) => {
    await passage.forward();
    passage.respond(404, page, html);
  },
  '429': (passage: Passage) => passage.respond(429, limited, { 'retry-after': '1' }),
  'half a JSON': (passage: Passage) => passage.respond(200, '{"name":"@mall'),
  'an answer that breaks off': async (passage: Passage) => {
    await passage.forward();
    passage.breakOff();
  },
} as const;
type Fault = keyof typeof faults;

const everyFault = Object.keys(faults) as Fault[];

describe('a read', () => {
  it.each<[Fault, 'done' | 'failed']>([
    ['no answer', 'done'],
    ['500', 'failed'],
    ['502 with HTML', 'done'],
    ['429', 'done'],
    ['half a JSON', 'failed'],
    ['an answer that breaks off', 'done'],
  ])('after %s is %s', async (fault, status) => {
    const mallory = await newUser('mallory');
    const asked = gate.meet('GET', /\/v2\/users\//);
    const command = await room.ana.say(`!user ${mallory.userId}`);
    await faults[fault](await asked);
    const answer = await room.ana.answerTo(command);
    expect(answer.field.status).toBe(status);
    expect(answer.body).not.toContain('Bad Gateway');
  });
});

describe('a read that something in between answers', () => {
  it.each<Fault>(['404 with HTML', '403 with HTML', '200 with HTML'])(
    'with %s says so: not that there is no such account, nor that it is forbidden',
    async (fault) => {
      const mallory = await newUser('mallory');
      const asked = gate.meet('GET', /\/v2\/users\//);
      const command = await room.ana.say(`!user ${mallory.userId}`);
      await faults[fault](await asked);
      const answer = await room.ana.answerTo(command);
      expect(answer.field.status).toBe('failed');
      expect(answer.body).toContain('something in between did');
      expect(answer.body).toContain('homeserver.adminUrl');
      expect(answer.body).not.toContain('Did you mean');
      expect(answer.body).not.toContain('This is the proxy');
    },
  );
});

describe('a changing call', () => {
  /** What the room was told. What takes long also says that it runs. */
  const outcomesOf = (answer: Answer) =>
    room.ana.statusesOf(answer).filter((status) => status !== 'running');

  it.each<[Fault, 'done' | 'failed', number]>([
    ['no answer', 'failed', 1],
    ['500', 'failed', 1],
    ['502 with HTML', 'failed', 1],
    ['404 with HTML', 'failed', 1],
    ['403 with HTML', 'failed', 1],
    ['200 with HTML', 'failed', 1],
    ['a proxy’s 404 in place of the answer', 'done', 1],
    // A refusal by a rate limit was certainly not carried out.
    ['429', 'done', 2],
    ['half a JSON', 'failed', 1],
    ['an answer that breaks off', 'done', 1],
  ])('after %s is known to be %s, sent %i times', async (fault, status, times) => {
    const mallory = await newUser('mallory');
    const path = new RegExp(`${encodeURIComponent(mallory.userId)}/shadow_ban`, 'u');
    const asked = gate.meet('POST', path);
    const command = await room.ana.say(`!shadow-ban ${mallory.userId}`);
    await faults[fault](await asked);
    const answer = await room.ana.outcomeOf(await room.ana.answerTo(command), 'done', 'failed');
    expect(answer.field.status).toBe(status);
    // Nobody is told that it was not done while it may still be in flight.
    expect(outcomesOf(answer)).toEqual(status === 'failed' ? ['unknown', 'failed'] : [status]);
    expect(gate.count('POST', path)).toBe(times);
    expect(await isBanned(mallory.userId)).toBe(status === 'done');
    const audit = await room.ana.ask(`!audit --target ${mallory.userId}`);
    expect(audit.field.data).toMatchObject([{ command: 'shadow-ban', status }]);
  });

  it.each<Fault | 'a broken connection'>(['no answer', '502 with HTML', 'a broken connection'])(
    'that the homeserver is at work on after %s is not called undone, and is known to be done later',
    async (fault) => {
      const mallory = await newUser('mallory');
      const path = new RegExp(`${encodeURIComponent(mallory.userId)}/shadow_ban`, 'u');
      const asked = gate.meet('POST', path);
      const command = await room.ana.say(`!shadow-ban ${mallory.userId}`);
      const passage = await asked;
      await (fault === 'a broken connection' ? passage.drop() : faults[fault](passage));
      // Its first answer may be that it runs.
      const answer = await room.ana.outcomeOf(await room.ana.answerTo(command), 'unknown');
      await passage.forward();
      await room.ana.outcomeOf(answer, 'done');
      expect(outcomesOf(answer)).toEqual(['unknown', 'done']);
      expect(gate.count('POST', path)).toBe(1);
      const audit = await room.ana.ask(`!audit --target ${mallory.userId}`);
      expect(audit.field.data).toMatchObject([{ command: 'shadow-ban', status: 'done' }]);
    },
  );

  it('that was to be for a time says that no timer is set, where its answer was lost', async () => {
    const mallory = await newUser('mallory');
    const asked = gate.meet('POST', /\/shadow_ban/);
    const command = await room.ana.say(`!shadow-ban ${mallory.userId} --for 1h`);
    await faults['an answer that breaks off'](await asked);
    const answer = await room.ana.outcomeOf(await room.ana.answerTo(command), 'done');
    expect(answer.body).toContain('no timer could be set');
    expect((await room.ana.ask('!jobs')).field.data).toEqual([]);
  });

  it('that is one of several: each ends as what it is', async () => {
    const [mallory, other] = await Promise.all([newUser('mallory'), newUser('other')]);
    const asked = gate.meet('POST', /\/shadow_ban/);
    const confirmation = await room.ana.ask(`!shadow-ban ${mallory.userId} ${other.userId}`);
    await room.ana.say(`!confirm ${confirmation.field.confirmation?.code}`);
    const passage = await asked;
    passage.drop();
    const answer = await room.ana.outcomeOf(confirmation, 'partial');
    expect(answer.body).toContain('1 of 2 accounts done');
    await passage.forward();
    await room.ana.outcomeOf(confirmation, 'done');
    expect(room.ana.statusesOf(confirmation).slice(-2)).toEqual(['partial', 'done']);
    expect(await Promise.all([mallory, other].map(({ userId }) => isBanned(userId)))).toEqual([
      true,
      true,
    ]);
  });

  it('that nobody can ask about is unknown, and is not sent again', async () => {
    const mallory = await newUser('mallory');
    const asked = gate.meet('POST', /\/reset_password\//);
    const confirmation = await room.ana.ask(`!reset-password ${mallory.userId}`);
    await room.ana.say('!confirm');
    await faults['an answer that breaks off'](await asked);
    const outcome = await room.ana.outcomeOf(confirmation, 'unknown');
    expect(outcome.body).toContain('Check before you retry');
    expect(gate.count('POST', /\/reset_password\//)).toBe(1);
  });
});

describe('a sync', () => {
  it.each(everyFault)('after %s goes on, and nothing is missed', async (fault) => {
    const passage = await gate.meet('GET', /\/sync/);
    const command = await room.ana.say('!version');
    await faults[fault](passage);
    expect((await room.ana.answerTo(command)).field.status).toBe('done');
    await room.ana.ask('!version');
    expect(room.ana.answersTo(command)).toHaveLength(1);
  });
});

describe('sending an answer', () => {
  it.each(everyFault)('after %s is tried again, and the answer comes once', async (fault) => {
    const sending = gate.meet('PUT', /\/send\/m\.room\.message\//);
    const command = await room.ana.say('!version');
    await faults[fault](await sending);
    expect((await room.ana.answerTo(command)).field.status).toBe('done');
    await room.ana.ask('!version');
    expect(room.ana.answersTo(command)).toHaveLength(1);
  });

  it('that the homeserver refuses for good does not keep back others', async () => {
    // In a room of its own: in the other, what earlier tests left open may be told just now.
    const here = await openRoom({ homeserver: { url: gate.url } });
    const sending = gate.meet(
      'PUT',
      new RegExp(`/${encodeURIComponent(here.id)}/send/m\\.room\\.message/`, 'u'),
    );
    const command = await here.ana.say('!version');
    (await sending).respond(413, '{"errcode":"M_TOO_LARGE"}');
    expect((await here.ana.ask('!version')).field.status).toBe('done');
    expect(here.ana.answersTo(command)).toEqual([]);
    await here.close();
  });
});

it('at the start a proxy without its Synapse is waited for', async () => {
  await room.stopBot();
  const asked = gate.meet('GET', /\/whoami/);
  const started = room.startBot();
  faults['502 with HTML'](await asked);
  await started;
  expect((await room.ana.ask('!version')).field.status).toBe('done');
});

it('an absence whose events never end is given up, and the room is told', async () => {
  type Sync = { rooms?: { join?: Record<string, { timeline: Record<string, unknown> }> } };
  let passage = await gate.meet('GET', /\/sync/);
  const command = await room.ana.say('!version');
  for (;;) {
    const sync = JSON.parse((await passage.forward()).body) as Sync;
    const joined = sync.rooms?.join?.[room.id];
    if (joined !== undefined) {
      Object.assign(joined.timeline, { limited: true, prev_batch: 'gap' });
      passage.respond(200, JSON.stringify(sync));
      break;
    }
    const next = gate.meet('GET', /\/sync/);
    passage.answer();
    passage = await next;
  }
  for (let page = 0; page < 50; page += 1) {
    const chunk = Array.from({ length: 100 }, (_, at) => ({
      type: 'm.room.message',
      event_id: `$gap${page * 100 + at}`,
      sender: room.ana.user.userId,
      origin_server_ts: Date.now(),
      content: { msgtype: 'm.text', body: 'chatter' },
    }));
    (await gate.meet('GET', /\/messages\?/)).respond(
      200,
      JSON.stringify({ chunk, end: `page ${page}` }),
    );
  }
  const alert = await room.ana.until('the alert', () =>
    room.ana
      .unasked()
      .find(({ body }) => body.includes('I could not read everything that was sent')),
  );
  expect(await highlightsOf(room.ana.user)).toContain(alert.event);
  expect((await room.ana.answerTo(command)).field.status).toBe('done');
  // The start reads the bot’s own messages, with a filter.
  expect(gate.count('GET', /\/messages\?(?!.*filter=)/)).toBe(50);
});
