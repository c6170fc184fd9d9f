import { bold, line } from '../chat/answers/answer.ts';
import { writeInvocation } from '../chat/command/write-invocation.ts';
import { DeniedError, StoreError, codeOf } from '../core/errors.ts';
import type { StoreTables } from '../store/store.ts';
import { auditRefusal, refusalReply } from './answer/refusal.ts';
import { post } from './answer/reply.ts';
import type { Reply, SayNow } from './answer/reply.ts';
import { isStale, lostTimeReply, staleReply } from './answer/stale.ts';
import { assertMayUse, authorize } from './authorize/authorize.ts';
import { countDenial } from './authorize/denials.ts';
import { resolve } from './authorize/resolve.ts';
import type { Later } from './confirm/awaiting-delivery.ts';
import { confirm } from './confirm/confirm.ts';
import { look } from './confirm/preview.ts';
import { execute, logFault } from './execute/execute.ts';
import type { House } from './house.ts';
import { originOf } from './message.ts';
import type { Message } from './message.ts';
import { commandLineIn } from './parse/command-line.ts';
import { decisionLine } from './parse/decision-word.ts';
import { commandNamed, parse, parseRefused } from './parse/parse.ts';
import { removeSecret } from './parse/secret.ts';
import { isFromLostRecord, isFromLostTime, lostRecordReply } from './record/room-record.ts';
import type { Parsed, Resolved } from './stages.ts';

/**
 * A message's whole way: parse, authorize, resolve, confirm, execute, answer. Never throws. Returns when
 * it is to be handled again, where nothing can be done with it yet.
 */
export async function handleMessage(
  house: House,
  sayNow: SayNow,
  message: Message,
): Promise<Later | undefined> {
  const typed = commandLineIn(message.text, house);
  let commandLine = typed ?? '';
  let parsed: Parsed | undefined;
  try {
    if (message.heldSecret === true) {
      const reply = await removeSecret(house, message);
      await answer(house, message, async () => reply);
      return undefined;
    }
    const line = await decisionLine(house, message, typed);
    if (line === undefined) {
      // A plain `yes` to something that is no confirmation of ours.
      if (message.replyTo !== undefined && (await isFromLostRecord(house.store, message.replyTo))) {
        await answer(house, message, async () => lostRecordReply());
        return undefined;
      }
      await house.store.inbox.handled(message.event, house.now());
      return undefined;
    }
    if (typeof line !== 'string') {
      return line;
    }
    commandLine = line;
    if (isFromLostTime(await house.store.dataLoss.get(), message.sentAt)) {
      await answer(house, message, async () => lostTimeReply(line));
      return undefined;
    }
    if (isStale(house, message)) {
      await answer(house, message, async () => staleReply(house, message, line));
      return undefined;
    }
    // Before it is read: who may not use it makes nobody work.
    assertMayUse(house, commandNamed(house, commandLine), message.sender);
    parsed = await parse(house, message, commandLine);
    const resolved = await resolve(house, authorize(house, parsed));
    if (parsed.invocation.dryRun) {
      const reply = await dryRunReply(house, resolved);
      await answer(house, message, async () => reply);
      return undefined;
    }
    const confirmed = await confirm(house, resolved);
    if (confirmed !== undefined) {
      await execute(house, confirmed);
    }
  } catch (error) {
    await answerError(house, sayNow, message, commandLine, parsed, error);
  }
  return undefined;
}

/** The outer edge: whatever went wrong becomes the command's answer. */
async function answerError(
  house: House,
  sayNow: SayNow,
  message: Message,
  commandLine: string,
  read: Parsed | undefined,
  error: unknown,
): Promise<void> {
  const name = read?.command.name ?? (commandLine.split(/\s/u, 1)[0] ?? '').slice(0, 40);
  logFault(house, name, error);
  const origin = originOf(message);
  try {
    const parsed =
      read === undefined && error instanceof DeniedError
        ? await parseRefused(house, message, commandLine)
        : read;
    await answer(house, message, async (tables) => {
      const audit = parsed === undefined ? [] : await auditRefusal(house, tables, parsed, error);
      return refusalReply(house, name, error, audit);
    });
    if (error instanceof DeniedError) {
      await countDenial(house, message.sender, origin);
    }
  } catch (storeError) {
    house.log.error({ command: name, code: codeOf(storeError) }, 'an answer could not be stored');
    const reply = refusalReply(house, name, error instanceof StoreError ? error : storeError);
    await sayNow({ kind: 'reply', origin, reply }).catch((sendError: unknown) => {
      house.log.error({ command: name, code: codeOf(sendError) }, 'nor could it be sent');
    });
  }
}

/** Commits a command's only answer, what is recorded with it, and that it is handled. */
async function answer(
  house: House,
  message: Message,
  replyFor: (tables: StoreTables) => Promise<Reply>,
): Promise<void> {
  await house.store.transaction(async (tables) => {
    const reply = await replyFor(tables);
    await post(house, tables, 'answer', { kind: 'reply', origin: originOf(message), reply });
    await tables.inbox.handled(message.event, house.now());
  });
  house.deliver(message.event);
}

async function dryRunReply(house: House, resolved: Resolved): Promise<Reply> {
  const { preview, file, resolved: shown } = await look(house, resolved);
  const { command, invocation } = shown;
  return {
    command: command.name,
    status: 'dry_run',
    audit: [],
    answer: {
      mark: 'ℹ️',
      title: [bold('Dry run, nothing was changed: '), ...preview.title],
      ...(file === undefined ? {} : { file }),
      body: [...preview.body, ...(preview.warning === undefined ? [] : [line(preview.warning)])],
      next: [writeInvocation(command, { ...invocation, dryRun: false })],
    },
  };
}
