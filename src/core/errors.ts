/**
 * The family of expected errors. Each has a stable `code`, and a message that can be shown in the room: one
 * sentence that names what is wrong. Only the pipeline's outer edge turns them into answers.
 */
export abstract class LawspeakerError extends Error {
  abstract readonly code: string;
  /** What the reader can do now, as a sentence or a command. */
  readonly advice: string | undefined;

  constructor(message: string, advice?: string) {
    super(message);
    this.name = new.target.name;
    this.advice = advice;
  }
}

/** A command that could not be read. Nothing was called. */
export class UsageError extends LawspeakerError {
  readonly code = 'usage';
  /** The word that is wrong, as it was typed. */
  readonly word: string | undefined;
  /** The command whose usage should be shown. */
  readonly command: string | undefined;
  /** The argument that it is about, by its declared or typed name: usage lines that are long show only that. */
  readonly argument: string | undefined;

  constructor(
    message: string,
    options: {
      readonly word?: string | undefined;
      readonly command?: string | undefined;
      readonly argument?: string | undefined;
      readonly advice?: string | undefined;
    } = {},
  ) {
    super(message, options.advice);
    this.word = options.word;
    this.command = options.command;
    this.argument = options.argument;
  }

  /** The same error, said about `command`. */
  about(command: string): UsageError {
    const { word, argument, advice } = this;
    return new UsageError(this.message, { command, word, argument, advice });
  }
}

/** The sender may not do this. */
export class DeniedError extends LawspeakerError {
  readonly code = 'denied';
}

/** The target must not be touched: the bot, a server admin, a moderator, a configured user. */
export class ProtectedError extends LawspeakerError {
  readonly code = 'protected';
}

/** The target is not there, not ours, or not in a state that this can be done to. */
export class TargetError extends LawspeakerError {
  readonly code: 'unknown_user' | 'remote_user' | 'unknown_room' | 'unknown' | 'state';

  constructor(code: TargetError['code'], message: string, advice?: string) {
    super(message, advice);
    this.code = code;
  }
}

const errcodePattern = /^[A-Z0-9_.]{1,64}$/u;

/** The homeserver answered with an error. `message` never holds the server's own text or a token. */
export class HomeserverError extends LawspeakerError {
  readonly code: string;
  readonly status: number;
  readonly errcode: string;
  /** Method and path template, such as `POST /_synapse/admin/v1/deactivate/{user_id}`. */
  readonly request: string;
  /** How long the server asks the bot to wait, if it says so. */
  readonly retryAfterMs: number | undefined;

  /**
   * @param sentErrcode the errcode as the server sent it; anything that is not an errcode stays out of
   * messages
   */
  constructor(
    status: number,
    sentErrcode: unknown,
    request: string,
    explanation?: string,
    retryAfterMs?: number,
  ) {
    const errcode =
      typeof sentErrcode === 'string' && errcodePattern.test(sentErrcode)
        ? sentErrcode
        : 'M_UNKNOWN';
    super(
      `the homeserver refused (${[status, errcode, explanation].filter(Boolean).join(' ')})`,
      status === 404 && errcode === 'M_UNRECOGNIZED'
        ? `This homeserver has no ${request}.`
        : undefined,
    );
    this.code = errcode;
    this.status = status;
    this.errcode = errcode;
    this.request = request;
    this.retryAfterMs = retryAfterMs;
  }

  /**
   * A 5xx can come from a proxy that gave up while Synapse went on; with a 2xx that can't be read, the
   * request was done.
   */
  get mayHaveHappened(): boolean {
    return this.status >= 500 || this.status < 300;
  }

  /** The homeserver, or a proxy, is overloaded or limits the rate: the same request may succeed later. */
  get isTemporary(): boolean {
    return this.status >= 500 || this.status === 429;
  }

  /** Recognized by status: Synapse sends three errcodes with 404. */
  get isNotFound(): boolean {
    return this.status === 404 && this.errcode !== 'M_UNRECOGNIZED';
  }
}

