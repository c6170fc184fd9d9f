import type { Got } from 'got';
import type { z } from 'zod';

import { ForeignAnswerError, HomeserverError } from '../core/errors.ts';
import { boundedAnswer, maxAnswerBytes } from './bounded-answer.ts';
import { answeredError, translateHttpError } from './http.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface RequestOptions<Schema extends z.ZodType> {
  /** What the answer must look like; unknown fields are dropped. */
  readonly answer: Schema;
  /** Values of the template's `{names}`; each becomes one encoded segment. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Query;
  readonly body?: unknown;
  readonly timeoutMs?: number;
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

export function createSendRequest(http: Got, baseUrl: string): SendRequest {
  const base = baseUrl.replace(/\/+$/, '');
  return async (method, template, options) => {
    const request = `${method} ${template}`;
    const url = `${base}${fillTemplate(template, options.path ?? {})}${queryString(options.query)}`;
    let status: number;
    let text: string;
    try {
      const response = await boundedAnswer(request, maxAnswerBytes, undefined, (signal) =>
        http(url, {
          method,
          responseType: 'text',
          signal,
          ...(options.body === undefined ? {} : { json: options.body }),
          ...(options.timeoutMs === undefined
            ? {}
            : { timeout: { request: options.timeoutMs, connect: 5_000 } }),
        }),
      );
      status = response.statusCode;
      text = response.body;
    } catch (error) {
      throw translateHttpError(error, request);
    }
    // Redirects are not followed: the token is for this server only, and Synapse sends none.
    if (status >= 300) {
      throw answeredError(status, text, request);
    }
    return decode(options.answer, { text, status }, request);
  };
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
    // Half a surrogate pair can stand in JSON, but has no bytes to be encoded.
    if (!value.isWellFormed()) {
      throw new TypeError(`{${name}} is not Unicode`);
    }
    return encodeURIComponent(value);
  });
}

function queryString(query: Query = {}): string {
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

function decode<Schema extends z.ZodType>(
  schema: Schema,
  { text, status }: { readonly text: string; readonly status: number },
  request: string,
): z.output<Schema> {
  if (nestsTooDeep(text)) {
    throw new HomeserverError(200, 'LAWSPEAKER_BAD_ANSWER', request, 'its answer nests too deep');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // A login portal's page, say: Synapse answers in JSON.
    throw new ForeignAnswerError(status, request);
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    const where = result.error.issues[0]?.path.join('.') ?? '';
    throw new HomeserverError(
      200,
      'LAWSPEAKER_BAD_ANSWER',
      request,
      `its answer has an unexpected ${where === '' ? 'form' : `"${where}"`}`,
    );
  }
  return result.data;
}

/** What people keep in their account data is their own choice, and Synapse takes some 1,000 levels. */
const deepest = 500;

/** Values that are deeper could not be walked, by us or by `JSON.stringify`. */
function nestsTooDeep(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === '\\') {
        at += 1;
      } else if (character === '"') {
        inString = false;
      }
    } else if (character === '"') {
      inString = true;
    } else if (character === '[' || character === '{') {
      depth += 1;
      if (depth > deepest) {
        return true;
      }
    } else if (character === ']' || character === '}') {
      depth -= 1;
    }
  }
  return false;
}

/** What `call` answers, undefined where the server has no such thing. */
export async function orUndefined<Value>(call: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof HomeserverError && error.isNotFound) {
      return undefined;
    }
    throw error;
  }
}
