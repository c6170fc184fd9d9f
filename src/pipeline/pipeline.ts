import { bold, line } from '../command/answer.ts';
import { span } from '../command/wording.ts';
import { writeInvocation } from '../command/write-invocation.ts';
import { DeniedError, LawspeakerError, StoreError, TargetError } from '../errors.ts';
import type { InboxEvent } from '../store/inbox.ts';
import { authorize } from './authorize.ts';
import { confirm, previewOf } from './confirm.ts';
import { execute, logFault } from './execute.ts';
import type { House } from './house.ts';
import { createKeyedQueue } from './keyed-queue.ts';
import type { Incoming, Message, Reaction } from './message.ts';
import { commandLineIn, parse } from './parse.ts';
import { auditRefusal, refusalReply } from './refusal.ts';
import { cancelKey, confirmKey, post } from './reply.ts';
import type { Outgoing, Reply } from './reply.ts';
import { resolve } from './resolve.ts';
import { holdsSecret } from './secret.ts';
import { expire, settleQuestion } from './settle-question.ts';
import type { Parsed, Resolved } from './stages.ts';

/** The way of a message through the house. */
export interface Pipeline {
  /**
   * Takes events in and returns when they are committed; what they ask for is done afterwards.
   *
   * @throws StoreError they could not be committed, and nothing of them will be done
   */
  accept(incoming: readonly Incoming[]): Promise<void>;
  /** Takes events in as seen, without doing what they ask: they are older than the bot's first start. */
  passOver(incoming: readonly Incoming[]): Promise<void>;
  /** Handles what was taken in before a restart. */
  resume(): Promise<void>;
  /** Ends the questions whose time is up. */
  expireQuestions(): Promise<void>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/** What a StoreError leaves possible: saying so, past the outbox. */
export type SayNow = (outgoing: Outgoing) => Promise<void>;

export function createPipeline(house: House, sayNow: SayNow): Pipeline {
  // One person's commands run in the order that they were typed.
  const queue = createKeyedQueue();

  const schedule = (incoming: Incoming) => {
    queue.add(incoming.sender, async () =>
      incoming.kind === 'message'
        ? handleMessage(house, sayNow, incoming)
        : handleReaction(house, incoming),
    );
  };

  return {
    async accept(incoming) {
      const wanted = incoming
        .map((one) => withoutSecret(house, one))
        .filter((one) => isForUs(house, one));
      if (wanted.length === 0) {
        return;
      }
      const fresh = await takeIn(house, sayNow, wanted);
      const known = new Set(fresh.map(({ eventId }) => eventId));
      for (const one of wanted) {
        if (known.delete(one.event)) {
          schedule(one);
        }
      }
    },

    async passOver(incoming) {
      const rows = incoming
        .map((one) => withoutSecret(house, one))
        .filter((one) => isForUs(house, one))
        .map(inboxRow);
      const now = house.now();
      await house.store.transaction(async ({ inbox }) => {
        for (const { eventId } of await inbox.take(rows, now)) {
          await inbox.handled(eventId, now);
        }
      });
    },

    async resume() {
      for (const { event } of await house.store.inbox.open()) {
        schedule(JSON.parse(event) as Incoming);
      }
    },

    async expireQuestions() {
      const now = house.now();
      for (const question of await house.store.confirmations.pending()) {
        if (question.expiresAt > now) {
          house.expireAt(question.expiresAt);
          break;
        }
        await expire(house, question);
      }
    },

    idle: queue.idle,
  };
}

function isForUs(house: House, incoming: Incoming): boolean {
  const { settings } = house;
  if (incoming.sender === settings.botUser || incoming.room !== settings.managementRoom) {
    return false;
  }
  return incoming.kind === 'message'
    ? incoming.heldSecret === true || commandLineIn(incoming.text, settings) !== undefined
    : incoming.key === confirmKey || incoming.key === cancelKey;
}

/** Commits events to the inbox; returns those that were not known. */
async function takeIn(
  house: House,
  sayNow: SayNow,
  wanted: readonly Incoming[],
): Promise<InboxEvent[]> {
  try {
    return await house.store.transaction(async ({ inbox }) =>
      inbox.take(wanted.map(inboxRow), house.now()),
    );
  } catch (error) {
    // Whoever typed hears it; the bot stops, and what it could not take in is taken in later.
    for (const message of wanted) {
      if (message.kind === 'message') {
        const reply = refusalReply(house, '', error);
        await sayNow({ kind: 'reply', origin: originOf(message), reply }).catch(() => undefined);
      }
    }
    throw error;
  }
}

/** A secret is not even taken in: what is stored and handled is that there was one. */
function withoutSecret(house: House, incoming: Incoming): Incoming {
  return incoming.kind === 'message' &&
    holdsSecret(incoming.text, commandLineIn(incoming.text, house.settings))
    ? { ...incoming, text: '', heldSecret: true }
    : incoming;
}

function inboxRow(incoming: Incoming): InboxEvent {
  return {
    eventId: incoming.event,
    type: incoming.kind,
    sender: incoming.sender,
    event: JSON.stringify(incoming),
  };
}

async function handleMessage(house: House, sayNow: SayNow, message: Message): Promise<void> {
  const commandLine = commandLineIn(message.text, house.settings) ?? '';
  let parsed: Parsed | undefined;
  try {
    if (message.heldSecret === true) {
      await answer(house, message, await removeSecret(house, message));
      return;
    }
    if (house.now() - message.sentAt > house.settings.maxAgeMs) {
      await answer(house, message, staleReply(house, message, commandLine));
      return;
    }
    parsed = await parse(house, message, commandLine);
    const resolved = await resolve(house, authorize(house, parsed));
    if (parsed.invocation.dryRun) {
      await answer(house, message, await dryRunReply(house, resolved));
      return;
    }
    const confirmed = await confirm(house, resolved);
    if (confirmed !== undefined) {
      await execute(house, confirmed);
    }
  } catch (error) {
    await answerError(house, sayNow, message, commandLine, parsed, error);
  }
}

/** The outer edge: whatever went wrong becomes the command's answer. */
async function answerError(
  house: House,
  sayNow: SayNow,
  message: Message,
  commandLine: string,
  parsed: Parsed | undefined,
  error: unknown,
): Promise<void> {
  const name = parsed?.command.name ?? (commandLine.split(/\s/u, 1)[0] ?? '').slice(0, 40);
  logFault(house, name, error);
  const origin = originOf(message);
  try {
    const audit = parsed === undefined ? [] : await auditRefusal(house, parsed, error);
    await answer(house, message, refusalReply(house, name, error, audit));
  } catch (storeError) {
    house.log.error({ command: name, code: codeOf(storeError) }, 'an answer could not be stored');
    const reply = refusalReply(house, name, error instanceof StoreError ? error : storeError);
    await sayNow({ kind: 'reply', origin, reply }).catch((sendError: unknown) => {
      house.log.error({ command: name, code: codeOf(sendError) }, 'nor could it be sent');
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof LawspeakerError ? error.code : 'internal';
}

function originOf(message: Message): Outgoing['origin'] {
  return {
    event: message.event,
    room: message.room,
    ...(message.thread === undefined ? {} : { thread: message.thread }),
  };
}

/** Commits a command's only answer, and that it is handled. */
async function answer(house: House, message: Message, reply: Reply): Promise<void> {
  await house.store.transaction(async (tables) => {
    await post(house, tables, 'answer', { kind: 'reply', origin: originOf(message), reply });
    await tables.inbox.handled(message.event, house.now());
  });
  house.deliver(message.event);
}

/** Takes a message with a secret out of the room, and says what is known to have happened. */
async function removeSecret(house: House, message: Message): Promise<Reply> {
  let removed = true;
  try {
    await house.redact(message.event, 'It held a secret');
  } catch (error) {
    removed = false;
    house.log.warn({ code: codeOf(error) }, 'a message with a secret could not be redacted');
  }
  return {
    command: '',
    status: 'usage',
    audit: [],
    answer: {
      mark: '⚠️',
      title: removed
        ? [bold('I removed your message: '), 'it held a password or token']
        : [
            bold('Remove your message now: '),
            'it holds a password or token, and I have no power to',
          ],
      body: [
        line('Everybody here could read it, so change that secret. Nothing was carried out.'),
        line('Passwords are never typed here: they are generated, and sent to you alone.'),
      ],
    },
    error: { code: 'secret', message: 'the message held a secret' },
  };
}

function staleReply(house: House, message: Message, commandLine: string): Reply {
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

async function dryRunReply(house: House, resolved: Resolved): Promise<Reply> {
  const preview = await previewOf(house, resolved);
  const { command, invocation } = resolved;
  return {
    command: command.name,
    status: 'dry_run',
    audit: [],
    answer: {
      mark: 'ℹ️',
      title: [bold('Dry run, nothing was changed: '), ...preview.title],
      body: [...preview.body, ...(preview.warning === undefined ? [] : [line(preview.warning)])],
      next: [writeInvocation(command, { ...invocation, dryRun: false })],
    },
  };
}

/** A reaction on a question settles it; any other, and anybody else's, counts for nothing. */
async function handleReaction(house: House, reaction: Reaction): Promise<void> {
  try {
    const asked = await house.store.outbox.commandOf(reaction.target);
    const question =
      asked === undefined ? undefined : await house.store.confirmations.byEvent(asked);
    if (question !== undefined) {
      await settleQuestion(house, question, {
        decision: reaction.key === confirmKey ? 'confirm' : 'cancel',
        by: reaction.sender,
        event: reaction.event,
      });
    }
    await house.store.inbox.handled(reaction.event, house.now());
  } catch (error) {
    logFault(house, 'reaction', error);
    if (error instanceof DeniedError || error instanceof TargetError) {
      await house.store.inbox.handled(reaction.event, house.now());
    }
    house.log.warn({ code: codeOf(error) }, 'a reaction counted for nothing');
  }
}
