import assert from 'node:assert/strict';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { argumentsOf, canChange } from '../../src/chat/command/properties.ts';
import { botUser, openFuzzBot, people, registry, room } from '../support/fuzz-bot.ts';
import {
  anyJson,
  anyNumber,
  commandLine,
  fuzzing,
  fuzzTimeoutMs,
  hostileText,
  mostly,
  report,
  seldom,
} from '../support/hostile.ts';

const names = registry.all.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
/** `confirm` and `undo` lead to changes of other commands. */
const changing = registry.all
  .filter((command) => canChange(command) || ['confirm', 'undo', 'more'].includes(command.name))
  .flatMap(({ name, aliases = [] }) => [name, ...aliases]);

/** Well-formed, and with something behind it. */
const example = fc
  .tuple(fc.constantFrom(...registry.all), seldom(hostileText, 4))
  .map(
    ([command, rest]) =>
      `!${command.example.replaceAll('example.com', 'localhost')}${typeof rest === 'string' ? ` ${rest}` : ''}`,
  );

/** What is done at once, so that enough is done. */
const change = fc
  .constantFrom(...registry.all.filter(({ danger }) => danger === 'change'))
  .map(({ example: typed }) => `!${typed.replaceAll('example.com', 'localhost')}`);

const body = fc.oneof(
  { weight: 4, arbitrary: example },
  { weight: 6, arbitrary: commandLine(names) },
  { weight: 3, arbitrary: hostileText },
  { weight: 1, arbitrary: fc.constantFrom('yes', 'no', 'constructor', '__proto__', '!confirm') },
);

const formatted = fc.oneof(
  body.map((text) => `<p>${text}</p>`),
  body.map((text) => text.replace(/@\w+:localhost/u, '<a href="https://matrix.to/#/$&">X</a>')),
  hostileText,
);

const relation = fc.record(
  {
    rel_type: mostly(fc.constantFrom('m.thread', 'm.replace', 'm.annotation'), 4),
    event_id: mostly(fc.constantFrom('$sent1', '$event1', '$sent7')),
    'm.in_reply_to': mostly(
      fc.record({ event_id: mostly(fc.integer({ min: 1, max: 60 }).map((at) => `$sent${at}`)) }),
    ),
  },
  { requiredKeys: [] },
);

/** Well-formed, and never a command: an emote, a caption or an edit. */
const lookalike = fc.oneof(
  fc.record({
    msgtype: fc.constantFrom('m.emote', 'm.image'),
    filename: fc.constant('cat.png'),
    body,
  }),
  body.map((text) => ({
    msgtype: 'm.text',
    body: `* ${text}`,
    'm.new_content': { msgtype: 'm.text', body: text },
    'm.relates_to': { rel_type: 'm.replace', event_id: '$event1' },
  })),
);

const argument = fc.oneof(
  fc.constantFrom('@mallory:localhost', '!lobby:localhost', 'true', '', '--erase', null, true, 7),
  hostileText,
  anyJson,
  fc.array(fc.constantFrom('@mallory:localhost', '@root:localhost')),
);

/** A command that a client sends as a field. */
const structured = fc.constantFrom(...registry.all).chain((command) =>
  fc.record({
    msgtype: fc.constant('m.text'),
    body: fc.oneof(fc.constant(`/${command.name}`), body),
    'm.mentions': mostly(fc.constant({ user_ids: [botUser] })),
    'org.matrix.msc4391.command': mostly(
      fc.record({
        command: mostly(fc.constant(command.name)),
        arguments: mostly(
          fc.dictionary(
            fc.oneof(
              fc.constantFrom(...Object.keys(argumentsOf(command)), '__proto__'),
              hostileText,
            ),
            argument,
            { maxKeys: 4 },
          ),
        ),
      }),
    ),
  }),
);

