import assert from 'node:assert/strict';

import { beforeEach, afterEach, describe, expect, test } from 'vitest';

import { textOf } from '../../../src/chat/answers/answer.ts';
import { HomeserverError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { createInFlight } from '../../../src/operations/execute/reconcile.ts';
import { recover } from '../../../src/operations/execute/recover.ts';
import { openFuzzBot, people, room } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

const mallory = '@mallory:localhost';
const steps = ['suspend', 'quarantine', 'redact', 'deactivate'];

let bot: FuzzBot;
/** What the homeserver has been told to do. */
let calls: string[];
/** Called before the homeserver does something. */
let before: (call: string) => Promise<void>;
let isSuspended: boolean;

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  calls = [];
  before = async () => undefined;
  isSuspended = false;
  const does = async (call: string) => {
    await before(call);
    calls.push(call);
  };
  const { api } = bot;
  Object.assign(api.users, {
    setSuspended: async (_: string, is: boolean) => {
      await does(is ? 'suspend' : 'unsuspend');
      isSuspended = is;
    },
    memberships: async () => [{ roomId: '!shared:localhost', membership: 'join' }],
    joinedRooms: async () => ({ joinedRooms: [], total: 0 }),
    get: async () => ({ name: mallory, suspended: isSuspended, locked: false, deactivated: false }),
    deactivate: async () => does('deactivate'),
  });
  const file = { mediaId: 'a', quarantinedBy: null, safeFromQuarantine: false, sha256: null };
  Object.assign(api.media, {
    list: async () => ({ media: [file], total: 1 }),
    async *all() {
      yield file;
    },
    quarantineUploads: async () => does('quarantine'),
  });
  const sent = {
    eventId: '$spam',
    type: 'm.room.message',
    sender: mallory,
    originServerTs: 1000,
    stateKey: null,
    content: { msgtype: 'm.text', body: 'spam' },
    redactedBecause: null,
    lastEdit: null,
  };
  Object.assign(api.events, {
    page: async () => [sent],
    state: async () => [{ sender: people.ana, content: { room_version: '11' } }],
  });
  Object.assign(api.server, { scheduledTasks: async () => [] });
  Object.assign(api.redactions, {
    async start() {
      await does('redact');
      return 'id';
    },
    status: async () => ({ status: 'complete', failedRedactions: {} }),
  });
});
afterEach(async () => bot.store.close());

const message = (event: string, body: string) => ({
  type: 'm.room.message',
  event_id: event,
  sender: people.ben,
  origin_server_ts: bot.clock.now,
  content: { msgtype: 'm.text', body },
});

async function takeDown() {
  await bot.take([message('$ask', `!takedown ${mallory}`)]);
  await bot.take([message('$yes', '!confirm')]);
}

/** The steps as the audit log has them, in the order in which they were begun. */
async function recordedSteps(): Promise<string[]> {
  const entries = await bot.store.auditLog.search({ eventId: '$ask', limit: 100 });
  return entries
    .toSorted((one, other) => one.id - other.id)
    .map((entry) => `${(entry.arguments as { step: string }).step} ${entry.status}`);
}

test('steps are done in order, each with an audit entry of its own', async () => {
  await takeDown();
  expect(calls).toEqual(steps);
  expect(await recordedSteps()).toEqual(steps.map((step) => `${step} done`));
});

test('what was done before is not said to be done now', async () => {
  const isSo = { suspended: true, deactivated: true, admin: false };
  const { findAccount } = bot.context;
  Object.assign(bot.context, {
    findAccount: async (user: UserId) => ({ ...(await findAccount(user)), ...isSo }),
  });
  await bot.take([message('$ask', `!takedown ${mallory}`)]);
  const { sent } = await bot.take([message('$yes', '!confirm')]);
  const said = JSON.stringify(sent);
  expect(said).toContain('already suspended');
  expect(said).toContain('already deactivated');
});

test('an account that becomes protected during a long step is left alone from then on', async () => {
  let isAdmin = false;
  const { findAccount } = bot.context;
  Object.assign(bot.context, {
    findAccount: async (user: UserId) => {
      const account = await findAccount(user);
      return account && { ...account, admin: isAdmin };
    },
  });
  before = async (call) => {
    if (call === 'redact') {
      isAdmin = true;
      bot.clock.now += 3_600_000;
    }
  };
  await bot.take([message('$ask', `!takedown ${mallory}`)]);
  const { sent } = await bot.take([message('$yes', '!confirm')]);
  expect(calls).toEqual(['suspend', 'quarantine', 'redact']);
  expect(JSON.stringify(sent)).toContain('server admin');
});

