import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import PQueue from 'p-queue';

import { startPostgres } from '../../dev/postgres/postgres.ts';
import type { Postgres } from '../../dev/postgres/postgres.ts';
import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import { Moderator } from '../../dev/room/moderator.ts';
import type { Answer } from '../../dev/room/moderator.ts';
import { startSeveralProcesses } from '../../dev/room/several-processes.ts';
import type { SeveralProcesses } from '../../dev/room/several-processes.ts';
import { startOwnHomeserver } from '../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { createAdminApi } from '../../src/homeserver/admin/admin-api.ts';
import { openStore } from '../../src/store/store.ts';
import { homeserver, newUser, uniqueLocalpart } from '../support/homeserver.ts';

/** Three processes of one bot on one PostgreSQL, and two homeservers. */
export interface Scene extends AsyncDisposable {
  readonly ana: Moderator;
  readonly postgres: Postgres;
  readonly processes: SeveralProcesses;
  /** Asks for the deactivation of so many new accounts, half of them on each homeserver. */
  begin(accounts: number): Promise<Bulk>;
}

/** An operation on accounts of both homeservers. */
interface Bulk {
  readonly names: readonly string[];
  confirm(): Promise<void>;
  /** Resolves when so many calls have arrived. */
  arrived(calls: number): Promise<void>;
  /** Waits until it has ended. Returns what is not as it must be: requests, server, record and room. */
  violations(): Promise<string[]>;
}

const deactivations = '/_synapse/admin/v1/deactivate/';
const patienceMs = 180_000;

