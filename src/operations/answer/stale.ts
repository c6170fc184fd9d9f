import { bold, code, line } from '../../chat/answers/answer.ts';
import { ago, span } from '../../chat/answers/phrases.ts';
import { cut } from '../../core/text.ts';
import { nameOf } from '../execute/outcome.ts';
import type { House } from '../house.ts';
import type { Incoming, Message } from '../message.ts';
import { originOf } from '../message.ts';
import { commandLineIn } from '../parse/command-line.ts';
import { post } from './reply.ts';
import type { Reply } from './reply.ts';

/** Sent so long ago that whoever sent it has gone on without us. */
export function isStale(house: House, { sentAt }: Pick<Incoming, 'sentAt'>): boolean {
  return house.now() - sentAt > house.settings.maxAgeMs;
}

/** So many stale commands at once are answered together. */
const fewStale = 3;

/**
 * Answers many stale commands in one message, which replies to the last of them. Returns what is left
 * to be handled one by one.
 */
export async function withoutStale(house: House, taken: readonly Incoming[]): Promise<Incoming[]> {
  const stale = taken.filter(
    (one): one is Message =>
      one.kind === 'message' && commandLineIn(one.text, house) !== undefined && isStale(house, one),
  );
  const last = stale.at(-1);
  if (last === undefined || stale.length <= fewStale) {
    return [...taken];
  }
  const now = house.now();
  const shown = stale.slice(-20);
  const reply: Reply = {
    command: '',
    status: 'stale',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [bold(`${stale.length} commands not done: `), 'I was away when they were sent'],
      body: [
        line('Nothing was changed. Send again what is still wanted. The last ones:'),
        {
          kind: 'list',
          items: shown.map((one) => [
            code(cut(one.text, 100)),
            ` by ${nameOf(house, one.sender)}, ${ago(one.sentAt, now)}`,
          ]),
        },
      ],
      data: { events: stale.map(({ event }) => event) },
    },
  };
  await house.store.transaction(async (tables) => {
    await post(house, tables, 'answer', { kind: 'reply', origin: originOf(last), reply });
    for (const { event } of stale) {
      await tables.inbox.handled(event, now);
    }
  });
  house.deliver(last.event);
  const folded = new Set<Incoming>(stale);
  return taken.filter((one) => !folded.has(one));
}

/** The answer to a command that was sent before the database in use then was restored or lost. */
export function lostTimeReply(commandLine: string): Reply {
  return {
    command: (commandLine.split(/\s/u, 1)[0] ?? '').slice(0, 40),
    status: 'stale',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [bold('Not done now: '), 'my database was restored or lost after this was sent'],
      body: [
        line(
          'I can’t tell whether it was begun before. Look first, and send it again if it is still wanted.',
        ),
      ],
    },
  };
}

/** The answer to one stale command. */
export function staleReply(house: House, message: Message, commandLine: string): Reply {
  const age = span(house.now() - message.sentAt);
  return {
    command: (commandLine.split(/\s/u, 1)[0] ?? '').slice(0, 40),
    status: 'stale',
    audit: [],
    answer: {
      mark: '⚠️',
      title: [bold('Not done: '), `I was away when this was sent, ${age} ago`],
      body: [line('Nothing was changed. Send it again if it is still wanted.')],
    },
  };
}