const content = fc.oneof(
  { weight: 5, arbitrary: structured },
  {
    weight: 12,
    arbitrary: fc.record(
      {
        msgtype: mostly(fc.constantFrom('m.text', 'm.text', 'm.text', 'm.notice', 'm.emote'), 30),
        body: mostly(body, 30),
        format: mostly(fc.constant('org.matrix.custom.html')),
        formatted_body: mostly(formatted),
        'm.relates_to': seldom(mostly(relation), 2),
        'm.new_content': seldom(anyJson),
      },
      { requiredKeys: ['msgtype', 'body', 'm.relates_to', 'm.new_content'] },
    ),
  },
  {
    weight: 12,
    arbitrary: fc.record({ msgtype: fc.constant('m.text'), body: commandLine(names) }),
  },
  { weight: 4, arbitrary: fc.record({ msgtype: fc.constant('m.text'), body: change }) },
  { weight: 2, arbitrary: lookalike },
  { weight: 2, arbitrary: anyJson },
);

/** Without an ID: each case has one of its own, unless the sender makes it up. */
const event = fc.record({
  event_id: seldom(anyJson, 25),
  type: mostly(fc.constant('m.room.message'), 25),
  sender: mostly(fc.constantFrom(...Object.values(people), people.ana, people.ana), 25),
  origin_server_ts: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: -10_000, max: 1000 }) },
    { weight: 1, arbitrary: fc.constant(-3_600_000) },
    { weight: 1, arbitrary: anyNumber },
  ),
  content,
  state_key: seldom(anyJson, 25),
  unsigned: seldom(fc.oneof(anyJson, fc.record({ redacted_because: anyJson }))),
});

/** A member of what may be no object. */
const get = (value: unknown, name: string): unknown =>
  (value as Record<string, unknown> | null | undefined)?.[name];

/** Judged by the rules in words, and by nothing of the bot's own code. */
function mayChange(raw: object): boolean {
  const sent = get(raw, 'content');
  const field = get(get(sent, 'org.matrix.msc4391.command'), 'command');
  const texts = [get(sent, 'body'), get(sent, 'formatted_body'), field].map((text) =>
    typeof text === 'string' ? text.toLowerCase() : '',
  );
  return (
    get(raw, 'type') === 'm.room.message' &&
    get(raw, 'state_key') === undefined &&
    get(sent, 'msgtype') === 'm.text' &&
    get(sent, 'm.new_content') === undefined &&
    get(get(sent, 'm.relates_to'), 'rel_type') !== 'm.replace' &&
    get(get(raw, 'unsigned'), 'redacted_because') === undefined &&
    (get(raw, 'sender') === people.ana || get(raw, 'sender') === people.ben) &&
    (texts.some((text) => changing.some((name) => text.includes(name))) ||
      /^\s*yes/iu.test(texts[0] ?? ''))
  );
}

test(
  'no message crashes the bot, does what its sender may not, or breaks out of an answer',
  async () => {
    const bot = await openFuzzBot();
    const seen = { cases: 0, changes: 0, answers: 0, done: 0, denied: 0, usage: 0, removed: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 3 }), async (events) => {
        seen.cases += 1;
        bot.clock.now += 30_000;
        const raw = events.map((one, at) => ({
          ...one,
          event_id: one.event_id ?? `$event${seen.cases}-${at}`,
          origin_server_ts:
            Math.abs(one.origin_server_ts) < 1e7
              ? bot.clock.now + one.origin_server_ts
              : one.origin_server_ts,
        }));
        const { changes, redacted, sent } = await bot.take(raw);
        assert.ok(changes.length === 0 || raw.some(mayChange), `not allowed: ${changes.join()}`);
        assert.ok(
          redacted.length === 0 || /syt_|password|create-user/u.test(JSON.stringify(raw)),
          'removed what held no secret',
        );
        seen.changes += changes.length;
        seen.removed += redacted.length;
        for (const { outgoing } of sent) {
          if ('reply' in outgoing) {
            const { status } = outgoing.reply;
            assert.equal(outgoing.origin.room, room);
            seen.answers += 1;
            seen.done += Number(status === 'done');
            seen.denied += Number(status === 'denied');
            seen.usage += Number(status === 'usage');
          }
        }
        if (seen.cases % 20 === 0) {
          await bot.expireConfirmations();
        }
      }),
      { ...fuzzing, asyncReporter: async (run) => report(run) },
    );
    // It was no fuzzing where nothing had come through.
    expect(Object.entries(seen).filter(([, times]) => times < 50)).toEqual([]);
    expect(await bot.context.services.audit.verify()).toMatchObject({ fault: undefined });
    await bot.store.close();
  },
  fuzzTimeoutMs,
);
