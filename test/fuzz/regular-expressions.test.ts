import { expect, test } from 'vitest';

import { untrustedText, visible } from '../../src/chat/answers/untrusted-text.ts';
import type { Command } from '../../src/chat/command/declaration.ts';
import { loadCommands } from '../../src/chat/command/load-commands.ts';
import { argumentsOf } from '../../src/chat/command/properties.ts';
import { readArguments } from '../../src/chat/command/read-arguments.ts';
import { createRegistry } from '../../src/chat/command/registry.ts';
import { quote, tokenize } from '../../src/chat/reading/tokenize.ts';
import { readReference, readUser } from '../../src/chat/reading/values.ts';
import { readDuration } from '../../src/core/duration.ts';
import { HomeserverError } from '../../src/core/errors.ts';
import {
  parseEventId,
  parseMxcUri,
  parseRoomAlias,
  parseRoomId,
  parseUserId,
} from '../../src/core/ids.ts';
import type { UserId } from '../../src/core/ids.ts';
import { cut } from '../../src/core/text.ts';
import { eventId, roomId, userId } from '../../src/homeserver/decode.ts';
import { apiNames, escapeHtml, render } from '../../src/matrix/delivery/content.ts';
import {
  readFormatted,
  saysWhatIsShown,
  withPillsIn,
  withoutReplyFallback,
} from '../../src/matrix/sync/html-text.ts';
import { redactText } from '../../src/observability/log.ts';
import { createRoles } from '../../src/operations/authorize/authorize.ts';
import type { Message } from '../../src/operations/management-room.ts';
import { commandLineIn } from '../../src/operations/parse/command-line.ts';
import { canDecide, signOfReaction } from '../../src/operations/parse/decision-word.ts';
import { holdsSecret } from '../../src/operations/parse/secret.ts';

const registry = createRegistry(await loadCommands());
const settings = { prefix: '!', botUser: '@lawspeaker:localhost' as UserId };

/** Where text of strangers meets a regular expression, or anything else that could walk it twice. */
const readers: Readonly<Record<string, (text: string) => unknown>> = {
  tokenize,
  quote,
  visible,
  escapeHtml,
  cut: (text) => cut(text, 60),
  untrustedText: (text) => untrustedText(text),
  withoutReplyFallback,
  readFormatted,
  'a link': (text) => readFormatted(`<a href="${text}">${text}</a>`),
  saysWhatIsShown: (text) => saysWhatIsShown(text, { text: `${text}.`, listed: `${text}.` }),
  withPillsIn: (text) => withPillsIn(text, [{ label: 'a', text: '@a:x' }]),
  redactText,
  readReference,
  readDuration,
  apiNames: (text) => apiNames({ [text]: 1 }),
  readUser: (text) => readUser(text, 'localhost'),
  ids: (text) =>
    [parseUserId, parseRoomId, parseRoomAlias, parseEventId, parseMxcUri].map((one) => one(text)),
  'decoded ids': (text) => [userId, roomId, eventId].map((one) => one.safeParse(text)),
  commandLineIn: (text) => commandLineIn(text, { settings, registry }),
  holdsSecret: (text) => holdsSecret(text, text),
  canDecide: (text) => canDecide({ kind: 'message', text, replyTo: '$confirmation' } as Message),
  signOfReaction,
  errcode: (text) => new HomeserverError(400, text, 'GET /'),
  guess: (text) => registry.guess(text),
  render: (text) =>
    render({ mark: 'ℹ️', title: [text], body: [{ kind: 'list', items: [[text]] }] }, '!'),
  'protected globs': (text) => protection(text),
  ...Object.fromEntries(
    ['deactivate', 'create-user', 'reports', 'federation'].map((name) => [
      `arguments of ${name}`,
      (text: string) => readAll(name, text),
    ]),
  ),
};

function readAll(name: string, text: string): unknown {
  const command = registry.find(name) as Command;
  const context = { serverName: 'localhost', now: 0, prefix: '!' };
  const key = Object.entries(argumentsOf(command)).find(([, { place }]) => place === 'flag')?.[0];
  return [text, `--${key}=${text}`].map((line) => {
    try {
      const { values } = readArguments(command, tokenize(line), context);
      return command.check?.(values, { now: 0, prefix: '!' });
    } catch {
      return undefined;
    }
  });
}

