import { bold, line, sentence } from '../../chat/answers/answer.ts';
import type { Answer, Block, Content, Status } from '../../chat/answers/answer.ts';
import type { Danger, Registry } from '../../chat/command/declaration.ts';
import { usageFor } from '../../chat/command/help.ts';
import type { Origin } from '../../chat/command/invocation.ts';
import { canChange } from '../../chat/command/properties.ts';
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
import { present } from '../../core/present.ts';
import type { StoreTables } from '../../store/store.ts';
import { serverFor } from '../at-homeserver.ts';
import { originOf, originOfLookalike } from '../management-room.ts';
import type { Incoming } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import { intentFor, targetsOf } from '../stages.ts';
import type { Parsed } from '../stages.ts';
import { errorWithPlace } from './error-place.ts';
import { post } from './reply.ts';
import type { Outgoing, PostContext, Reply, ReplyOperation } from './reply.ts';

/** What wording a refusal needs. */
export interface RefusalContext {
  readonly registry: Pick<Registry, 'find'>;
  readonly settings: Pick<Settings, 'prefix'>;
}

function statusOf(error: unknown): Status {
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
  return [bold('Not done: '), 'an error in the bot'];
}

/** @param unchanged `Nothing was changed.`, or empty after a command that changes nothing anyway */
function adviceOf(error: unknown, unchanged: string): string {
  if (error instanceof LawspeakerError) {
    if (error.advice !== undefined) {
      return error.advice;
    }
    if (error instanceof UnreachableError) {
      return `${unchanged} Try again when the homeserver is back.`.trim();
    }
    if (error instanceof HomeserverError) {
      return `Request: ${error.request}. ${unchanged}`.trim();
    }
    return error instanceof ProtectedError || error instanceof DeniedError ? unchanged : '';
  }
  return `${unchanged} The bot’s log says what went wrong; please report it.`.trim();
}

/**
 * The answer to a command that was refused, or that failed before anything was changed.
 *
 * @param danger the danger of this invocation, if it could be read
 */
export function refusalReply(
  { registry, settings }: RefusalContext,
  command: string,
  error: unknown,
  audit: readonly number[] = [],
  danger?: Danger,
): Reply {
  const declared = registry.find(
    error instanceof UsageError ? (error.command ?? command) : command,
  );
  const body: Block[] = [];
  const isRead = danger === 'read' || (declared !== undefined && !canChange(declared));
  const advice = adviceOf(error, isRead ? '' : 'Nothing was changed.');
  if (advice !== '') {
    body.push(...advice.split('\n').map((one) => line(...sentence(one))));
  }
  if (error instanceof UsageError && declared !== undefined) {
    body.push(line(`Usage: ${usageFor(declared, settings.prefix, error)}`));
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

/** What the sender of an event is told if it can't be handled. */
export function refusalOf(context: RefusalContext, incoming: Incoming, error: unknown): Outgoing {
  const reply = refusalReply(context, '', error);
  if (incoming.kind === 'lookalike') {
    return { kind: 'reply', origin: originOfLookalike(incoming), reply };
  }
  return incoming.kind === 'message'
    ? { kind: 'reply', origin: originOf(incoming), reply }
    : // Nobody wrote a text that a reply could quote.
      {
        kind: 'alert',
        origin: { event: incoming.event, room: incoming.room },
        mentions: [incoming.sender],
        reply,
      };
}

/**
 * Records that a change was refused: denied, protected, or rejected by the homeserver. Of reads, only audited
 * ones are recorded. Lines that can't be read as a command are not, nor typing errors in what only the bot keeps.
 *
 * @returns the number of the audit entry, if there is one
 */
async function auditRefusal(
  context: Pick<PostRefusalContext, 'now' | 'settings'>,
  { auditLog }: Pick<StoreTables, 'auditLog'>,
  parsed: Parsed,
  error: unknown,
): Promise<number[]> {
  const { command, danger, invocation } = parsed;
  // Without a database there is nowhere to record it.
  const isRecorded = canChange(command) || command.audited === true;
  if (!isRecorded || error instanceof StoreError || invocation.dryRun) {
    return [];
  }
  // Somebody named a tag, a note or a user that is not there: nothing was begun, and nothing was refused.
  if (command.assertReady !== undefined && error instanceof TargetError) {
    return [];
  }
  if (danger === 'read' && command.audited !== true && !(error instanceof DeniedError)) {
    return [];
  }
  const status = statusOf(error);
  const detail = { code: error instanceof LawspeakerError ? error.code : 'internal' };
  const [target] = targetsOf(parsed);
  const intent = intentFor(context, parsed);
  return [
    await auditLog.refuse(
      // One entry, however many targets there are: its arguments hold them all.
      target === undefined ? intent : { ...intent, target },
      { status, detail },
      context.now(),
    ),
  ];
}

/** A command that was refused, or a line that could not be read as one. */
export interface Refused {
  readonly command: string;
  readonly origin: Origin;
  readonly parsed?: Parsed | undefined;
  /** The operation, if the command was confirmed or scheduled before. */
  readonly operation?: ReplyOperation | undefined;
}

export type PostRefusalContext = RefusalContext &
  PostContext & {
    readonly settings: Pick<Settings, 'homeservers' | 'serverName' | 'unnamedServer'>;
  };

/** The error, which says what is about one of several homeservers. */
function withPlace(
  { registry, settings }: PostRefusalContext,
  parsed: Parsed,
  error: unknown,
): unknown {
  const { prefix, homeservers } = settings;
  const [user] = targetsOf(parsed);
  const serverName = serverFor({ settings }, parsed, user) ?? settings.serverName;
  return errorWithPlace({ registry, prefix, homeservers, serverName }, error, {
    ...parsed,
    says: true,
  });
}

/**
 * Records a refusal in the audit log and puts the answer into the outbox: as a reply, or as an edit of the
 * confirmation that was asked before. Call this in the transaction that ends whatever asked for the
 * command. Otherwise, after a crash in between, the command would be refused and recorded again.
 */
export async function postRefusal(
  context: PostRefusalContext,
  tables: Pick<StoreTables, 'auditLog' | 'outbox'>,
  { command, origin, parsed, operation, error }: Refused & { readonly error: unknown },
  kind: 'reply' | 'edit' = 'reply',
): Promise<Reply> {
  const audit = parsed === undefined ? [] : await auditRefusal(context, tables, parsed, error);
  const told = parsed === undefined ? error : withPlace(context, parsed, error);
  const reply = {
    ...refusalReply(context, command, told, audit, parsed?.danger),
    ...present({ operation }),
  };
  await post(context, tables, kind === 'reply' ? 'answer' : 'outcome', { kind, origin, reply });
  return reply;
}
