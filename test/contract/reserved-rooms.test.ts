import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Argument } from '../../src/chat/command/arguments.ts';
import type { Command } from '../../src/chat/command/declaration.ts';
import { canChangeHomeserver, dangerOf } from '../../src/chat/command/properties.ts';
import { readArguments } from '../../src/chat/command/read-arguments.ts';
import { writeInvocation } from '../../src/chat/command/write-invocation.ts';
import { tokenize } from '../../src/chat/reading/tokenize.ts';
import type { RoomId } from '../../src/core/ids.ts';
import { runScheduled } from '../../src/operations/execute/run-scheduled.ts';
import { openFuzzBot, people, registry, room } from '../support/fuzz-bot.ts';
import type { FuzzBot, Outcome } from '../support/fuzz-bot.ts';
import { roomLists } from '../support/room-lists.ts';

const directRoom = '!direct:localhost' as RoomId;
const otherRoom = '!lobby:localhost' as RoomId;
/** The rooms that are direct rooms at the moment. */
const directRooms = new Set<RoomId>([directRoom]);

let bot: FuzzBot;
beforeAll(async () => {
  bot = await openFuzzBot({ isCalm: true });
  Object.assign(bot.context.services, {
    directRooms: {
      has: async (one: RoomId) => directRooms.has(one),
      among: async () => new Set<RoomId>(),
    },
  });
});
afterAll(async () => bot.store.close());

let events = 0;
/** What an admin of the room gets for a line. */
async function answerTo(line: string): Promise<Outcome & { readonly status: string | undefined }> {
  events += 1;
  bot.clock.now += 1000;
  const outcome = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$line${events}`,
      sender: people.ana,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body: `!${line}` },
    },
  ]);
  const [first] = outcome.sent.flatMap(({ outgoing }) =>
    outgoing.kind === 'reply' ? [outgoing.reply] : [],
  );
  return { ...outcome, status: first?.status };
}

/** Whether an argument holds a room, or is described as if it did. */
function mayNameRoom(key: string, { kind, description, options }: Argument): boolean {
  const words = `${key} ${description} ${options.placeholder ?? ''}`;
  return (
    kind === 'room' ||
    kind === 'target' ||
    kind === 'event' ||
    ((kind === 'text' || kind === 'word') &&
      /(?:which|whose|this|in) room|\balias|whole id/iu.test(words))
  );
}

const cases = registry.all.flatMap((command) =>
  Object.entries(command.args)
    .filter(([key, argument]) => mayNameRoom(key, argument))
    .map(([key, argument]) => ({ command, name: command.name, key, argument })),
);

/** The command's example with another room in one argument. */
function lineWith(
  command: Command,
  key: string,
  argument: Argument,
  named: RoomId,
  dryRun = false,
): string {
  const context = { serverName: 'localhost', now: bot.clock.now, prefix: '!' };
  const [, ...tokens] = tokenize(command.example);
  const { values } = readArguments(command, tokens, context);
  const given = Object.fromEntries(
    Object.entries(values).filter(
      ([name, value]) =>
        // What the flag stands for is not given as well.
        value !== undefined && command.args[name]?.options.unless?.includes(key) !== true,
    ),
  );
  const value = argument.kind === 'event' ? { room: named, event: '$message' } : named;
  return writeInvocation(command, {
    arguments: { ...given, [key]: value } as never,
    dryRun,
  });
}

test('there are commands that name rooms', () => {
  expect(cases.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['join', 'room', 'members', 'redact', 'delete-room', 'block-room']),
  );
});

describe.each(cases)('$name, $key', ({ command, key, argument }) => {
  test('does not reach a direct room', async () => {
    for (const dryRun of command.danger === 'read' ? [false] : [false, true]) {
      const line = lineWith(command, key, argument, directRoom, dryRun);
      const { status, changes, redacted, sent } = await answerTo(line);
      expect({ line, status }).toEqual({ line, status: 'protected' });
      expect([...changes, ...redacted]).toEqual([]);
      const isReassuring = JSON.stringify(sent).includes('Nothing was changed');
      expect(isReassuring && command.danger === 'read').toBe(false);
    }
    expect(await bot.store.confirmations.pending()).toEqual([]);
  });

  test('changes nothing in the management room', async () => {
    const line = lineWith(command, key, argument, room);
    const [, ...tokens] = tokenize(command.example);
    const context = { serverName: 'localhost', now: bot.clock.now, prefix: '!' };
    const isRead = dangerOf(command, readArguments(command, tokens, context).values) === 'read';
    const { status, changes, redacted } = await answerTo(line);
    // Its members see what commands say about it anyway, and a note or a tag does nothing to it.
    const isAllowed = isRead || !canChangeHomeserver(command);
    expect({ line, isProtected: status === 'protected' }).toEqual({
      line,
      isProtected: !isAllowed,
    });
    expect([...changes, ...redacted]).toEqual([]);
  });
});

test('lists of rooms leave direct rooms out, and say so', async () => {
  const lists = await roomLists(registry);
  const careful = lists.filter(
    ({ source }) =>
      /\b(?:pageWithoutDirectRooms|withoutDirectRooms)\(/u.test(source) &&
      /\bunlistedRooms\(/u.test(source),
  );
  const names = (found: typeof lists) => found.map(({ command }) => command.name);
  expect(names(careful)).toEqual(names(lists));
  expect(names(lists)).toEqual(expect.arrayContaining(['joined-rooms', 'memberships', 'rooms']));
});

test('a room that becomes a direct room after it was asked about is refused at the confirmation', async () => {
  // Some of the random answers say that the room is already being deleted.
  let asked = await answerTo(`delete-room ${otherRoom} --reason spam`);
  for (let tries = 0; tries < 20 && asked.status !== 'pending'; tries += 1) {
    asked = await answerTo(`delete-room ${otherRoom} --reason spam`);
  }
  expect(asked.status).toBe('pending');
  directRooms.add(otherRoom);
  try {
    const confirmed = await answerTo('confirm');
    expect(confirmed.changes).toEqual([]);
    expect(await bot.store.confirmations.pending()).toEqual([]);
    const said = JSON.stringify(confirmed.sent);
    expect(said).toContain('where I send one person secrets');
  } finally {
    directRooms.delete(otherRoom);
  }
});

test('a timer reaches it no more than a person', async () => {
  const origin = { eventId: '$command', roomId: room };
  const at = bot.clock.now;
  const id = await bot.store.transaction(async ({ auditLog, timers }) => {
    const askedBy = people.ben;
    const intent = { actor: askedBy, command: 'block-room', arguments: {}, ...origin };
    const intentId = await auditLog.begin(intent, at);
    const line = `unblock-room ${directRoom}`;
    return timers.add({ line, runAt: at, askedBy, intentId, ...origin, createdAt: at });
  });
  const timer = await bot.store.operations.get(id);
  const { changes } = await bot.run(async () => {
    expect(timer && (await runScheduled(bot.context, timer))).toBe('ended');
  });
  expect(changes).toEqual([]);
});
