import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Answer } from '../../../src/chat/answers/answer.ts';
import type { Invocation } from '../../../src/chat/command/invocation.ts';
import { HomeserverError, TargetError } from '../../../src/core/errors.ts';
import type { EventId, RoomId } from '../../../src/core/ids.ts';
import type { Attempt } from '../../../src/operations/execute/operation.ts';
import { outcomeReply } from '../../../src/operations/execute/outcome.ts';
import { openFuzzBot, people, registry } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  Object.assign(bot.api.users, { shadowBan: async () => undefined });
});
afterEach(async () => bot.store.close());

test.each([
  ['Ben', 'Asked by Ben (@ben:localhost)'],
  ['Ana (admin) · audit #1', 'Asked by “Ana (admin) · audit #1” (@ben:localhost)'],
  [people.ana, 'Asked by “@ana[:]localhost” (@ben:localhost)'],
])('whoever calls themselves %s, the ID says who asked', async (displayname, words) => {
  const { sent } = await bot.take([
    {
      type: 'm.room.member',
      event_id: '$name',
      state_key: people.ben,
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { membership: 'join', displayname },
    },
    {
      type: 'm.room.message',
      event_id: '$command',
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body: '!shadow-ban @mallory:localhost' },
    },
  ]);
  const [answer] = sent.map(({ outgoing }) => outgoing);
  expect(answer).toMatchObject({ kind: 'reply', reply: { status: 'done' } });
  expect(JSON.stringify(answer)).toContain(words);
});

/** The answer to a command of a rule that has ended like this. */
function answerTo(
  name: string,
  given: Invocation['arguments'],
  attempts: readonly Attempt[],
): Answer {
  const command = registry.find(name);
  if (command === undefined) {
    throw new TypeError(`there is no ${name}`);
  }
  const invocation: Invocation = {
    command: name,
    arguments: given,
    dryRun: false,
    actor: { kind: 'rule', name: 'spam' },
    origin: { event: '$command' as EventId, room: '!mod:localhost' as RoomId },
  };
  const about = { command, danger: 'destructive', confirmer: undefined, invocation } as const;
  return outcomeReply(bot.context, about, attempts).answer;
}

describe('what to do about the rooms in which it failed', () => {
  const [first, second] = ['!one:localhost', '!two:localhost'];

  function bodyOf(...advices: (string | undefined)[]): string {
    const answer = answerTo(
      'delete-room',
      { room: [first ?? '', second ?? ''] },
      advices.map((advice, at) => ({
        target: undefined,
        audit: undefined,
        status: 'failed',
        step: [first, second][at] ?? '',
        error:
          advice === undefined
            ? new HomeserverError(400, 'M_UNKNOWN', 'DELETE')
            : new TargetError('state', 'it failed', advice),
      })),
    );
    return JSON.stringify(answer.body);
  }

  test('stands below the list if it is the same in all of them, or a command', () => {
    expect(bodyOf('Do this.', 'Do this.')).toContain('Do this.');
    const search = bodyOf('It was so.', 'Use `!rooms --search NAME`.');
    expect(search).toContain('!rooms --search NAME');
    expect(search).not.toContain('It was so.');
  });

  test('is left out if it is about one of them', () => {
    expect(bodyOf('It was so.', 'Otherwise here.')).not.toMatch(/It was so|Otherwise here/u);
    expect(bodyOf('It was so.', undefined)).not.toContain('It was so.');
  });
});

describe('the last line', () => {
  function trailOf(...more: readonly Pick<Attempt, 'timer' | 'tookMs'>[]): string {
    const answer = answerTo(
      'takedown',
      { accounts: ['@mallory:localhost'] },
      more.map((one, at) => ({ target: undefined, audit: at + 1, status: 'done', ...one })),
    );
    return JSON.stringify(answer.body?.at(-1));
  }

  test('says how long one call took', () => {
    expect(trailOf({ tookMs: 412 })).toContain('412 ms');
  });

  test('does not say how long several took, which run side by side or after a restart', () => {
    expect(trailOf({ tookMs: 300 }, { tookMs: 112 })).not.toContain(' ms');
  });

  /** Timers that end something at these minutes, numbered from 20. */
  const ending = (...minutes: readonly number[]) =>
    minutes.map((minute, at) => ({
      timer: { id: 20 + at, runAt: Date.UTC(2026, 10, 28, 12, minute) },
    }));

  test('names a few timers, and a time that they share once', () => {
    expect(trailOf(...ending(5))).toContain('"until 2026-11-28 12:05 UTC, timer 20"');
    const trail = trailOf(...ending(5, 6, 5));
    expect(trail).toContain('"until 2026-11-28 12:05 UTC, timers 20, 22"');
    expect(trail).toContain('"until 2026-11-28 12:06 UTC, timer 21"');
  });
});
