/** The homeserver answered a request with an error. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly status: number;
  /** The Matrix error code, if the answer has one. */
  readonly errcode: string | undefined;

  /** @param request the method and the path, with its query */
  constructor(request: string, status: number, answer: { errcode?: string; error?: string }) {
    super(`${request}: ${status} ${answer.errcode ?? '(no errcode)'} ${answer.error ?? ''}`.trim());
    this.status = status;
    this.errcode = answer.errcode;
  }
}

export interface RequestOptions {
  readonly accessToken?: string;
  /** The body, sent as JSON. */
  readonly json?: unknown;
  /** The body, sent as it is instead of `json`. */
  readonly bytes?: { readonly content: Uint8Array<ArrayBuffer>; readonly type: string };
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Default: 30 s. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a request to a homeserver. Nothing checks that the answer has the shape that the caller
 * expects.
 *
 * @param path without the query; IDs in it are encoded (see {@link segment}).
 * @throws RequestError unless the status is 2xx.
 */
export async function request<Answer>(
  baseUrl: string,
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  const { accessToken, json, bytes, query = {}, timeoutMs = 30_000 } = options;
  const url = new URL(`${baseUrl}${path}`);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  const headers = new Headers();
  if (accessToken !== undefined) headers.set('Authorization', `Bearer ${accessToken}`);
  if (bytes ?? json) headers.set('Content-Type', bytes?.type ?? 'application/json');
  const response = await fetch(url, {
    method,
    headers,
    body: bytes?.content ?? JSON.stringify(json) ?? null,
    signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), options.signal ?? []].flat()),
  });
  const text = await response.text();
  const answer = parseJson(text);
  if (!response.ok) {
    const error = answer ?? { error: text.slice(0, 200) };
    throw new RequestError(`${method} ${url.pathname}${url.search}`, response.status, error);
  }
  return answer as Answer;
}

/** Encodes an ID as one path segment, so that its `/`, `#` and `?` don't end the segment. */
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
