import { bold, line } from '../chat/answers/answer.ts';
import type { Content } from '../chat/answers/answer.ts';
import type { Command } from '../chat/command/declaration.ts';
import type { Invocation } from '../chat/command/invocation.ts';
import { asksHomeserver } from '../chat/command/on-homeserver.ts';
import { subjectOf } from '../chat/command/properties.ts';
import { writeInvocation } from '../chat/command/write-invocation.ts';
import { quote } from '../chat/reading/tokenize.ts';
import {
  DeniedError,
  StoreError,
  StoreUnavailableError,
  UnrecordedError,
  codeOf,
} from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { present } from '../core/present.ts';
import type { Store } from '../store/store.ts';
import { lastUndoBlocks } from './answer/last-undo.ts';
import { postponed } from './answer/postponed.ts';
import { postRefusal, refusalReply } from './answer/refusal.ts';
import type { PostRefusalContext } from './answer/refusal.ts';
import { post } from './answer/reply.ts';
import type { DeliverContext, Reply, SayNow } from './answer/reply.ts';
import { isFromLostRecord, lostRecordReply, tooOldReply } from './answer/stale.ts';
import type { TooOldContext } from './answer/stale.ts';
import { serverFor } from './at-homeserver.ts';
import type { HomeserversContext } from './at-homeserver.ts';
import { assertMayUse, authorize } from './authorize/authorize.ts';
import type { AuthorizeContext } from './authorize/authorize.ts';
import { countDenial } from './authorize/denials.ts';
import type { DenialContext } from './authorize/denials.ts';
import { confirm, reasonBlocks } from './confirm/confirm.ts';
import type { ConfirmContext } from './confirm/confirm.ts';
import { maxShown } from './confirm/left-out.ts';
import { makePreview } from './confirm/preview.ts';
import type { PreviewContext } from './confirm/preview.ts';
import { laterBlocks } from './confirm/schedule.ts';
import { logFault } from './execute/attempt.ts';
import { execute } from './execute/execute.ts';
import type { ExecuteContext } from './execute/execute.ts';
import { originOf } from './management-room.ts';
import type { Message } from './management-room.ts';
import { commandLineIn, commandNamed, shownNameIn } from './parse/command-line.ts';
import type { CommandLineContext } from './parse/command-line.ts';
import { decisionLine } from './parse/decision-word.ts';
import type { DecisionContext, Later } from './parse/decision-word.ts';
import { parse, parseRefused } from './parse/parse.ts';
import type { ParseContext, ParseRefusedContext } from './parse/parse.ts';
import { removeSecret } from './parse/secret.ts';
import type { RemoveSecretContext } from './parse/secret.ts';
import { assertReady } from './resolve/assert-ready.ts';
import { resolve } from './resolve/resolve.ts';
import type { ResolveContext } from './resolve/resolve.ts';
import { targetsOf } from './stages.ts';
import type { Parsed, Resolved } from './stages.ts';

type AnswerErrorContext = DeliverContext &
  PostRefusalContext &
  ParseRefusedContext &
  DenialContext & { readonly log: Pick<Log, 'error'> };

interface TypingContext {
  /**
   * Shows in the room that the bot is typing, and for how long.
   *
   * @param forMs milliseconds; undefined to stop
   */
  showTyping(forMs: number | undefined): Promise<void>;
}

/** What handling a message needs: what its stages need. */
export type MessageContext = CommandLineContext &
  RemoveSecretContext &
  DecisionContext &
  TooOldContext &
  ParseContext &
  AuthorizeContext &
  ResolveContext &
  ConfirmContext &
  ExecuteContext &
  TypingContext &
  AnswerErrorContext & { readonly store: Pick<Store, 'inbox' | 'outbox'> };

/**
 * Takes a message through the stages: parse, authorize, resolve, confirm, execute, answer. Never throws.
 *
 * @param letNext called if the next command of the same person need not wait for this one
 * @returns when to handle it again, if it can't be handled yet; `postponed` if the database can't take its end
 */
export async function handleMessage(
  context: MessageContext,
  sayNow: SayNow,
  message: Message,
  letNext: () => void = () => undefined,
): Promise<Later | 'postponed' | undefined> {
  const typed = commandLineIn(message.text, context);
  let commandLine = typed ?? '';
  let parsed: Parsed | undefined;
  let patience: NodeJS.Timeout | undefined;
  try {
    if (message.heldSecret === true) {
      const reply = await removeSecret(context, message);
      await answer(context, message, reply);
      return undefined;
    }
    const line = await decisionLine(context, message, typed);
    if (line === undefined) {
      // A plain `yes` in reply to something that is not a confirmation.
      if (
        message.replyTo !== undefined &&
        (await isFromLostRecord(context.store, message.replyTo))
      ) {
        await answer(context, message, lostRecordReply());
        return undefined;
      }
      await context.store.inbox.markHandled(message.event, context.now());
      return undefined;
    }
    if (typeof line !== 'string') {
      return line;
    }
    commandLine = line;
    const tooOld = await tooOldReply(context, message, line);
    if (tooOld !== undefined) {
      await answer(context, message, tooOld);
      return undefined;
    }
    // Checked before the line is read: somebody who may not use the command causes no work.
    assertMayUse(context, commandNamed(context, commandLine), message.sender);
    parsed = await parse(context, message, commandLine);
    const authorized = authorize(context, parsed);
    if (readsElsewhere(context, parsed)) {
      patience = setTimeout(letNext, readPatienceMs).unref();
    }
    const resolved = await whileTyping(context, async () => resolve(context, authorized));
    await assertReady(context, resolved);
    if (parsed.invocation.dryRun) {
      const reply = await dryRunReply(context, resolved);
      await answer(context, message, reply);
      return undefined;
    }
    const confirmed = await confirm(context, resolved);
    if (confirmed !== undefined) {
      await execute(context, confirmed);
    }
  } catch (error) {
    return await answerError(context, sayNow, message, commandLine, parsed, error);
  } finally {
    clearTimeout(patience);
  }
  return undefined;
}

