import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { newUser } from '../support/homeserver.ts';
import { openCrashRoom } from './crash-room.ts';
import type { CrashRoom, Deaths } from './crash-room.ts';
import { change, deactivation, look, refused } from './story.ts';
import type { Said } from './story.ts';
import { createCheck } from './violations.ts';

// A kill takes two seconds; the machine may have other things to do.
vi.setConfig({ testTimeout: 60_000 });

let common: CrashRoom;

beforeAll(async () => {
  common = await openCrashRoom('admin', { losesPower: true });
});

afterAll(async () => common.close());

type Story = (...people: string[]) => Promise<Said[]>;

const stories = {
  change: async (one: string) => change(common, one),
  code: async (one: string) => deactivation(common, 'confirm', one),
  reaction: async (one: string) => deactivation(common, 'react', one),
  cancel: async (one: string) => deactivation(common, 'cancel', one),
  batch: async (one: string, two: string) => deactivation(common, 'confirm', one, two),
  read: async (one: string) => look(common, one),
  refused: async () => refused(common),
} satisfies Record<string, Story>;

/** What there is to say of a story in the end. */
interface End {
  /** Of the first command. */
  readonly status: string | undefined;
  readonly died: readonly string[];
  readonly violations: readonly string[];
}

/** Tells a story with new accounts while the bot dies at these points. */
async function endOf(story: Story, deaths: Deaths, room: CrashRoom = common): Promise<End> {
  const people = await Promise.all([newUser('mallory'), newUser('mallory')]);
  const check = createCheck(room, {
    afterPowerCut: deaths.some(({ cutsPower }) => cutsPower === true),
  });
  const { result, died } = await room.tell(deaths, async () =>
    story(...people.map(({ userId }) => userId)),
  );
  const [command] = result;
  return {
    status: room.ana.answersTo(command?.event ?? '')[0]?.field.status,
    died,
    violations: await check(result),
  };
}

// What each of these transactions writes, which is how the kill switch names them.
const handled = 'inbox+outbox';
const confirmation = 'inbox+operations+outbox';
const intent = 'audit_log+inbox+operation_targets+operations';
const confirmedIntent = 'audit_log+inbox+operation_targets+operations';
// Both intents of a batch of two are committed with its start.
const firstOutcome = 'audit_log+operation_targets';
const outcome = 'audit_log+operation_targets+operations+outbox';
const cancellation = 'operations+outbox';
const refusal = 'audit_log+inbox+outbox';

interface Case {
  readonly boundary: string;
  readonly story: keyof typeof stories;
  readonly at: string;
  readonly since?: string;
  /** What the first command ends as. `failed` where it was certainly not carried out. */
  readonly ends: string;
}