const { protection } = (() => {
  const roles = createRoles({
    settings: {
      viewer: { powerLevel: 0, users: [] },
      moderator: { powerLevel: 50, users: [] },
      admin: { powerLevel: 100, users: [] },
      commands: {},
    },
    members: {
      isJoined: () => false,
      powerLevel: () => 0,
      protectedLevel: () => undefined,
      displayName: () => null,
      joined: () => [],
    },
    isBot: (user) => user === settings.botUser,
    protectedUsers: ['@*-*-*:*.example', '@*a*a*:localhost'],
  });
  return {
    // An ID has 255 bytes at most, but those of other servers are not looked at.
    protection: (text: string) =>
      roles.protection({ name: `@${text}`, admin: false } as Parameters<
        typeof roles.protection
      >[0]),
  };
})();

/** Pieces that are repeated; what stands before and behind lets patterns begin, and fail late. */
const pieces = [
  'a',
  ' ',
  '\n',
  '-',
  '—',
  '=',
  '"',
  "'",
  '“',
  '\\',
  ':',
  '@',
  '/',
  '$',
  '%24',
  '.',
  '<',
  '>',
  '&',
  '`',
  '_',
  '\u200D',
  '\u202E',
  '👩\u200D',
  '\u0301',
  '0',
  '!',
  '*',
  'a-',
  'a.',
  ' a',
  '= ',
  'a"',
  '="',
  '=“',
  "='",
  '\\"',
  '<b>',
  '</b>',
  '</x>',
  '<p>',
  '<a href="',
  '<!--',
  '&amp',
  '--password ',
  '-password=',
  'reset-password ',
  'syt_',
  'Bearer ',
  '"password":"',
  '\\"token',
  '"token" : ',
  'access_token=',
  'matrix.to/#/',
  'matrix:u/',
  'mxc://',
  'www',
  '://',
  '> <@',
  '<b></x>',
  '<a href="https://matrix.to/#/@a:b">',
  '--reason=',
  'A1.',
  'aA',
  '{"x":',
  '[::1]',
];
const starts = ['', '!deactivate ', '@'];
const ends = ['', '\u0000'];

/** Reading arguments is slow enough that only words and flags are tried there. */
const argumentPieces = ['a', ' a', '-', '— ', '@a:b ', '--reason=', '"" ', '-- ', '\\', "'"];

/** Of this thread's own CPU, the best of several: others use the machine too. */
function bestMs(work: () => unknown, times: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let at = 0; at < times; at += 1) {
    const before = process.threadCpuUsage();
    try {
      work();
    } catch {
      // Refusing is an answer too.
    }
    const { user, system } = process.threadCpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

/** What an event can hold at most. */
const longest = 65_536;
const factor = 4;
/** Linear is 4, quadratic 16; what is over in a moment needs no measuring. */
const maxGrowth = 10;
const momentMs = 50;

/** How long the longest takes, and how long a part of it. */
function measure(work: (length: number) => () => unknown, times: number): [number, number] {
  return [bestMs(work(longest), times), bestMs(work(longest / factor), times)];
}

const textOf = (start: string, piece: string, end: string, length: number) =>
  start + piece.repeat(Math.ceil(length / piece.length)) + end;

test.each(Object.entries(readers))(
  '%s takes time in proportion to the text',
  (name, read) => {
    const slow: string[] = [];
    for (const piece of name.startsWith('arguments') ? argumentPieces : pieces) {
      for (const start of starts) {
        for (const end of ends) {
          const work = (length: number) => () => read(textOf(start, piece, end, length));
          // Were this quadratic, the longest would still be over in a moment.
          const isQuick = (part: number) => bestMs(work(longest / part), 1) < momentMs / part ** 2;
          if (isQuick(factor ** 2) || isQuick(factor)) {
            continue;
          }
          let [long, short] = measure(work, 1);
          if (long > momentMs && long / short > maxGrowth) {
            // It may have been the garbage of others.
            [long, short] = measure(work, 8);
          }
          if (long > momentMs && long / short > maxGrowth) {
            slow.push(`${start}${piece}…${end}: ${short.toFixed(1)} to ${long.toFixed(1)} ms`);
          }
        }
      }
    }
    expect(slow).toEqual([]);
  },
  60_000,
);