/** What reads from a homeserver beside the first holds up the same person for no longer than this. */
const readPatienceMs = 2000;

/**
 * Whether a command only reads, from a homeserver beside the first: that one may be slow, or ask the bot to wait. The
 * order of changes, and of what decides about them, stays as it is.
 */
function readsElsewhere(context: HomeserversContext, parsed: Parsed): boolean {
  const [user] = targetsOf(parsed);
  const server = serverFor(context, parsed, user);
  return (
    parsed.danger === 'read' &&
    asksHomeserver(parsed.command) &&
    server !== undefined &&
    server !== context.settings.serverName
  );
}

/** What takes longer than this shows that the bot is at work on it. */
const silentMs = 2000;
/** For how long at a time. */
const typingMs = 30_000;

/** Shows in the room that the bot is typing if looking up many accounts takes long. */
async function whileTyping<Result>(
  { showTyping }: TypingContext,
  work: () => Promise<Result>,
): Promise<Result> {
  // If it can't be shown, that must not affect the answer.
  const show = (forMs: number | undefined) => void showTyping(forMs).catch(() => undefined);
  let repeated: NodeJS.Timeout | undefined;
  const first = setTimeout(() => {
    show(typingMs);
    repeated = setInterval(() => show(typingMs), typingMs - silentMs).unref();
  }, silentMs).unref();
  try {
    return await work();
  } finally {
    clearTimeout(first);
    if (repeated !== undefined) {
      clearInterval(repeated);
      show(undefined);
    }
  }
}

/**
 * Turns whatever went wrong into the command's answer.
 *
 * @returns `postponed` if the database can't take it
 */
async function answerError(
  context: AnswerErrorContext,
  sayNow: SayNow,
  message: Message,
  commandLine: string,
  read: Parsed | undefined,
  error: unknown,
): Promise<'postponed' | undefined> {
  const name = read?.command.name ?? shownNameIn(commandLine);
  logFault(context.log, name, error);
  const origin = originOf(message);
  let failure = error;
  // A decision whose outcome could not be recorded is found to be made when it is handled again.
  const isRepeated =
    error instanceof StoreUnavailableError ||
    (error instanceof UnrecordedError && read?.danger === 'read');
  if (!isRepeated) {
    try {
      const parsed =
        read === undefined && error instanceof DeniedError
          ? await parseRefused(context, message, commandLine)
          : read;
      await context.store.transaction(async (tables) => {
        await postRefusal(context, tables, { command: name, origin, parsed, error });
        await tables.inbox.markHandled(message.event, context.now());
      });
      context.deliver(message.event);
      if (error instanceof DeniedError) {
        await countDenial(context, message.sender, origin);
      }
      return undefined;
    } catch (storeError) {
      const fields = { command: name, code: codeOf(storeError) };
      context.log.error(fields, 'an answer could not be stored');
      failure = error instanceof StoreError ? error : storeError;
    }
  }
  const reply = refusalReply(context, name, postponed(failure));
  await sayNow({ kind: 'reply', origin, reply }).catch((sendError: unknown) => {
    context.log.error(
      { command: name, code: codeOf(sendError) },
      'the answer could not be sent either',
    );
  });
  return failure instanceof StoreError ? 'postponed' : undefined;
}

/** Commits the only answer to a message, and that the message is handled. */
async function answer(context: DeliverContext, message: Message, reply: Reply): Promise<void> {
  await context.store.transaction(
    async (tables) => {
      await post(context, tables, 'answer', { kind: 'reply', origin: originOf(message), reply });
      await tables.inbox.markHandled(message.event, context.now());
    },
    { repeatable: true },
  );
  context.deliver(message.event);
}

/** The line that does what a dry run showed, unless it names too many accounts to be copied. */
function againLine(command: Command, invocation: Invocation): string[] {
  const { matching } = invocation;
  const subject = subjectOf(command) ?? '';
  const isLong = targetsOf({ command, invocation }).length > maxShown;
  if (isLong && matching === undefined) {
    return [];
  }
  const line = writeInvocation(command, {
    ...invocation,
    // What matched then may not be what matches when it is sent.
    arguments: isLong ? { ...invocation.arguments, [subject]: [] } : invocation.arguments,
    dryRun: false,
  });
  return [isLong ? `${line} --matching ${quote(matching ?? '')}` : line];
}

/** The title of a confirmation without its question mark: a dry run asks nothing. */
function statement(title: Content): Content {
  const last = title.at(-1);
  return typeof last === 'string' ? [...title.slice(0, -1), last.replace(/\?$/u, '')] : title;
}

async function dryRunReply(context: PreviewContext, resolved: Resolved): Promise<Reply> {
  const { preview, file, resolved: shown } = await makePreview(context, resolved);
  const { command, invocation } = shown;
  return {
    command: command.name,
    status: 'dry_run',
    audit: [],
    answer: {
      mark: 'ℹ️',
      title: [bold('Dry run, nothing was changed: '), ...statement(preview.title)],
      ...present({ file }),
      body: [
        ...preview.body,
        ...(preview.warning === undefined ? [] : [line(preview.warning)]),
        ...reasonBlocks(invocation),
        ...lastUndoBlocks(invocation),
        ...laterBlocks(context.now(), invocation),
      ],
      next: againLine(command, invocation),
    },
  };
}
