import { ForeignAnswerError, HomeserverError, UnreachableError } from '../../core/errors.ts';

/**
 * The Matrix Authentication Service (MAS) answered with an error. MAS distinguishes its errors only by
 * status and text, so `errcode` is ours: see `errcodes`. `message` never holds MAS's own text or a token.
 */
export class MasError extends HomeserverError {
  override readonly advice: string | undefined;

  constructor(status: number, errcode: string, request: string, explanation?: string) {
    super(status, errcode, request, explanation);
    const details = [status, this.errcode, explanation].filter(Boolean).join(' ');
    this.message = `the authentication service refused (${details})`;
    this.advice = adviceFor(this.errcode);
  }
}

/** Something other than MAS's admin API answered. Whether a change was made is not known. */
class ForeignMasAnswerError extends ForeignAnswerError {
  override readonly advice: string;

  constructor(status: number, request: string) {
    super(status, request);
    this.message = `the authentication service did not answer itself (${status} without an error of its own)`;
    this.advice =
      'Check `mas.url`: it must lead to a listener of MAS with the resource `adminapi` (`http.listeners` in the configuration of MAS).';
  }
}

const errcodes: Readonly<Record<number, string>> = {
  400: 'MAS_INVALID',
  401: 'MAS_TOKEN_REFUSED',
  403: 'MAS_FORBIDDEN',
  404: 'MAS_NOT_FOUND',
  409: 'MAS_CONFLICT',
  410: 'MAS_GONE',
  415: 'MAS_INVALID',
  422: 'MAS_INVALID',
};

function adviceFor(errcode: string): string | undefined {
  switch (errcode) {
    case 'MAS_INVALID_CLIENT':
      return 'Check `mas.clientId` and `mas.clientSecret`: the configuration of MAS must have them under `clients`, with `client_auth_method: client_secret_basic`.';
    case 'MAS_INVALID_SCOPE':
      return 'Add the client to `policy.data.admin_clients` in the configuration of MAS, and restart MAS.';
    case 'MAS_TOKEN_REFUSED':
      return 'The token for MAS has expired, was revoked, or does not have the scope `urn:mas:admin`. Make a new one.';
    default:
      return undefined;
  }
}

/**
 * The error for an answer of MAS with an error status: `{"errors":[…]}` from its admin API,
 * `{"error":"…"}` from its OAuth 2.0 endpoints, plain text if it can't read a request.
 */
export function masAnsweredError(status: number, body: unknown, request: string): Error {
  const errcode = errcodes[status] ?? 'MAS_UNKNOWN';
  if (status === 415 || status === 422) {
    return new MasError(status, errcode, request);
  }
  const answer = parsed(body);
  if (Array.isArray(answer?.['errors'])) {
    return new MasError(status, errcode, request);
  }
  const oauthError = answer?.['error'];
  return typeof oauthError === 'string'
    ? new MasError(status, `MAS_${oauthError.toUpperCase()}`, request)
    : new ForeignMasAnswerError(status, request);
}

function parsed(body: unknown): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(String(body));
    return typeof json === 'object' && json !== null
      ? (json as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** An error of the shared HTTP client, reworded: about MAS instead of the homeserver. */
export function aboutMas(error: unknown): unknown {
  if (error instanceof MasError || error instanceof ForeignMasAnswerError) {
    return error;
  }
  if (error instanceof ForeignAnswerError) {
    return new ForeignMasAnswerError(error.status, error.request);
  }
  if (error instanceof HomeserverError || error instanceof UnreachableError) {
    error.message = error.message.replace(/^the homeserver/u, 'the authentication service');
  }
  return error;
}
