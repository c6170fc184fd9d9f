import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { openGate } from '../../dev/room/gate.ts';
import type { Gate, Passage } from '../../dev/room/gate.ts';
import type { Answer } from '../../dev/room/moderator.ts';
import { startOwnHomeserver } from '../../dev/synapse/homeserver.ts';
import type { OwnHomeserver } from '../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { dayMs } from '../../src/core/duration.ts';
import { createAdminApi } from '../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../src/homeserver/admin/admin-api.ts';
import { asUserId } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

// A server of its own: the page's patterns and IDs would match accounts of other tests.
let server: OwnHomeserver;
let gate: Gate;
let room: TestRoom;
let api: AdminApi;
beforeAll(async () => {
  server = await startOwnHomeserver({ server_name: 'example.com' });
  gate = await openGate(server.url);
  room = await openRoom(
    { homeserver: { adminUrl: gate.url } },
    { server, timing: { headLookMs: dayMs } },
  );
  api = createAdminApi({ url: server.url, accessToken: room.bot.account.accessToken });
}, 120_000);
afterAll(async () => {
  await room.close();
  await gate[Symbol.asyncDispose]();
  await server.stop();
});

/** Makes accounts with these user names. */
async function register(...localparts: readonly string[]): Promise<void> {
  for (const localpart of localparts) {
    await MatrixUser.register(server, { localpart });
  }
}

const account = async (name: string) => api.users.get(asUserId(`@${name}:example.com`));

/** Types a line, confirms it if the bot asks, and returns the end. */
async function carryOut(line: string, expected = 'done'): Promise<Answer> {
  return confirmed(await room.ana.ask(line), expected);
}

async function confirmed(answer: Answer, expected = 'done'): Promise<Answer> {
  const { confirmation, status } = answer.field;
  if (confirmation === undefined || status !== 'pending') {
    expect({ status, body: answer.body }).toEqual({ status: expected, body: answer.body });
    return answer;
  }
  await room.ana.ask(`!confirm ${confirmation.code}`);
  return room.ana.outcomeOf(answer, expected);
}

/** Sends a file, and a line as a reply to it. */
async function replyToFile(name: string, text: string, line: string): Promise<Answer> {
  const { user } = room.ana;
  const url = await user.uploadMedia(Buffer.from(text), 'text/csv', name);
  const file = await user.send(room.id, 'm.room.message', { msgtype: 'm.file', body: name, url });
  const asked = await user.send(room.id, 'm.room.message', {
    msgtype: 'm.text',
    body: line,
    'm.relates_to': { 'm.in_reply_to': { event_id: file } },
  });
  return room.ana.answerTo(asked);
}

/** The number of the operation that an answer is about. */
function operationOf({ field, body }: Answer): number {
  return field.operation?.id ?? expect.unreachable(body);
}

const dateIn = (days: number) => new Date(Date.now() + days * dayMs).toISOString().slice(0, 10);

/** Runs a command of the page with a flag of it, and shows what it would do. */
async function tried(command: string, flag: string, expected: RegExp): Promise<void> {
  const { body } = await carryOut(`!${command} ${flag} --dry-run`, 'dry_run');
  expect(body).toMatch(expected);
}

/** Schedules a suspension of mallory, sees it in the list, and cancels it. */
async function scheduled(line: string): Promise<void> {
  const answer = await carryOut(line, 'pending');
  const id = operationOf(answer);
  expect(answer.field.operation).toMatchObject({ state: 'scheduled' });
  expect((await carryOut('!jobs')).body).toContain(`${id}`);
  await carryOut(`!stop-job ${id}`);
  expect((await account('mallory')).suspended).toBe(false);
}

/** Shows what would be done to the three accounts of a wave. */
async function ofWave(line: string): Promise<void> {
  const { body } = await carryOut(`${line.replace('2026-11-28', dateIn(-1))} --dry-run`, 'dry_run');
  expect(body).toContain('3 accounts');
}

/** The operation that the page calls 17. */
let operation: number;
let question: Answer;
/** Its calls, which wait before the homeserver. More than the bot makes at the same time. */
let calls: readonly Promise<Passage>[];
const wave = Array.from({ length: 20 }, (_, at) => `wave${at}`);

const mallory = async (flag: string) => scheduled(`!suspend @mallory:example.com ${flag}`);

/**
 * What is done with each line of the page, in its order. Where the page has a placeholder, the line is
 * completed: a command, the number of an operation, a date.
 */