const cases: readonly Case[] = [
  { boundary: 'event received', story: 'change', at: 'before commit inbox 1', ends: 'done' },
  { boundary: 'inbox committed', story: 'change', at: 'after commit inbox 1', ends: 'done' },
  {
    boundary: 'sync token to be moved',
    story: 'change',
    since: 'after commit inbox 1',
    at: 'before commit sync_state 1',
    ends: 'done',
  },
  {
    boundary: 'sync token moved',
    story: 'change',
    since: 'after commit inbox 1',
    at: 'after commit sync_state 1',
    ends: 'done',
  },
  { boundary: 'no intent yet', story: 'change', at: `before commit ${intent} 1`, ends: 'done' },
  { boundary: 'intent committed', story: 'change', at: `after commit ${intent} 1`, ends: 'failed' },
  { boundary: 'request to be sent', story: 'change', at: 'before POST admin 1', ends: 'failed' },
  { boundary: 'response received', story: 'change', at: 'after POST admin 1', ends: 'done' },
  { boundary: 'no outcome yet', story: 'change', at: `before commit ${outcome} 1`, ends: 'done' },
  { boundary: 'outcome committed', story: 'change', at: `after commit ${outcome} 1`, ends: 'done' },
  { boundary: 'answer to be sent', story: 'change', at: 'before PUT send 1', ends: 'done' },
  { boundary: 'answer sent', story: 'change', at: 'after PUT send 1', ends: 'done' },
  { boundary: 'answer remembered', story: 'change', at: 'after commit outbox 1', ends: 'done' },

  {
    boundary: 'no confirmation yet',
    story: 'code',
    at: `before commit ${confirmation} 1`,
    ends: 'done',
  },
  { boundary: 'prompt to be sent', story: 'code', at: 'before PUT send 1', ends: 'done' },
  { boundary: 'prompt sent', story: 'code', at: 'after PUT send 1', ends: 'done' },
  {
    boundary: 'confirmation not used yet',
    story: 'code',
    at: `before commit ${confirmedIntent} 1`,
    ends: 'done',
  },
  {
    boundary: 'confirmation used, intent committed',
    story: 'code',
    at: `after commit ${confirmedIntent} 1`,
    ends: 'failed',
  },
  { boundary: 'request to be sent', story: 'code', at: 'before POST admin 1', ends: 'failed' },
  { boundary: 'response received', story: 'code', at: 'after POST admin 1', ends: 'done' },
  { boundary: 'outcome committed', story: 'code', at: `after commit ${outcome} 1`, ends: 'done' },
  {
    boundary: 'edit sent',
    story: 'code',
    since: `after commit ${outcome} 1`,
    at: 'after PUT send 1',
    ends: 'done',
  },
  {
    boundary: '!confirm not answered yet',
    story: 'code',
    at: `before commit ${handled} 1`,
    ends: 'done',
  },

  { boundary: 'prompt sent', story: 'reaction', at: 'after PUT send 1', ends: 'done' },
  { boundary: 'reaction committed', story: 'reaction', at: 'after commit inbox 2', ends: 'done' },
  {
    boundary: 'confirmation used',
    story: 'reaction',
    at: `after commit ${confirmedIntent} 1`,
    ends: 'failed',
  },
  {
    boundary: 'reaction not ended yet',
    story: 'reaction',
    at: 'before commit inbox 3',
    ends: 'done',
  },

  {
    boundary: 'not cancelled yet',
    story: 'cancel',
    at: `before commit ${cancellation} 1`,
    ends: 'cancelled',
  },
  {
    boundary: 'cancelled',
    story: 'cancel',
    at: `after commit ${cancellation} 1`,
    ends: 'cancelled',
  },

  {
    boundary: 'first response received',
    story: 'batch',
    at: 'after POST admin 1',
    ends: 'done',
  },
  {
    boundary: 'first outcome committed',
    story: 'batch',
    at: `after commit ${firstOutcome} 1`,
    ends: 'done',
  },
  { boundary: 'second response received', story: 'batch', at: 'after POST admin 2', ends: 'done' },

  {
    boundary: 'answer not stored yet',
    story: 'read',
    at: `before commit ${handled} 1`,
    ends: 'done',
  },
  { boundary: 'answer sent', story: 'read', at: 'after PUT send 1', ends: 'done' },

  {
    boundary: 'refusal not recorded yet',
    story: 'refused',
    at: `before commit ${refusal} 1`,
    ends: 'protected',
  },
  {
    boundary: 'refusal recorded',
    story: 'refused',
    at: `after commit ${refusal} 1`,
    ends: 'protected',
  },
];

describe('kill -9 at a boundary', () => {
  it.each(cases)('$story: $boundary ($at): $ends', async ({ story, at, since, ends }) => {
    expect(await endOf(stories[story], [{ at, since }])).toEqual({
      status: ends,
      died: [at],
      violations: [],
    });
  });
});

