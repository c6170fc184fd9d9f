import { z } from 'zod';

import { ForeignAnswerError, HomeserverError } from '../core/errors.ts';
import type { EventId, RoomId, UserId } from '../core/ids.ts';

type CamelCase<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name;

/** An API object under our names: `creation_ts` becomes `creationTs`. Not deep: nest the schemas. */
type Camel<Value> = {
  [Name in keyof Value as Name extends string ? CamelCase<Name> : Name]: Value[Name];
};

/** Kept, because a list of a thousand reports has each of its names a thousand times. */
const camelNames = new Map<string, string>();

function camelName(name: string): string {
  const known = camelNames.get(name);
  if (known !== undefined) {
    return known;
  }
  const made = name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  camelNames.set(name, made);
  return made;
}

function camel<Value extends object>(value: Value): Camel<Value> {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [camelName(name), member]),
  ) as Camel<Value>;
}

/** A schema in the API's own names whose result has ours. Unknown fields are dropped. */
export function apiObject<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.object(shape).transform((value) => camel(value));
}

/** A member that some versions of the server leave out: absent and null are the same. */
export function maybe<Schema extends z.ZodType>(schema: Schema) {
  return schema.nullable().default(null);
}

/** A boolean; servers on SQLite send some as 0 and 1. */
export const bool = z
  .union([z.boolean(), z.literal(0), z.literal(1)])
  .transform((value) => value === true || value === 1);

/** A boolean that is false when absent. */
export const flag = bool.nullish().transform((value) => value ?? false);

/**
 * Checks only how an ID in an answer starts and, for users, that it has a server name. The parsers of
 * `ids.ts` are stricter, for what people type. But users and rooms of other servers can have IDs that
 * break the rules, and one such ID must not hide a whole list from the moderators.
 */
function id<Id extends string>(pattern: RegExp, message: string) {
  return (
    z
      .string()
      .regex(pattern, message)
      // IDs are sent back in later requests, and half a surrogate pair can't be encoded.
      .transform((text) => text.toWellFormed() as Id)
  );
}

export const userId = id<UserId>(/^@[^:]*:./s, 'not a user ID');
export const roomId = id<RoomId>(/^!./s, 'not a room ID');
export const eventId = id<EventId>(/^\$./s, 'not an event ID');

/** For endpoints whose answer holds nothing that we use: `{}`, or something that differs by version. */
export const nothing = z.unknown().transform(() => undefined);

/** A list without its unreadable members: an unexpected one must not hide the others. */
export function readable<Schema extends z.ZodType>(schema: Schema) {
  return z.array(z.unknown()).transform((members) =>
    members.flatMap((member): z.output<Schema>[] => {
      const read = schema.safeParse(member);
      return read.success ? [read.data] : [];
    }),
  );
}

/** People can nest their account data as deep as they like: Synapse accepts about 1,000 levels. */
const usualMaxDepth = 500;

/**
 * Decodes an answer's text.
 *
 * @param answer.request method and path template, for errors
 * @param answer.maxDepth how deep it may nest, 500 levels by default: our code and `JSON.stringify`
 * both fail on values that nest much deeper
 * @throws ForeignAnswerError it is not JSON
 * @throws HomeserverError it is not what the schema describes
 */
export function decodeAnswer<Schema extends z.ZodType>(
  schema: Schema,
  answer: {
    readonly text: string;
    readonly status: number;
    readonly request: string;
    readonly maxDepth?: number | undefined;
  },
): z.output<Schema> {
  const { text, status, request, maxDepth = usualMaxDepth } = answer;
  if (Number.isFinite(maxDepth) && nestsDeeper(text, maxDepth)) {
    throw new HomeserverError(200, 'LAWSPEAKER_BAD_ANSWER', request, 'its answer nests too deep');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // For example, the page of a login portal. Synapse itself answers in JSON.
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

function nestsDeeper(text: string, maxDepth: number): boolean {
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
      if (depth > maxDepth) {
        return true;
      }
    } else if (character === ']' || character === '}') {
      depth -= 1;
    }
  }
  return false;
}