test('a room that the homeserver can’t read does not keep a takedown back', async () => {
  Object.assign(bot.api.events, {
    async page() {
      throw new HomeserverError(500, 'M_UNKNOWN', 'GET /messages');
    },
  });
  const { sent } = await bot.take([message('$ask', `!takedown ${mallory}`)]);
  expect(JSON.stringify(sent)).toContain('an unknown number of messages in 1 room');
  await bot.take([message('$yes', '!confirm')]);
  expect(calls).toEqual(steps);
});

test('a step that fails does not keep the others back', async () => {
  before = async (call) => {
    if (call === 'quarantine') {
      throw new HomeserverError(403, 'M_FORBIDDEN', 'POST /quarantine');
    }
  };
  await takeDown();
  expect(await recordedSteps()).toEqual([
    'suspend done',
    'quarantine failed',
    'redact done',
    'deactivate done',
  ]);
});

test('a stop while the homeserver works on a step keeps the next one back', async () => {
  Object.assign(bot.api.redactions, {
    async status() {
      const [operation] = await bot.store.operations.running();
      await bot.store.operations.requestStop(operation?.id ?? 0, people.ben);
      return { status: 'complete', failedRedactions: {} };
    },
  });
  await takeDown();
  expect(calls).toEqual(['suspend', 'quarantine', 'redact']);
  expect(await recordedSteps()).toEqual(['suspend done', 'quarantine done', 'redact done']);
  expect(await bot.store.operations.running()).toEqual([]);
});

