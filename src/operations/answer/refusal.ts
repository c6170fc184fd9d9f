import { bold, line } from '../../chat/answers/answer.ts';
import type { Answer, Block, Content, Inline, Status } from '../../chat/answers/answer.ts';
import { canChange } from '../../chat/command/declaration.ts';
import { usage } from '../../chat/command/help.ts';
import {
  DeniedError,
  HomeserverError,
  LawspeakerError,
  ProtectedError,
  StoreError,
  TargetError,
  UnreachableError,
  UnrecordedError,
  UsageError,
} from '../../core/errors.ts';
import type { StoreTables } from '../../store/store.ts';
import { targetsOf } from '../authorize/targets.ts';
import { intentFor } from '../execute/intent.ts';
import type { House } from '../house.ts';
import type { Parsed } from '../stages.ts';
import type { Reply } from './reply.ts';

/** Our own sentences mark commands with backticks. */
export function sentence(text: string): Inline[] {
  return text
    .split('`')
    .map((part, index): Inline => (index % 2 === 0 ? part : { kind: 'code', text: part }))
    .filter((part) => part !== '');
}

export function statusOf(error: unknown): Status {
  if (error instanceof UsageError) {
    return 'usage';
  }
  if (error instanceof DeniedError) {
    return 'denied';
  }
  if (error instanceof UnrecordedError) {
    return 'unknown';
  }
  return error instanceof ProtectedError ? 'protected' : 'failed';
}

function titleOf(error: unknown): Content {
  if (error instanceof UsageError) {
    return [bold(...sentence(error.message))];
  }
  if (error instanceof DeniedError) {
    return [bold('Not allowed: '), ...sentence(error.message)];
  }
  if (error instanceof ProtectedError) {
    return [bold('Protected: '), ...sentence(error.message)];
  }
  if (error instanceof TargetError && error.code.startsWith('unknown')) {
    return [bold('Not found: '), ...sentence(error.message)];
  }
  if (error instanceof UnrecordedError) {
    return [bold('Not known whether it was done: '), ...sentence(error.message)];
  }
  if (error instanceof LawspeakerError) {
    return [bold('Not done: '), ...sentence(error.message)];
  }
  return [bold('Not done: '), 'the bot has a fault of its own'];
}

function adviceOf(error: unknown): string | undefined {
  if (error instanceof LawspeakerError) {
    if (error.advice !== undefined) {
      return error.advice;
    }
    if (error instanceof UnreachableError) {
      return 'Nothing was changed. Send the command again when the homeserver answers.';
    }
    if (error instanceof HomeserverError) {
      return `Asked: ${error.request}. Nothing was changed.`;
    }
    return error instanceof ProtectedError || error instanceof DeniedError
      ? 'Nothing was changed.'
      : undefined;
  }
  return 'Nothing was changed; what went wrong is in the bot’s log. Please report it.';
}

/** The answer to a command that ended before anything was called. */
export function refusalReply(
  house: House,
  command: string,
  error: unknown,
  audit: readonly number[] = [],
): Reply {
  const declared = house.registry.find(
    error instanceof UsageError ? (error.command ?? command) : command,
  );
  const body: Block[] = [];
  const advice = adviceOf(error);
  if (advice !== undefined) {
    body.push(...advice.split('\n').map((one) => line(...sentence(one))));
  }
  if (error instanceof UsageError && declared !== undefined) {
    body.push(line(`Usage: ${usage(declared, house.settings.prefix)}`));
  }
  const answer: Answer = { mark: '❌', title: titleOf(error), body };
  return {
    command,
    status: statusOf(error),
    answer,
    audit,
    error: {
      code: error instanceof LawspeakerError ? error.code : 'internal',
      message: error instanceof LawspeakerError ? error.message : 'internal error',
    },
  };
}

/**
 * Records what was asked and not begun: denied, protected, or refused by the homeserver. Reads and
 * unreadable commands leave no trace, and without a database there is nowhere to leave one. It belongs
 * into the transaction that ends what asked for it: handled again after a crash, that would be refused
 * again.
 */
export async function auditRefusal(
  house: House,
  { auditLog }: Pick<StoreTables, 'auditLog'>,
  parsed: Parsed,
  error: unknown,
): Promise<number[]> {
  if (!canChange(parsed.command) || error instanceof StoreError || parsed.invocation.dryRun) {
    return [];
  }
  if (parsed.danger === 'read' && !(error instanceof DeniedError)) {
    return [];
  }
  const status = statusOf(error);
  const detail = error instanceof LawspeakerError ? { code: error.code } : { code: 'internal' };
  const [target] = targetsOf(parsed);
  const intent = intentFor(parsed, undefined);
  return [
    await auditLog.refuse(
      // One row, however many were named: all of them stand in its arguments.
      target === undefined ? intent : { ...intent, target },
      { status, detail },
      house.now(),
    ),
  ];
}
