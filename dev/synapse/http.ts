const REQUEST_TIMEOUT_MS = 30_000;

/** A request that the homeserver refused. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly method: string;
  /** With its query, without the host. */
  readonly path: string;
  readonly status: number;
  /** Matrix's error code; undefined when the answer had none. */
  readonly errcode: string | undefined;

  constructor(
    method: string,
    path: string,
    status: number,
    errcode: string | undefined,
    detail: string,
  ) {
    super(`${method} ${path}: ${status} ${errcode ?? '(no errcode)'} ${detail}`.trim());
    this.method = method;
    this.path = path;
    this.status = status;
    this.errcode = errcode;
  }
}

export interface RequestOptions {
  accessToken?: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is, in place of `json`. */
  bytes?: { content: Uint8Array<ArrayBuffer>; type: string };
  query?: Record<string, string | number | undefined>;
  /** How long the server may take, in milliseconds; default 30 s. */
  timeoutMs?: number;
  /** Ends the request. */
  signal?: AbortSignal | undefined;
}

/**
 * Asks a homeserver something. The answer's shape is the caller's claim; nothing checks it.
 *
 * @param path without query, with ids already encoded (see {@link segment}).
 * @throws RequestError when the answer isn't 2xx.
 */
export async function request<Answer>(
  baseUrl: string,
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  const { accessToken, json, bytes, query = {}, timeoutMs = REQUEST_TIMEOUT_MS } = options;
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  const fullPath = search.size === 0 ? path : `${path}?${search.toString()}`;

  const headers = new Headers();
  if (accessToken !== undefined) headers.set('Authorization', `Bearer ${accessToken}`);
  if (bytes) headers.set('Content-Type', bytes.type);
  else if (json !== undefined) headers.set('Content-Type', 'application/json');
  const body = bytes ? bytes.content : json === undefined ? null : JSON.stringify(json);

  const timeout = AbortSignal.timeout(timeoutMs);
  const signal =
    options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  const response = await fetch(`${baseUrl}${fullPath}`, { method, headers, body, signal });
  const text = await response.text();
  const answer = parseJson(text);
  if (!response.ok) {
    const error = new Map<string, unknown>(Object.entries(answer ?? {}));
    const errcode = error.get('errcode');
    const detail = error.get('error');
    throw new RequestError(
      method,
      fullPath,
      response.status,
      typeof errcode === 'string' ? errcode : undefined,
      typeof detail === 'string' ? detail : text.slice(0, 200),
    );
  }
  return answer as Answer;
}

/** One path segment: an id's `/`, `:`, `#` and `?` must not be read as the URL's own. */
export function segment(id: string): string {
  return encodeURIComponent(id);
}

function parseJson(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