test('a stop in the middle says what is done, half done and untouched, and how to finish', async () => {
  Object.assign(bot.context.settings, { parallelism: 1 });
  before = async () => {
    if (calls.length === 5) {
      await bot.store.operations.requestStop(1, people.ana);
    }
  };
  await bot.take([message('$ask', '!takedown @a @b @c --reason spam')]);
  const { sent } = await bot.take([message('$yes', '!confirm')]);
  expect(calls).toEqual([...steps, 'suspend', 'quarantine']);
  const texts = JSON.stringify(sent);
  const outgoing = sent.map((one) => one.outgoing);
  const edit = outgoing.find((one) => one.kind === 'edit' && one.reply.command === 'takedown');
  const answer = edit?.kind === 'edit' ? edit.reply.answer : undefined;
  expect(textOf(answer?.title ?? [])).toBe(
    'takedown stopped: 1 of 3 accounts done, 1 half done, 1 untouched',
  );
  const [what, list, untouched] = answer?.body ?? [];
  expect(JSON.stringify(what)).toContain('Not begun for accounts that are half done:');
  expect(list).toMatchObject({
    kind: 'list',
    items: [[{ text: '@b:localhost' }, ': ', 'redact, deactivate']],
  });
  expect(JSON.stringify(untouched)).toContain('Untouched: @c:localhost');
  const file = outgoing.find((one) => one.kind === 'file');
  const rows = file?.kind === 'file' ? file.file.content.trim().split('\n').slice(1) : [];
  expect(rows.map((row) => row.replaceAll(/^'|,\d*,[^,]*$/gu, '')).sort()).toEqual(
    [
      ...steps.map((step) => `@a:localhost,${step},done`),
      ...['suspend', 'quarantine'].map((step) => `@b:localhost,${step},done`),
      ...['redact', 'deactivate'].map((step) => `@b:localhost,${step},left out`),
      ...steps.map((step) => `@c:localhost,${step},left out`),
    ].sort(),
  );
  const line = 'takedown @b:localhost @c:localhost --reason=spam';
  expect(answer?.next).toContain(line);
  expect(texts).not.toContain('audit #');
  before = async () => undefined;
  calls = [];
  await bot.take([message('$again', `!${line}`)]);
  await bot.take([message('$yes2', '!confirm')]);
  expect(calls).toEqual([...steps, ...steps]);
});

/** Stops a takedown after some calls; returns the lines of the answer of `stop-job`. */
async function stopAfter(count: number, line: string): Promise<string[]> {
  Object.assign(bot.context.settings, { parallelism: 1 });
  let asked: ReturnType<typeof bot.take> | undefined;
  before = async () => {
    if (calls.length === count) {
      asked ??= bot.take([{ ...message('$stop', '!stop-job 1'), sender: people.ana }]);
      while (!(await bot.store.operations.isStopRequested(1))) {
        await new Promise((go) => setImmediate(go));
      }
    }
  };
  await bot.take([message('$ask', line)]);
  const { sent } = await bot.take([message('$yes', '!confirm')]);
  const all = [...sent, ...((await asked)?.sent ?? [])].map(({ outgoing }) => outgoing);
  const stopped = all.find((one) => 'reply' in one && one.reply.command === 'stop-job');
  const { body = [] } = stopped !== undefined && 'reply' in stopped ? stopped.reply.answer : {};
  return body.map((block) => textOf(block.kind === 'line' ? block.content : []));
}

test('stop-job counts accounts, with all their steps, as the progress does', async () => {
  const [counts, done] = await stopAfter(6, '!takedown @a @b @c');
  expect(counts).toBe(
    '1 of 3 accounts done · 1 in progress, which will stop after the current step · 1 not started, which stay as they are',
  );
  expect(done).toBe('Already done: @a:localhost');
});

test('stop-job says that an account will finish only if its last step runs', async () => {
  const [counts] = await stopAfter(7, '!takedown @a @b @c');
  expect(calls).toEqual([...steps, ...steps]);
  expect(counts).toBe(
    '1 of 3 accounts done · 1 in progress, which will finish · 1 not started, which stay as they are',
  );
});

test('stop-job counts the steps of one account', async () => {
  const [counts, done] = await stopAfter(2, '!takedown @a');
  expect(counts).toBe(
    '2 of 4 steps done · 1 in progress, which will finish · 1 not started, which stay as they are',
  );
  expect(done).toBe('Already done: suspend, quarantine');
});

test('what a stop kept back is counted by accounts after a restart, too', async () => {
  Object.assign(bot.context.settings, { parallelism: 2 });
  const stopped = Promise.withResolvers<void>();
  Object.assign(bot.api.media, {
    async quarantineUploads(user: string) {
      if (user === '@a:localhost') {
        return new Promise<never>(() => undefined);
      }
      await bot.store.operations.requestStop(1, people.ana);
      stopped.resolve();
    },
  });
  await bot.take([message('$ask', '!takedown @a @b @c')]);
  void bot.take([message('$yes', '!confirm')]);
  await stopped.promise;
  await expect.poll(async () => (await bot.store.operationTargets.count(1)).skipped).toBe(6);
  Object.assign(bot.api.media, { quarantineUploads: async () => undefined });
  await recover({ ...bot.context, inFlight: createInFlight() });
  const outbox = await bot.store.outbox.open();
  const sent = outbox.map(({ message: text }) => JSON.parse(text) as Outgoing);
  const replies = sent.flatMap((one) => ('reply' in one ? [one.reply] : []));
  const outcome = replies.findLast(({ command }) => command === 'takedown');
  expect(outcome).toMatchObject({ operation: { targets: 12, leftOut: 1 } });
  expect(textOf(outcome?.answer.title ?? [])).toBe(
    'takedown stopped: 0 of 3 accounts done, 2 half done, 1 untouched',
  );
});

test('a step that was cut off and did not arrive is done after a restart, before the others', async () => {
  const cutOff = Promise.withResolvers<void>();
  before = async () => {
    cutOff.resolve();
    return new Promise<never>(() => undefined);
  };
  void takeDown();
  await cutOff.promise;
  before = async () => undefined;
  await recover({ ...bot.context, inFlight: createInFlight() });
  expect(calls).toEqual(steps);
  expect(await recordedSteps()).toEqual(steps.map((step) => `${step} done`));
});

/** From now on, Synapse shows the account as taken down, and as it is once a step is taken back. */
function canBeTakenBack(): void {
  calls = [];
  Object.assign(bot.context, {
    findAccount: async (name: string) => ({
      ...(await bot.api.users.get(name as UserId)),
      displayname: null,
      externalIds: [],
      threepids: [],
      deactivated: !calls.includes('reactivate'),
    }),
  });
  Object.assign(bot.api.users, {
    reactivate: async (name: string) => {
      calls.push('reactivate');
      return bot.context.findAccount(name as UserId);
    },
  });
  Object.assign(bot.api.media, {
    async *all() {
      yield {
        mediaId: 'a',
        quarantinedBy: calls.includes('unquarantine') ? null : '@lawspeaker:localhost',
      };
    },
    unquarantine: async () => void calls.push('unquarantine'),
    find: async () => ({ mediaId: 'a', quarantinedBy: null }),
  });
}

test('what of a takedown can be taken back is, the last step first, and the rest is said to stay', async () => {
  await takeDown();
  canBeTakenBack();
  const asked = await bot.take([message('$back', '!undo --operation 1')]);
  const text = JSON.stringify(asked.sent);
  expect(text).toContain('Undo operation 1: 3 actions');
  for (const line of [
    `reactivate ${mallory}`,
    `unquarantine --user=${mallory}`,
    `unsuspend ${mallory}`,
  ]) {
    expect(text).toContain(line);
  }
  expect(text).toContain('Can’t be taken back: redact (1)');
  expect(text).toContain('restore rooms, devices, addresses');
  await bot.take([message('$yes2', '!confirm')]);
  expect(calls).toEqual(['reactivate', 'unquarantine', 'unsuspend']);
  const entries = await bot.store.auditLog.search({ eventId: '$back', limit: 10 });
  expect(entries.map(({ command, status }) => `${command} ${status}`)).toEqual([
    'unsuspend done',
    'unquarantine done',
    'reactivate done',
  ]);
});

describe('a takedown that was stopped, and finished by a second one', () => {
  beforeEach(async () => {
    await stopAfter(1, `!takedown ${mallory}`);
    before = async () => undefined;
    const { findAccount } = bot.context;
    Object.assign(bot.context, {
      findAccount: async (name: UserId) => ({
        ...(await findAccount(name)),
        suspended: isSuspended,
      }),
    });
    await bot.take([message('$rest', `!takedown ${mallory}`)]);
    await bot.take([message('$yes2', '!confirm')]);
    // Whoever changes what a stop keeps back would test something else here.
    assert.deepEqual(calls, ['suspend', 'quarantine', ...steps]);
    canBeTakenBack();
    second = (await bot.store.operations.byEvent('$rest'))?.id ?? 0;
  });

  let second: number;
  const asked = async (event: string, line: string) =>
    JSON.stringify((await bot.take([message(event, line)])).sent);

  test('stays suspended if only the second is taken back, which says so and how to lift it', async () => {
    const [first] = (await bot.store.auditLog.search({ eventId: '$ask', limit: 10 })).toReversed();
    const text = await asked('$back', `!undo --operation ${second}`);
    expect(text).toContain(
      `${mallory} (keeps suspend, done before this operation by #${first?.id}; to lift it: !unsuspend ${mallory})`,
    );
    expect(text).not.toMatch(/Can’t be taken back: [^"]*suspend/u);
    await bot.take([message('$yes3', '!confirm')]);
    expect(isSuspended).toBe(true);
  });

  test('is free once both are taken back, the second first', async () => {
    await asked('$back', `!undo --operation ${second}`);
    await bot.take([message('$yes3', '!confirm')]);
    const text = await asked('$back2', '!undo --operation 1');
    expect(text).toContain(`unsuspend ${mallory}`);
    expect(text).not.toContain('was changed since');
    await bot.take([message('$yes4', '!confirm')]);
    expect(isSuspended).toBe(false);
  });

  test('is left to the second if only the first is taken back, with the line that lifts it', async () => {
    const text = await asked('$back', '!undo --operation 1');
    expect(text).toMatch(
      /@mallory:localhost was changed since: #\d+, takedown by @ben:localhost; to lift it all the same: !unsuspend @mallory:localhost/u,
    );
  });
});

test('what of a takedown somebody takes back by hand meanwhile does not keep the rest back', async () => {
  await takeDown();
  canBeTakenBack();
  await bot.take([message('$back', '!undo --operation 1')]);
  const { findAccount } = bot.context;
  const [pending] = await bot.store.confirmations.pending();
  let isByHand = false;
  Object.assign(bot.context, {
    async findAccount(name: UserId) {
      const { state } = (await bot.store.operations.get(pending?.id ?? 0)) ?? {};
      isByHand ||= state === 'running';
      return { ...(await findAccount(name)), deactivated: !isByHand };
    },
  });
  const { sent } = await bot.take([message('$yes2', '!confirm')]);
  expect(calls).toEqual(['unquarantine', 'unsuspend']);
  const text = JSON.stringify(sent);
  expect(text).toContain(`${mallory} (is not deactivated)`);
  expect(await bot.store.operations.running()).toEqual([]);
});

/** Something that Ana did to the account; returns its number. */
async function doneByAna(
  command: string,
  given: Readonly<Record<string, unknown>>,
  undo?: string,
): Promise<number> {
  return bot.store.transaction(async ({ auditLog }) => {
    const { now } = bot.clock;
    const id = await auditLog.begin(
      {
        actor: people.ana,
        command,
        arguments: given,
        target: mallory,
        eventId: `$${command}`,
        roomId: room,
      },
      now,
    );
    await auditLog.finish(id, { status: 'done', detail: undo === undefined ? {} : { undo } }, now);
    return id;
  });
}

/** Asks to take back the takedown; returns what is answered. */
async function askedBack(): Promise<string> {
  canBeTakenBack();
  return JSON.stringify((await bot.take([message('$back', '!undo --operation 1')])).sent);
}

test('the files that somebody has quarantined since stay quarantined', async () => {
  await takeDown();
  const newer = await doneByAna('quarantine', { user: mallory });
  expect(await askedBack()).toContain(
    `${mallory} (was changed since: #${newer}, quarantine by ${people.ana}; to lift it all the same: !unquarantine --user ${mallory})`,
  );
  await bot.take([message('$yes2', '!confirm')]);
  expect(calls).toEqual(['reactivate', 'unsuspend']);
});

describe('what a takedown leaves quarantined', () => {
  const lift = `unquarantine --user ${mallory}`;
  const file = { mediaId: 'a', safeFromQuarantine: false, sha256: null };
  /** A takedown of an account with one file that was quarantined before, and more. */
  async function takeDownWith(...more: readonly (typeof file & { quarantinedBy: null })[]) {
    Object.assign(bot.api.media, {
      async *all() {
        yield { ...file, mediaId: 'b', quarantinedBy: people.ana };
        yield* more;
      },
    });
    await takeDown();
  }

  test('is put down to who did it before, if it found all files quarantined', async () => {
    const earlier = await doneByAna('quarantine', { user: mallory }, lift);
    await takeDownWith();
    expect(await askedBack()).toContain(
      `${mallory} (keeps quarantine, done before this operation by #${earlier}; to lift it: !${lift})`,
    );
  });

  test('is not put down to somebody else, if it quarantined a part itself', async () => {
    await doneByAna('quarantine', { user: mallory }, lift);
    await takeDownWith({ ...file, quarantinedBy: null });
    const text = await askedBack();
    expect(text).not.toContain('keeps quarantine');
    expect(text).toMatch(/Can’t be taken back: [^"]*quarantine \(1\)/u);
  });
});

test('who suspended an account before is not named, if somebody lifted that by hand', async () => {
  await doneByAna('suspend', { accounts: [mallory] }, `unsuspend ${mallory}`);
  await doneByAna('unsuspend', { accounts: [mallory] });
  const { findAccount } = bot.context;
  Object.assign(bot.context, {
    findAccount: async (name: UserId) => ({ ...(await findAccount(name)), suspended: true }),
  });
  await takeDown();
  const text = await askedBack();
  expect(text).not.toContain('keeps suspend');
  expect(text).toMatch(/Was done already, so there is nothing to take back: [^"]*suspend \(1\)/u);
  expect(text).not.toMatch(/Can’t be taken back: [^"]*suspend/u);
});

test('what was done for a time before stays after a takedown: its timers are stopped, and the answer says so', async () => {
  const { findAccount } = bot.context;
  Object.assign(bot.context, {
    findAccount: async (name: UserId) => ({
      ...(await findAccount(name)),
      suspended: isSuspended,
      shadowBanned: false,
    }),
  });
  Object.assign(bot.api.users, { shadowBan: async () => undefined });
  await bot.take([message('$suspend', `!suspend ${mallory} --for 1h`)]);
  await bot.take([message('$other', `!shadow-ban ${mallory} --for 1h`)]);
  const [timer, other] = await bot.store.timers.scheduled();
  await bot.take([message('$ask', `!takedown ${mallory} --keep-account`)]);
  const said = JSON.stringify((await bot.take([message('$yes', '!confirm')])).sent);
  expect(other).toBeDefined();
  expect(await bot.store.timers.scheduled()).toEqual([other]);
  expect(said).toContain(`Timer ${timer?.id}, which would have run `);
  expect(said).toContain(`unsuspend ${mallory}`);
});

test('a deletion of files that fails when none is left has deleted all', async () => {
  let pages = 0;
  let total = 1;
  Object.assign(bot.api.media, {
    list: async () => ({ media: [], total }),
    async deletePage() {
      pages += 1;
      total = 0;
      if (pages > 1) {
        throw new HomeserverError(503, 'M_UNKNOWN', 'DELETE /media');
      }
      return ['a'];
    },
  });
  await bot.take([message('$ask', `!takedown ${mallory} --delete-media`)]);
  const said = JSON.stringify((await bot.take([message('$yes', '!confirm')])).sent);
  expect(said).toContain('deleted 1 file"');
  expect(said).toContain('5 of 5 steps done');
});