const steps: readonly (readonly [string, (line: string) => Promise<unknown>])[] = [
  ['!help COMMAND', async () => carryOut('!help deactivate')],
  ['!help matching', carryOut],
  ['!help later', carryOut],
  [
    '!suspend @m1:example.com @m2:example.com',
    async (line) => {
      await register('m1', 'm2');
      await carryOut(line);
      expect((await account('m2')).suspended).toBe(true);
    },
  ],
  [
    '!deactivate --matching "spam* --created-after 2d" --reason raid',
    async (line) => {
      await register('spam1', 'spam2');
      const { body } = await carryOut(line);
      expect(body).toContain('2 of 2 accounts done');
      expect((await account('spam2')).deactivated).toBe(true);
    },
  ],
  [
    '!deactivate --from-file --reason raid',
    async (line) => {
      await register('raid1', 'raid2', 'raid3');
      await confirmed(await replyToFile('raid.txt', '# raid\n@raid1:example.com\nraid2\n', line));
      await confirmed(await replyToFile('raid.csv', 'note,user_id\nx,@raid3:example.com\n', line));
      for (const name of ['raid1', 'raid2', 'raid3']) {
        expect((await account(name)).deactivated).toBe(true);
      }
    },
  ],
  [
    '!deactivate --matching "spam* --created-after 2d" --dry-run',
    async (line) => {
      await register('spam3', 'spam4');
      const { body } = await carryOut(line, 'dry_run');
      expect(body).toContain('@spam3:example.com');
      expect(body).not.toContain('@spam1:example.com');
      expect((await account('spam3')).deactivated).toBe(false);
    },
  ],
  ['!users', carryOut],
  ['--matching "spam*"', async (flag) => tried('lock', flag, /@spam3:example\.com/u)],
  [
    '--matching "spam* --created-after 2d"',
    async (flag) => tried('lock', flag, /@spam3:example\.com/u),
  ],
  [
    '--matching "--created-after 2026-12-01"',
    async (flag) => tried('lock', flag.replace('2026-12-01', dateIn(-1)), /@spam3:example\.com/u),
  ],
  [
    '--matching "--deactivated-only"',
    async (flag) => tried('reactivate', flag, /@spam1:example\.com/u),
  ],
  [
    '--matching "--locked"',
    async (flag) => {
      await carryOut('!lock @spam3:example.com');
      await tried('unlock', flag, /@spam3:example\.com/u);
    },
  ],
  [
    '--matching "--last-seen-before 2026-01-01"',
    async (flag) => tried('lock', flag.replace('2026-01-01', dateIn(1)), /@spam4:example\.com/u),
  ],
  [
    '!recent-users --since 6h',
    async (line) => {
      for (const localpart of ['coins1', 'coins2', 'coins3']) {
        const user = await MatrixUser.register(server, { localpart });
        const address = '203.0.113.7';
        await user.request('GET', '/_matrix/client/v3/account/whoami', { address });
      }
      expect((await carryOut(line)).body).toMatch(/3 accounts: .*coins\*.*203\.0\.113\.7/u);
    },
  ],
  ['!deactivate --matching "--name coins* --created-after 2026-11-28T03:00:00.000Z"', ofWave],
  ['!deactivate --matching "--ip 203.0.113.7 --created-after 2026-11-28T03:00:00.000Z"', ofWave],
  ['!users', carryOut],
  [
    '!jobs',
    async (line) => {
      await register(...wave);
      question = await room.ana.ask(`!suspend ${wave.join(' ')}`);
      operation = operationOf(question);
      calls = wave.map(async (name) => gate.meet('PUT', new RegExp(`suspend/%40${name}%3A`, 'u')));
      await room.ana.say(`!confirm ${question.field.confirmation?.code}`);
      await Promise.race(calls);
      expect((await carryOut(line)).body).toContain(`suspend`);
    },
  ],
  ['!stop-job 17', async (line) => carryOut(line.replace('17', String(operation)))],
  [
    '!stop-job',
    async (line) => {
      for (const call of calls) {
        void call.then(async (passage) => passage.forward().then(passage.answer));
      }
      await room.ana.outcomeOf(question, 'partial');
      expect((await room.ana.ask(line)).body).toContain('nothing is running or scheduled');
    },
  ],
  [
    '!audit --operation 17',
    async (line) => {
      const { body } = await carryOut(line.replace('17', String(operation)));
      expect(body).toContain('@wave0');
    },
  ],
  [
    '!undo --operation 17',
    async (line) => {
      expect((await account('wave0')).suspended).toBe(true);
      await carryOut(line.replace('17', String(operation)));
      expect((await account('wave0')).suspended).toBe(false);
    },
  ],
  [
    '--in 2h',
    async (flag) => {
      await register('mallory');
      await mallory(flag);
    },
  ],
  ['--at 22:00', mallory],
  ['--at "2026-12-31 22:00"', async (flag) => mallory(flag.replace('2026-12-31', dateIn(1)))],
  ['--at 22:00+01:00', mallory],
  [
    '--for 24h',
    async (flag) => {
      await carryOut(`!suspend @mallory:example.com ${flag}`);
      expect((await account('mallory')).suspended).toBe(true);
      await carryOut('!unsuspend @mallory:example.com');
    },
  ],
  ['!suspend @mallory:example.com --in 2h --for 24h --reason spam', scheduled],
  ['!jobs', carryOut],
  [
    '!stop-job',
    async (line) => {
      const later = await carryOut('!suspend @mallory:example.com --in 2h', 'pending');
      expect((await room.ana.ask(line)).body).toContain(`!stop-job ${operationOf(later)}`);
      await carryOut(`!stop-job ${operationOf(later)}`);
    },
  ],
];

it(
  'docs/many-accounts.md has commands that do on a homeserver what the page says',
  { timeout: 240_000 },
  async () => {
    const text = await readFile('docs/many-accounts.md', 'utf8');
    const written = [...text.matchAll(/`(!?[a-z-][^`\n]*)`|^(!.+)$/gmu)]
      .map(([, inline, line = '']) => inline ?? line)
      .filter((line) => /^!|^--[a-z]+ /u.test(line));
    expect(written).toEqual(steps.map(([line]) => line));
    for (const [line, carry] of steps) {
      await carry(line);
    }
  },
);
