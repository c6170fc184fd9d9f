/** A sync may take a while on purpose. */
const maxRequestMs = 60_000;

export interface RequestOptions {
  readonly accessToken?: string;
  /** The body, sent as JSON. */
  readonly json?: unknown;
  /** The body, sent as it is instead of `json`. */
  readonly file?: Blob;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** The IP address that the request comes from, for Synapse. Default: the loopback address. */
  readonly address?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a request to a homeserver. Nothing checks that the answer has the shape that the caller
 * expects; it is undefined if it isn't JSON.
 *
 * @param path without the query; IDs in it are encoded
 * @throws Error with `status` and Matrix's `errcode`, unless the status is 2xx
 */
export async function request<Answer>(
  baseUrl: string,
  method: string,
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  const { accessToken, address, json, file, query = {}, signal } = options;
  const url = new URL(`${baseUrl}${path}`);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) {
      url.searchParams.set(name, String(value));
    }
  }
  const jsonFile = new Blob([JSON.stringify(json) ?? ''], { type: 'application/json' });
  const timeout = AbortSignal.timeout(maxRequestMs);
  const response = await fetch(url, {
    method,
    headers: {
      ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
      ...(address === undefined ? {} : { 'x-forwarded-for': address }),
    },
    // Its type becomes the request's Content-Type.
    body: file ?? (json === undefined ? null : jsonFile),
    signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
  });
  const answer: unknown = await response.json().catch((error: unknown) => {
    if (!(error instanceof SyntaxError)) {
      throw error;
    }
  });
  if (!response.ok) {
    const { errcode, error } = (answer ?? {}) as { errcode?: string; error?: string };
    const message = `${method} ${url.pathname}: ${response.status} ${errcode ?? ''} ${error ?? ''}`;
    throw Object.assign(new Error(message), { status: response.status, errcode });
  }
  return answer as Answer;
}