/** @param limitMs how long each answer may take: there are many faults in it */
export async function openScene(limitMs = patienceMs): Promise<Scene> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-several-'));
  const [postgres, two] = await Promise.all([
    startPostgres({ diskMb: 128 }),
    startOwnHomeserver({ server_name: 'two.example' }),
  ]);
  const servers = [homeserver(), two] as const;
  const gates = await Promise.all(servers.map(async ({ url }) => openGate(url)));
  const [bot, moderator, botOnTwo] = await Promise.all([
    newUser('bot', { admin: true }),
    newUser('ana', { displayName: 'Ana' }),
    MatrixUser.register(two, { localpart: uniqueLocalpart('bot'), admin: true }),
  ]);
  const room = await moderator.createRoom({ preset: 'private_chat', invite: [bot.userId] });
  const ana = (await new Moderator(moderator, room).look()).waitUpTo(limitMs);
  const tokens = [bot, botOnTwo].map(({ account }) => account.accessToken);
  const processes = await startSeveralProcesses(3, folder, postgres, {
    homeservers: servers.map(({ serverName, url }, at) => ({
      serverName,
      url,
      adminUrl: gates[at]?.url,
      accessToken: tokens[at],
      requestTimeout: '5s',
    })),
    managementRoom: room,
    reports: { enabled: false },
  });

  async function register(prefix: string, accounts: number): Promise<string[]> {
    const queue = new PQueue({ concurrency: 4 });
    return queue.addAll(
      Array.from({ length: accounts }, (_, at) => async () => {
        const server = servers[at % 2] ?? two;
        return (await MatrixUser.register(server, { localpart: `${prefix}-${at}` })).userId;
      }),
    );
  }

  /** How many are deactivated, by the homeservers. */
  async function deactivated(prefix: string, limit: number): Promise<number> {
    const lists = servers.map(async ({ url }, at) => {
      const { users } = createAdminApi({ url, accessToken: tokens[at] ?? '' });
      const page = await users.list({ userId: `${prefix}-`, deactivated: true, limit });
      return page.users.filter((user) => user.deactivated).length;
    });
    return (await Promise.all(lists)).reduce((sum, count) => sum + count, 0);
  }

  return {
    ana,
    postgres,
    processes,
    async begin(accounts) {
      const prefix = uniqueLocalpart('m');
      const names = await register(prefix, accounts);
      const command = await ana.say(`!deactivate ${names.join(' ')} --reason spam`);
      const asked = await answerTo(ana, command);
      let confirmation = '';
      const all = new RegExp(`${deactivations}%40${prefix}-`, 'u');
      const calls = (path = all) => sumOf(gates, (gate) => gate.arrived('POST', path));
      return {
        names,
        async confirm() {
          confirmation = await ana.say(`!confirm ${asked.field.confirmation?.code ?? ''}`);
        },
        async arrived(atLeast) {
          // A gate tells nobody.
          for (const end = Date.now() + limitMs; calls() < atLeast; await wait(10)) {
            if (Date.now() > end) {
              throw new Error(`only ${calls()} calls of ${atLeast} arrive`);
            }
          }
        },
        async violations() {
          const outcome = await ana.outcomeOf(asked, 'done', 'failed', 'cancelled', 'expired');
          await answerTo(ana, confirmation);
          await seen(ana);
          const record = await recordOf(postgres, command, accounts);
          const repeated = names.filter(
            (name) => calls(new RegExp(`${encodeURIComponent(name)}$`, 'u')) !== 1,
          );
          const changed = await deactivated(prefix, accounts);
          return [
            ...unlessSo(/^✅ deactivate: ([\d,]+) of \1 accounts done/u.test(outcome.body), [
              `the answer says ${outcome.body.slice(0, 300)}`,
            ]),
            ...repeated.map((name) => `not called once: ${name}`),
            ...unlessSo(changed === accounts, [`${changed} of ${accounts} are deactivated`]),
            ...record,
            ...[command, confirmation].flatMap((event) => answersAre(ana, event)),
            ...unlessSo(tellsOneStory(ana.statusesOf(asked)), [
              `the answer was ${ana.statusesOf(asked).join(', then ')}`,
            ]),
            // With this status, a service manager does not start it again.
            ...processes.ends
              .filter(({ status }) => status === 2)
              .map(() => 'a process ended as if its set-up were wrong'),
          ];
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await processes[Symbol.asyncDispose]();
      await ana.lookAway();
      await Promise.all(gates.map(async (gate) => gate[Symbol.asyncDispose]()));
      await Promise.all([postgres.stop(), two.stop()]);
      if (process.env['LAWSPEAKER_TEST_KEEP'] === undefined) {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

const unlessSo = (isSo: boolean, complaints: readonly string[]) => (isSo ? [] : complaints);

const sumOf = (gates: readonly Gate[], count: (gate: Gate) => number) =>
  gates.reduce((sum, gate) => sum + count(gate), 0);

/** Waits until everything that was said so far is seen. */
async function seen(ana: Moderator): Promise<void> {
  const mark = await ana.say('That was that.');
  await ana.until('the end', () => ana.events.find((event) => event.event_id === mark));
}

/** A file is sent after the answer that it belongs to, as a message of its own. */
const isFile = ({ content }: Answer) => content['msgtype'] === 'm.file';

/**
 * Whether an answer only says that the database can't be written. Either the command is carried out later, or it was
 * sent and its outcome is found out later. The answer comes then.
 */
const isPostponed = ({ body, field }: Answer) =>
  field.error?.code === 'store' &&
  (body.includes('When I can write again, I do this, unless it is too old by then.') ||
    /I will (?:ask the homeserver again|go on when I can write again),? and post the result here/u.test(
      body,
    ));

/** The answer that says what became of the command. */
async function answerTo(ana: Moderator, event: string): Promise<Answer> {
  return ana.until(`an answer to ${event}`, () =>
    ana.answersTo(event).find((one) => !isFile(one) && !isPostponed(one)),
  );
}

/** One answer, no file of it twice, and at most one message before it that the command is postponed. */
function answersAre(ana: Moderator, event: string): string[] {
  const all = ana.answersTo(event);
  const files = all.filter(isFile).map(({ body }) => body);
  const texts = all.filter((one) => !isFile(one));
  const postponed = texts.filter(isPostponed).length;
  const said = texts.map(({ body }) => body.slice(0, 200)).join(' | ');
  return [
    ...unlessSo(texts.length - postponed === 1, [`the answers to ${event} are ${said}`]),
    ...unlessSo(postponed === 0 || (postponed === 1 && texts.findIndex(isPostponed) === 0), [
      `${event} is postponed more than once, or after its answer: ${said}`,
    ]),
    ...unlessSo(new Set(files).size === files.length, [`a file of ${event} was sent twice`]),
  ];
}

/** Nothing is taken back that was said; once, what is not known yet may become known. */
function tellsOneStory(statuses: readonly string[]): boolean {
  const [first, ...rest] = statuses.filter((status) => status !== 'running');
  const open = rest.slice(0, -1);
  return (
    first === 'pending' &&
    rest.at(-1) === 'done' &&
    open.every((status) => status === 'unknown' || status === 'partial')
  );
}

/** What the audit log says of the operation, and of itself. */
async function recordOf(postgres: Postgres, event: string, accounts: number): Promise<string[]> {
  const store = await openStore(postgres.url('postgres'), { readonly: true });
  try {
    const entries = await store.auditLog.search({ eventId: event, limit: 10_000 });
    const targets = new Set(entries.map(({ target }) => target));
    const undone = entries.filter(({ status }) => status !== 'done');
    const { fault } = await store.auditLog.verify();
    return [
      ...unlessSo(entries.length === accounts && targets.size === accounts, [
        `${entries.length} audit entries of ${targets.size} accounts`,
      ]),
      ...undone.map(({ id, status }) => `the audit entry #${id} is ${status}`),
      ...(fault === undefined ? [] : [`the chain is broken: ${JSON.stringify(fault)}`]),
    ];
  } finally {
    await store.close();
  }
}

/** Resolves when the process has written these words into its log after now; or after a time. */
async function logSays(file: string, words: RegExp, limitMs: number): Promise<void> {
  const before = (await readFile(file, 'utf8')).length;
  for (const end = Date.now() + limitMs; Date.now() < end; await wait(50)) {
    if (words.test((await readFile(file, 'utf8')).slice(before))) {
      return;
    }
  }
}

/** When processes began to lead, and were ready, by their logs; in order, in milliseconds since 1970. */
export async function startsOf({ members }: SeveralProcesses): Promise<number[]> {
  const logs = await Promise.all(
    members.map(async ({ current }) => readFile(current().logFile, 'utf8')),
  );
  return logs
    .flatMap((log) => [...log.matchAll(/"time":(\d+),[^\n]*"Lawspeaker started"/gu)])
    .map(([, time]) => Number(time))
    .sort((one, other) => one - other);
}

type Fault = (scene: Scene) => Promise<void>;

/** What can happen to the processes and to PostgreSQL. Each resolves when it is over, not when all works again. */
export const faults = {
  async 'kill -9 of the leader'({ processes }) {
    await (await processes.nextLeader()).current().kill();
  },
  async 'clean stop of the leader'({ processes }) {
    await (await processes.nextLeader()).current().stop();
  },
  async 'SIGSTOP of the leader past its lease'({ processes }) {
    const frozen = (await processes.nextLeader()).current();
    frozen.process.kill('SIGSTOP');
    await processes.nextLeader(frozen.process.pid);
    frozen.process.kill('SIGCONT');
  },
  async 'kill -9 of a process that stands by'({ processes }) {
    const leader = await processes.nextLeader();
    await processes.members
      .find((member) => member !== leader)
      ?.current()
      .kill();
  },
  async 'restart of PostgreSQL'({ postgres }) {
    await postgres.restart();
  },
  async 'crash of PostgreSQL'({ postgres }) {
    await postgres.cutPower();
  },
  async 'full disk of PostgreSQL'({ postgres, processes }) {
    const leader = (await processes.nextLeader()).current();
    await postgres.disk?.fill();
    await logSays(leader.logFile, /53100|the database was away/u, 5000);
    await postgres.disk?.free();
    // Without room for its log, it can end.
    if (!postgres.isRunning()) {
      await postgres.restart();
    }
  },
  async 'silence between the leader and PostgreSQL'({ processes }) {
    const leader = await processes.nextLeader();
    leader.line.silence();
    await processes.nextLeader(leader);
    leader.line.restore();
  },
} satisfies Record<string, Fault>;