/**
 * The homeserver's answer is larger than the bot reads. What was asked may have been done.
 *
 * @param maxBytes the most that the bot reads
 */
export class TooLargeAnswerError extends HomeserverError {
  constructor(request: string, maxBytes: number) {
    super(200, 'LAWSPEAKER_TOO_LARGE', request);
    this.message = `the homeserver’s answer is larger than ${maxBytes / 1024 / 1024} MB`;
  }
}

/** No answer from the homeserver. */
export class UnreachableError extends LawspeakerError {
  readonly code: string = 'unreachable';
  readonly request: string;
  /** What follows the name of the homeserver in the message. */
  readonly reason: string;
  /** The request may have been carried out although no answer came. */
  readonly mayHaveHappened: boolean;
  /** Node's code if the connection failed: `ECONNREFUSED`. */
  readonly networkCode: string | undefined;

  constructor(
    request: string,
    reason: string,
    mayHaveHappened: boolean,
    { advice, networkCode }: { readonly advice?: string; readonly networkCode?: string } = {},
  ) {
    super(`the homeserver ${reason}`, advice);
    this.request = request;
    this.reason = reason;
    this.mayHaveHappened = mayHaveHappened;
    this.networkCode = networkCode;
  }
}

/**
 * Something other than the homeserver answered: a proxy's page, a redirect, a login portal. Only a Matrix
 * error is sure to come from the homeserver. Without one, nothing is known: not whether something exists,
 * whether it is forbidden, or whether a change was made.
 */
export class ForeignAnswerError extends UnreachableError {
  override readonly code = 'foreign_answer';
  /** The HTTP status of what answered. */
  readonly status: number;
  /** Where it redirects to, as `https://example.com`; undefined if it does not lead to another origin. */
  readonly redirectsTo: string | undefined;

  constructor(status: number, request: string, redirectsTo?: string) {
    const isAdmin = request.includes(' /_synapse/');
    super(
      request,
      `did not answer itself: something in between did (HTTP ${status}, not from Synapse)`,
      true,
      {
        advice: `Check \`homeserver.${isAdmin ? 'adminUrl' : 'url'}\`: it must lead to Synapse, and proxies on the way must pass \`${request}\` on.`,
      },
    );
    this.status = status;
    this.redirectsTo = redirectsTo;
  }
}

/** The database could not be read or written. */
export class StoreError extends LawspeakerError {
  readonly code = 'store';
}

/** The database is away, busy, or has no room: the same can be done later. Nothing of it was committed. */
export class StoreUnavailableError extends StoreError {}

/** Something was sent to the homeserver, and how it ended could not be written down. */
export class UnrecordedError extends StoreError {}

/** The set-up is wrong: configuration, token, room. The process ends with exit status 2. */
export class SetupError extends LawspeakerError {
  readonly code = 'setup';
}

/** The code of any error: `internal` for a bug in the bot. */
export function codeOf(error: unknown): string {
  return error instanceof LawspeakerError ? error.code : 'internal';
}

/**
 * What `promise` resolves to, or undefined if it fails in an expected way.
 *
 * @param isExpected which errors count as expected; by default, all of this family
 * @throws every other error
 */
export async function orUndefined<Value>(
  promise: Promise<Value>,
  isExpected: (error: unknown) => boolean = (error) => error instanceof LawspeakerError,
): Promise<Value | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isExpected(error)) {
      return undefined;
    }
    throw error;
  }
}

/** Whether a request that ended with this error may have been carried out; true for a bug in the bot. */
export function mayHaveHappened(error: unknown): boolean {
  return error instanceof HomeserverError || error instanceof UnreachableError
    ? error.mayHaveHappened
    : !(error instanceof LawspeakerError);
}

/** The homeserver, or MAS, refused, and would refuse the same request again. */
export function isRefusedForGood(error: unknown): error is HomeserverError {
  return error instanceof HomeserverError && !error.isTemporary;
}

/** The homeserver says that what was asked for doesn't exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof HomeserverError && error.isNotFound;
}
