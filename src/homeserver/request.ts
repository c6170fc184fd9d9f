import type { Got } from 'got';
import type { z } from 'zod';

import { isNotFound, orUndefined } from '../core/errors.ts';
import { present } from '../core/present.ts';
import { decodeAnswer } from './decode.ts';
import { answeredError, boundedAnswer, retryOptions, translateHttpError } from './http.ts';
import type { AnsweredError, Retry } from './http.ts';

/** Bytes of an answer after decompression: more than any list of Synapse's has in one page. */
const maxAnswerBytes = 32 * 1024 * 1024;

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

interface PathAndQuery {
  /** Values of the template's `{names}`; each becomes one encoded segment. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Query;
}

export interface RequestOptions<Schema extends z.ZodType> extends PathAndQuery {
  /** What the answer must look like; unknown fields are dropped. */
  readonly answer: Schema;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly file?: { readonly bytes: Buffer; readonly contentType: string };
  /** How long this request may take in all, if that differs from the client's default. */
  readonly timeoutMs?: number;
  /** `safe` by default. */
  readonly retry?: Retry;
}

/**
 * Calls an endpoint given as method and path template, and decodes its answer.
 *
 * @throws HomeserverError a Matrix error, or an answer that is not what it should be, or too large
 * @throws ForeignAnswerError what answered is not the homeserver
 * @throws UnreachableError no answer
 */
export type SendRequest = <Schema extends z.ZodType>(
  method: Method,
  template: string,
  options: RequestOptions<Schema>,
) => Promise<z.output<Schema>>;

/**
 * Reads what a GET answers, as bytes.
 *
 * @throws TooLargeAnswerError there are more than `maxBytes`; the rest is not read
 * @throws as `SendRequest`
 */
export type Download = (
  template: string,
  options: PathAndQuery & { readonly maxBytes: number },
) => Promise<Buffer>;

/** Bounds for all requests of one client. */
interface RequestBounds {
  /** Ends all requests. */
  readonly stop?: AbortSignal | undefined;
  /** No request takes longer, whatever its own timeout. */
  readonly maxTimeoutMs?: number | undefined;
  /** Answers that nest deeper are refused: see `decodeAnswer`. */
  readonly maxDepth?: number | undefined;
}

interface SendOptions extends RequestBounds {
  /** Reads answers with an error status; by default, only a Matrix error is the server's own word. */
  readonly answered?: AnsweredError | undefined;
}

/** Requests to the API at `baseUrl`. */
export function createSendRequest(
  http: Got,
  baseUrl: string,
  { answered = answeredError, ...bounds }: SendOptions = {},
): SendRequest {
  return async (method, template, options) => {
    const request = `${method} ${template}`;
    const { answer, body, file, timeoutMs, retry = 'safe' } = options;
    const url = urlOf(baseUrl, template, options);
    const { statusCode: status, body: text } = await sent(
      request,
      async () =>
        boundedAnswer(request, maxAnswerBytes, bounds.stop, (signal) =>
          http(url, {
            method,
            responseType: 'text',
            signal,
            ...retryOptions(retry),
            ...timeoutOptions(timeoutMs, bounds),
            ...present({ json: body }),
            ...(file === undefined
              ? {}
              : { body: file.bytes, headers: { 'content-type': file.contentType } }),
          }),
        ),
      answered,
    );
    if (status >= 300) {
      throw answered(status, text, request);
    }
    return decodeAnswer(answer, {
      // "No content": MAS answers some changes with it, and it has no body.
      text: status === 204 ? 'null' : text,
      status,
      request,
      maxDepth: bounds.maxDepth,
    });
  };
}

/** Downloads from the API at `baseUrl`. */
export function createDownload(http: Got, baseUrl: string, bounds: RequestBounds = {}): Download {
  return async (template, { maxBytes, ...options }) => {
    const request = `GET ${template}`;
    const url = urlOf(baseUrl, template, options);
    const { statusCode: status, body } = await sent(request, async () =>
      boundedAnswer(request, maxBytes, bounds.stop, (signal) =>
        http(url, {
          responseType: 'buffer',
          decompress: false,
          signal,
          ...timeoutOptions(undefined, bounds),
        }),
      ),
    );
    if (status >= 300) {
      throw answeredError(status, body, request);
    }
    return Buffer.from(body);
  };
}

async function sent<Answer>(
  request: string,
  send: () => Promise<Answer>,
  answered?: AnsweredError,
): Promise<Answer> {
  try {
    return await send();
  } catch (error) {
    throw translateHttpError(error, request, answered);
  }
}

/** Got's option for a timeout of its own, or for the client's bound; nothing leaves got's as it is. */
function timeoutOptions(timeoutMs: number | undefined, { maxTimeoutMs }: RequestBounds) {
  if (timeoutMs === undefined && maxTimeoutMs === undefined) {
    return {};
  }
  const request = Math.min(
    timeoutMs ?? Number.POSITIVE_INFINITY,
    maxTimeoutMs ?? Number.POSITIVE_INFINITY,
  );
  return { timeout: { request } };
}

function urlOf(baseUrl: string, template: string, { path = {}, query = {} }: PathAndQuery): string {
  return `${baseUrl.replace(/\/+$/, '')}${fillTemplate(template, path)}${queryString(query)}`;
}

/** Encodes every value as one segment: an ID with `?`, `#` or `/` must not reach another path. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined || value === '') {
      throw new TypeError(`no value for {${name}} in ${template}`);
    }
    // `.` and `..` survive percent-encoding, and URL parsers then walk up the path.
    if (/^\.{1,2}$/.test(value)) {
      throw new TypeError(`{${name}} may not be ${value}`);
    }
    // JSON can hold half a surrogate pair, but it can't be encoded.
    if (!value.isWellFormed()) {
      throw new TypeError(`{${name}} is not Unicode`);
    }
    return encodeURIComponent(value);
  });
}

function queryString(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? (value as readonly string[]) : [value]) {
      if (item !== undefined) {
        parameters.append(name, String(item));
      }
    }
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

/** What `call` answers, undefined if the server says that there is no such thing. */
export async function ifFound<Value>(call: () => Promise<Value>): Promise<Value | undefined> {
  return orUndefined(call(), isNotFound);
}