describe('the power fails, and what was not synced to the disk is lost', () => {
  it.each([
    { boundary: 'inbox committed', story: 'change', at: 'after commit inbox 1', ends: 'done' },
    {
      boundary: 'sync token moved',
      story: 'change',
      since: 'after commit inbox 1',
      at: 'after commit sync_state 1',
      ends: 'done',
    },
    { boundary: 'request to be sent', story: 'change', at: 'before POST admin 1', ends: 'failed' },
    { boundary: 'response received', story: 'change', at: 'after POST admin 1', ends: 'done' },
    {
      boundary: 'outcome committed',
      story: 'change',
      at: `after commit ${outcome} 1`,
      ends: 'done',
    },
    { boundary: 'answer sent', story: 'change', at: 'after PUT send 1', ends: 'done' },
    { boundary: 'answer remembered', story: 'change', at: 'after commit outbox 1', ends: 'done' },
    { boundary: 'prompt sent', story: 'code', at: 'after PUT send 1', ends: 'done' },
    { boundary: 'response received', story: 'code', at: 'after POST admin 1', ends: 'done' },
    { boundary: 'answer sent', story: 'read', at: 'after PUT send 1', ends: 'done' },
  ] satisfies Case[])(
    '$story: $boundary ($at): $ends',
    async ({ story, at, since, ends }: Case) => {
      expect(await endOf(stories[story], [{ at, since, cutsPower: true }])).toEqual({
        status: ends,
        died: [at],
        violations: [],
      });
    },
  );
});

describe('kill -9 while the homeserver has the request', () => {
  it('the homeserver has done it, and its answer reaches nobody: known to be done', async () => {
    const call = common.gate.meet('POST', /\/shadow_ban$/);
    const cutOff = async () => {
      const passage = await call;
      await passage.forward();
      await common.kill();
      passage.drop();
    };
    const end = await endOf(
      async (one = '') => (await Promise.all([change(common, one), cutOff()]))[0],
      [{}],
    );
    expect(end).toMatchObject({ status: 'done', violations: [] });
    expect(end.died).toHaveLength(1);
  });

  it('the request never arrived: known not to be done', async () => {
    const call = common.gate.meet('POST', /\/shadow_ban$/);
    const cutOff = async () => {
      const passage = await call;
      await common.kill();
      passage.drop();
    };
    const end = await endOf(
      async (one = '') => (await Promise.all([change(common, one), cutOff()]))[0],
      [{}],
    );
    expect(end).toMatchObject({ status: 'failed', violations: [] });
    expect(end.died).toHaveLength(1);
  });
});

describe('kill -9 again while the bot recovers', () => {
  it.each([
    { again: `before commit ${outcome} 1`, first: 'after POST admin 1', ends: 'done' },
    { again: `after commit ${outcome} 1`, first: 'after POST admin 1', ends: 'done' },
    { again: 'after PUT send 1', first: 'after POST admin 1', ends: 'done' },
    { again: `after commit ${outcome} 1`, first: 'before POST admin 1', ends: 'failed' },
  ])('$first, then $again: $ends', async ({ first, again, ends }) => {
    expect(await endOf(stories.code, [{ at: first }, { at: again }])).toEqual({
      status: ends,
      died: [first, again],
      violations: [],
    });
  });
});

describe('a decision comes before the bot knows that its confirmation has arrived', () => {
  let room: CrashRoom;
  beforeAll(async () => {
    room = await openCrashRoom('all');
  });
  afterAll(async () => room.close());

  it.each(['react', 'yes'])('by %s: it counts', async (how) => {
    const { ana, ben, gate, id } = room;
    const story = async (one = ''): Promise<Said[]> => {
      const text = `!deactivate ${one}`;
      const event = await ana.say(text);
      const confirmation = await ana.answerTo(event);
      const sentAgain = gate.meet('PUT', /\/send\//u);
      const decision =
        how === 'react'
          ? await ben.react(id, confirmation.event, '✅')
          : await ben.send(id, 'm.room.message', {
              msgtype: 'm.text',
              body: how,
              'm.relates_to': { 'm.in_reply_to': { event_id: confirmation.event } },
            });
      const passage = await sentAgain;
      // Its answer tells that the decision has come in as well.
      await ana.ask('!version');
      await passage.forward();
      passage.answer();
      await ana.outcomeOf(confirmation, 'done');
      const asked: Said = { text, event, kind: 'confirmed', targets: [one] };
      return how === 'react'
        ? [asked]
        : [asked, { text: how, event: decision, kind: 'decision', targets: [], decides: event }];
    };
    const at = 'after PUT send 1';
    expect(await endOf(story, [{ at }], room)).toEqual({
      status: 'done',
      died: [at],
      violations: [],
    });
  });
});
